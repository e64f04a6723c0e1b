module example.com/vanity/internal/bench

go 1.26.0

require (
	example.com/vanity v0.0.0
	github.com/goproxy/goproxy v0.26.1
	golang.org/x/mod v0.40.0
)

require (
	github.com/aclements/go-moremath v0.0.0-20210112150236-f10218a38794 // indirect
	github.com/aofei/backoff v1.2.0 // indirect
	golang.org/x/perf v0.0.0-20260908200009-22c9c6c9d4da // indirect
)

replace example.com/vanity => ../..

tool golang.org/x/perf/cmd/benchstat
