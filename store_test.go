package vanity_test

import (
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity"
	"example.com/vanity/internal/gittest"
	"example.com/vanity/internal/gocmd"
)

// TestDirStoreIsGoproxy checks that what was served once is a GOPROXY of files. What was only listed isn't there, and so not
// in the list: the go command wants the go.mod of the highest version in it, whatever it is asked for.
func TestDirStoreIsGoproxy(t *testing.T) {
	if testing.Short() {
		t.Skip("runs the go command")
	}
	repo := gittest.New(t, acme)
	dir := t.TempDir()
	h := vanity.Goproxy("", at(toolConfig, repo.Dir), vanity.WithStore(vanity.DirStore(dir)))
	served := gocmd.New(t)
	served.Use(h, "")
	served.Versions(toolPath) // 1.1.0 is the highest, and its go.mod is read for retractions
	get(t, serve(t, h)+"/go.acme.test/!tool/@v/v1.2.0-rc.1.info")
	for _, tt := range []struct {
		version string
		want    []string
	}{
		{toolPath + "@v1.0.0", []string{"v1.0.0", "v1.1.0", "v1.2.0-rc.1"}},
		{toolPath + "/v2@v2.0.0", []string{"v2.0.0"}},
	} {
		first := served.Download(tt.version)
		files := gocmd.New(t)
		files.Setenv("GOPROXY", "file://"+filepath.ToSlash(dir))
		path, _, _ := strings.Cut(tt.version, "@")
		if diff := cmp.Diff(tt.want, files.Versions(path)); diff != "" {
			t.Errorf("versions (-want +stored):\n%s", diff)
		}
		if d := files.Download(tt.version); d.Sum != first.Sum || d.GoModSum != first.GoModSum {
			t.Errorf("stored %+v, served %+v", d, first)
		}
	}
}

// TestHostGone checks that what was served before is served when the host is down, or says that there is no such
// repository, by another process as well.
func TestHostGone(t *testing.T) {
	repo := gittest.New(t, acme)
	files := []string{"/@v/list", "/@latest", "/@v/main.info", "/@v/v1.1.0.info", "/@v/v1.1.0.mod", "/@v/v1.1.0.zip", "/v2/@v/v2.0.0.zip"}
	for name, gone := range map[string]func(*gittest.Server){
		"down":    func(s *gittest.Server) { s.SetDown(true) },
		"deleted": func(s *gittest.Server) { s.Wrap(gittest.Status(404, nil)) },
		"private": func(s *gittest.Server) { s.Wrap(gittest.Status(401, nil)) },
		"hidden":  func(s *gittest.Server) { s.Wrap(gittest.Status(403, nil)) },
		"removed": func(s *gittest.Server) { s.Wrap(gittest.Status(410, nil)) },
		"broken":  func(s *gittest.Server) { s.Wrap(gittest.Status(500, nil)) },
		"limited": func(s *gittest.Server) { s.Wrap(gittest.Status(429, nil)) },
		"another": func(s *gittest.Server) { s.Wrap(gittest.HTML()) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := gittest.Serve(t, gittest.AllFilters, map[string]*gittest.Repo{"acme/mono": repo})
			store := vanity.DirStore(t.TempDir())
			handler := func() http.Handler {
				return vanity.Goproxy("", at(toolConfig, server.URL+"/acme/mono"), vanity.WithStore(store), vanity.WithFreshness(0), quiet())
			}
			base := serve(t, handler()) + "/go.acme.test/!tool"
			var bodies []string
			for _, file := range files {
				status, _, body := get(t, base+file)
				if status != 200 {
					t.Fatalf("%s: status %d, %s", file, status, body)
				}
				bodies = append(bodies, body)
			}
			gone(server)
			for _, base := range []string{base, serve(t, handler()) + "/go.acme.test/!tool"} {
				for i, file := range files {
					status, _, body := get(t, base+file)
					if status != 200 || body != bodies[i] {
						t.Errorf("%s: status %d, %s", file, status, body)
					}
				}
				for _, file := range []string{"/@v/v1.0.0.info", "/@v/dev.info", "/v3/@v/list"} {
					if status, header, body := get(t, base+file); status < 429 || header.Get("Cache-Control") != "no-store" {
						t.Errorf("%s, which was not served before: status %d, %s", file, status, body)
					}
				}
			}
		})
	}
}

// TestMovedTagStored checks that a version stays what it was in every process that has the store, and that the owner
// is told.
func TestMovedTagStored(t *testing.T) {
	repo := gittest.New(t, acme)
	dir := t.TempDir()
	var log logged
	handler := func() http.Handler {
		return vanity.Goproxy("", at(toolConfig, repo.Dir), vanity.WithStore(vanity.DirStore(dir)), vanity.WithFreshness(time.Nanosecond), vanity.WithLogger(log.logger()))
	}
	base := serve(t, handler()) + "/go.acme.test/!tool"
	_, _, info := get(t, base+"/@v/v1.1.0.info")
	repo.Git("tag", "-f", "tool-1.1.0", "tool-1.0.0")
	repo.Git("tag", "-d", "tool-1.0.0")
	for _, base := range []string{base, serve(t, handler()) + "/go.acme.test/!tool"} {
		_, _, zip := get(t, base+"/@v/v1.1.0.zip")
		if text := zipFile(t, zip, toolPath+"@v1.1.0/tool.go"); !strings.Contains(text, "two") {
			t.Errorf("a zip of another commit: %s", text)
		}
		for _, file := range []string{"/@v/v1.1.0.info", "/@latest", "/@v/tool-1.1.0.info"} {
			if _, _, again := get(t, base+file); again != info {
				t.Errorf("%s: %s, want %s", file, again, info)
			}
		}
		if _, _, list := get(t, base+"/@v/list"); list != "v1.1.0\nv1.2.0-rc.1\n" {
			t.Errorf("list %q", list)
		}
		if text := log.text(); strings.Count(text, "tag was moved") == 0 {
			t.Errorf("log %q", text)
		}
	}
}
