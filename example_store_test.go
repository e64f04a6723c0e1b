package vanity_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"net/http/httptest"
	"path"
	"slices"
	"strings"
	"sync"

	"golang.org/x/mod/module"

	"example.com/vanity"
)

// A bucketStore keeps answers in memory, as in life a bucket of an object storage would.
type bucketStore struct {
	mu      sync.Mutex
	objects map[string][]byte
}

func (s *bucketStore) Get(_ context.Context, name string) (io.ReadCloser, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	object, ok := s.objects[name]
	if !ok {
		return nil, fs.ErrNotExist // and only then: any other error says that nobody knows
	}
	return io.NopCloser(bytes.NewReader(object)), nil
}

func (s *bucketStore) Put(_ context.Context, name string, content io.ReadSeeker) error {
	object, err := io.ReadAll(content)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.objects[name]; !ok || !isVersions(name) { // by "If-None-Match: *" in a bucket
		s.objects[name] = object
	}
	return nil
}

// Remove is there because Put keeps the first: what is found to be spoilt is taken away by it.
func (s *bucketStore) Remove(_ context.Context, name string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.objects, name)
	return nil
}

// isVersions says whether a name is one of a version's files.
func isVersions(name string) bool {
	dir, file := path.Split(name)
	ext := path.Ext(file)
	version, err := module.UnescapeVersion(strings.TrimSuffix(file, ext))
	return strings.HasSuffix(dir, "/@v/") && (ext == ".info" || ext == ".mod" || ext == ".zip") &&
		err == nil && version == module.CanonicalVersion(version)
}

// A store of one's own: three methods, and one rule, that a version's files stay what they were first.
func ExampleStore() {
	host := gitHost("acme/mono") // plays GitHub here: in life, without WithClient
	defer host.Close()
	store := &bucketStore{objects: make(map[string][]byte)}
	handler := vanity.Goproxy("/go", vanity.Config{
		URL:       "https://github.com/acme/mono",
		Module:    "go.acme.dev/tool",
		Directory: "libs/tool",
		Tags:      "tool-*",
	}, vanity.WithStore(store), vanity.WithClient(host.Client()))

	w := httptest.NewRecorder()
	handler.ServeHTTP(w, httptest.NewRequest("GET", "/go/go.acme.dev/tool/@v/v1.1.0.mod", nil))
	fmt.Println(w.Code, w.Body)
	for _, name := range slices.Sorted(maps.Keys(store.objects)) {
		fmt.Println(name)
	}
	// Output:
	// 200 module go.acme.dev/tool
	//
	// go.acme.dev/tool/@v/list
	// go.acme.dev/tool/@v/list.sum
	// go.acme.dev/tool/@v/v1.1.0.info
	// go.acme.dev/tool/@v/v1.1.0.info.sum
	// go.acme.dev/tool/@v/v1.1.0.mod
	// go.acme.dev/tool/@v/v1.1.0.mod.sum
}
