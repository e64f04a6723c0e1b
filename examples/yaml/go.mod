module example.com/vanity/examples/yaml

go 1.26.0

replace example.com/vanity => ../..

require (
	example.com/vanity v0.0.0
	github.com/goccy/go-yaml v1.19.2
	github.com/google/go-cmp v0.7.0
	go.yaml.in/yaml/v2 v2.4.5
	go.yaml.in/yaml/v3 v3.0.6
	go.yaml.in/yaml/v4 v4.0.0
	gopkg.in/yaml.v3 v3.0.1
	sigs.k8s.io/yaml v1.6.0
)

require golang.org/x/mod v0.40.0 // indirect
