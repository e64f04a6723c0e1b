module example.com/vanity/examples/server

go 1.26.0

replace example.com/vanity => ../..

require (
	example.com/vanity v0.0.0
	go.yaml.in/yaml/v4 v4.0.0
)

require (
	golang.org/x/mod v0.42.0 // indirect
	golang.org/x/tools v0.52.0 // indirect
)
