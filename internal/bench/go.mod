module example.com/vanity/internal/bench

go 1.26.0

require (
	example.com/vanity v0.0.0
	github.com/goproxy/goproxy v0.26.1
	golang.org/x/mod v0.40.0
)

require github.com/aofei/backoff v1.2.0 // indirect

replace example.com/vanity => ../..
