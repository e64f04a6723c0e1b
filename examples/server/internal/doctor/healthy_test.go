package doctor_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity/examples/server/internal/doctor"
	"example.com/vanity/internal/gocmd"
)

// TestHealthy has each kind of module that the library serves, at its own host and at a server that isn't public yet. The
// hashes must be those of the go command.
func TestHealthy(t *testing.T) {
	w := newWorld(t)
	g := w.goCommand(t)
	for _, tt := range []struct{ module, package_, version, want string }{
		{tool, tool + "/sub", "v1.2.0", `
ok    page        https://go.acme.test/tool?go-get=1: 200 OK, 1 go-import tag
ok    tag         go.acme.test/tool mod https://go.acme.test/go
ok    below       https://go.acme.test/tool/doctor-probe?go-get=1 has the same tag
ok    pkg.go.dev  it links to the source by the go-source tag: https://go.acme.test/tool/-/src/{commit}{/dir}/{file}#L{line}
ok    base        https://go.acme.test/goAT
ok    list        https://go.acme.test/go/go.acme.test/tool/@v/list: 200 OK, 3 versions, the highest v1.2.0
ok    latest      https://go.acme.test/go/go.acme.test/tool/@latest: INFO
ok    info        https://go.acme.test/go/go.acme.test/tool/@v/v1.2.0.info: INFO
ok    go.mod      https://go.acme.test/go/go.acme.test/tool/@v/v1.2.0.mod: module go.acme.test/tool, go 1.21
ok    zip         https://go.acme.test/go/go.acme.test/tool/@v/v1.2.0.zip: 200 OK, ZIP bytes
ok    zip check   3 files, all below go.acme.test/tool@v1.2.0/
ok    hash        go.acme.test/tool v1.2.0 SUM, as in GOSUM
ok    hash        go.acme.test/tool v1.2.0/go.mod MODSUM, as in GOSUM
ok    absent      a version that isn't there: 404 Not Found: not found: go.acme.test/tool@v0.999999.999999-doctor-probe: unknown version
ok    absent      a module that isn't there: 404 Not Found: not found: go.acme.test/tool/doctor-probe: no such module is served here
ok    sumdb       https://go.acme.test/go/sumdb/sum.golang.org/supported: 404 Not Found, so that the database is asked without it
`},
		{"go.acme.test/own", "go.acme.test/own/sub", "v1.0.0", `
ok    page        https://go.acme.test/own?go-get=1: 200 OK, 1 go-import tag
ok    tag         go.acme.test/own git https://git.acme.test/acme/own
ok    below       https://go.acme.test/own/doctor-probe?go-get=1 has the same tag
ok    pkg.go.dev  it links to the source as it knows the host of https://git.acme.test/acme/own
ok    repository  https://git.acme.test/acme/own/info/refs?service=git-upload-pack: 200 OK, git's protocol
ok    versions    2 tags of https://git.acme.test/acme/own for go.acme.test/own by the pattern vX.Y.Z, the highest v1.0.0
ok    list        the repository's @v/list: 200 OK, 2 versions, the highest v1.0.0
ok    latest      the repository's @latest: INFO
ok    info        the repository's @v/v1.0.0.info: INFO
ok    go.mod      the repository's @v/v1.0.0.mod: module go.acme.test/own
ok    zip         the repository's @v/v1.0.0.zip: 200 OK, ZIP bytes
ok    zip check   3 files, all below go.acme.test/own@v1.0.0/
ok    hash        go.acme.test/own v1.0.0 SUM, as in GOSUM
ok    hash        go.acme.test/own v1.0.0/go.mod MODSUM, as in GOSUM
`},
		{"go.acme.test/dir", "go.acme.test/dir", "v1.0.0", `
ok    page        https://go.acme.test/dir?go-get=1: 200 OK, 1 go-import tag
ok    tag         go.acme.test/dir git https://git.acme.test/acme/dir libs/dir
warn  tag         a tag with a directory is nothing to Go 1.24 and older
      mend: none, if nobody has an older Go; else lead there by mod and the base of a GOPROXY, as vanity.Goproxy is
ok    below       https://go.acme.test/dir/doctor-probe?go-get=1 has the same tag
warn  pkg.go.dev  it can't link to the source: there is neither a go-source tag, nor one with three fields that names a repository
      mend: add a go-source tag, or one of the repository, if its tags are those of the versions
ok    repository  https://git.acme.test/acme/dir/info/refs?service=git-upload-pack: 200 OK, git's protocol
ok    versions    1 tag of https://git.acme.test/acme/dir for go.acme.test/dir by the pattern libs/dir/vX.Y.Z, the highest v1.0.0
ok    list        the repository's @v/list: 200 OK, 1 version, the highest v1.0.0
ok    latest      the repository's @latest: INFO
ok    info        the repository's @v/v1.0.0.info: INFO
ok    go.mod      the repository's @v/v1.0.0.mod: module go.acme.test/dir
ok    zip         the repository's @v/v1.0.0.zip: 200 OK, ZIP bytes
ok    zip check   2 files, all below go.acme.test/dir@v1.0.0/
ok    hash        go.acme.test/dir v1.0.0 SUM, as in GOSUM
ok    hash        go.acme.test/dir v1.0.0/go.mod MODSUM, as in GOSUM
`},
		{"go.acme.test/gosub", "go.acme.test/gosub", "v1.0.0", `
ok    page        https://go.acme.test/gosub?go-get=1: 200 OK, 2 go-import tags
ok    tag         go.acme.test/gosub mod https://go.acme.test/-/gosub/SPEC
ok    below       https://go.acme.test/gosub/doctor-probe?go-get=1 has the same tag
ok    pkg.go.dev  it links to the source as it knows the host of https://git.acme.test/acme/mono
ok    base        https://go.acme.test/-/gosub/SPECAT
ok    list        https://go.acme.test/-/gosub/SPEC/go.acme.test/gosub/@v/list: 200 OK, 1 version, the highest v1.0.0
ok    latest      https://go.acme.test/-/gosub/SPEC/go.acme.test/gosub/@latest: INFO
ok    info        https://go.acme.test/-/gosub/SPEC/go.acme.test/gosub/@v/v1.0.0.info: INFO
ok    go.mod      https://go.acme.test/-/gosub/SPEC/go.acme.test/gosub/@v/v1.0.0.mod: module go.acme.test/gosub
ok    zip         https://go.acme.test/-/gosub/SPEC/go.acme.test/gosub/@v/v1.0.0.zip: 200 OK, ZIP bytes
ok    zip check   2 files, all below go.acme.test/gosub@v1.0.0/
ok    hash        go.acme.test/gosub v1.0.0 SUM, as in GOSUM
ok    hash        go.acme.test/gosub v1.0.0/go.mod MODSUM, as in GOSUM
ok    absent      a version that isn't there: 404 Not Found: not found: go.acme.test/gosub@v0.999999.999999-doctor-probe: unknown version (the repository has no tag "gosub-0.999999.999999-doctor-probe")
ok    absent      a module that isn't there: 404 Not Found: not found: go.acme.test/gosub/doctor-probe: the module's go.mod declares its path as "go.acme.test/gosub"
ok    sumdb       https://go.acme.test/-/gosub/SPEC/sumdb/sum.golang.org/supported: 404 Not Found, so that the database is asked without it
`},
	} {
		t.Run(tt.module, func(t *testing.T) {
			got := g.Download(tt.module + "@latest")
			g.Get(tt.package_)
			goSum := filepath.Join(g.Dir, "go.sum")
			want := strings.NewReplacer(
				"GOSUM", goSum, "MODSUM", got.GoModSum, "SUM", got.Sum, "INFO", infoOf(t, got),
				"SPEC", "git.acme.test/acme/mono:d=libs%2Fgosub&p=gosub-;", "AT\n", "\n").Replace(tt.want[1:])
			out, healthy := w.look(t, tt.module, func(o *doctor.Options) { o.GoSum = goSum })
			out = sizes.ReplaceAllString(out, "ZIP bytes\n")
			if diff := cmp.Diff("ok    server      https://go.acme.test is asked as the go command would\n"+want, out); diff != "" || !healthy {
				t.Errorf("healthy: %t (-want +got):\n%s", healthy, diff)
			}
			if got.Version != tt.version {
				t.Errorf("the go command has %s", got.Version)
			}
			// The same at the address where the server can be tried.
			out, healthy = w.look(t, tt.module, func(o *doctor.Options) { o.GoSum, o.URL = goSum, w.server.URL })
			if !healthy || !strings.HasPrefix(out, "ok    server      "+w.server.URL+" is asked in the place of https://go.acme.test, whose own server is not\n") {
				t.Errorf("healthy: %t\n%s", healthy, out)
			}
			_, out, _ = strings.Cut(out, "\n")
			out = sizes.ReplaceAllString(out, "ZIP bytes\n")
			out = strings.ReplaceAll(out, ", asked at "+w.server.URL+"\n", "\n")
			if diff := cmp.Diff(want, out); diff != "" {
				t.Errorf("at the server (-want +got):\n%s", diff)
			}
		})
	}
}

// sizes are those of zips, which may be packed in many ways.
var sizes = regexp.MustCompile(`\b\d+ bytes\n`)

// infoOf writes what the go command knows of a version as the doctor does.
func infoOf(t *testing.T, d gocmd.Download) string {
	t.Helper()
	data, err := os.ReadFile(d.Info)
	if err != nil {
		t.Fatal(err)
	}
	var info struct {
		Version, Time string
		Origin        gocmd.Origin
	}
	if err := json.Unmarshal(data, &info); err != nil {
		t.Fatal(err)
	}
	s := info.Version + " of " + info.Time + ", commit " + info.Origin.Hash + " by " + info.Origin.Ref + " in " + info.Origin.URL
	if info.Origin.Subdir != "" {
		s += " below " + info.Origin.Subdir
	}
	return s
}

// A package's path comes to its module, a nested module to itself, and a version that isn't the latest is looked at.
func TestPaths(t *testing.T) {
	w := newWorld(t)
	for _, tt := range []struct {
		module string
		want   []string
	}{
		{tool + "/sub", []string{
			"ok    prefix      https://go.acme.test/tool?go-get=1 has the same tag",
			"ok    module      go.acme.test/tool/sub is in the module go.acme.test/tool",
			"ok    zip check   3 files, all below go.acme.test/tool@v1.2.0/\nok    package     sub has Go files\n",
		}},
		{tool + "/nested", []string{"ok    zip check   2 files, all below go.acme.test/tool/nested@v0.1.0/"}},
		{tool + "/v2", []string{"ok    prefix ", "ok    zip check   3 files, all below go.acme.test/tool/v2@v2.0.0/", "a version that isn't there: 404 Not Found: not found: go.acme.test/tool/v2@v2.999999.999999-doctor-probe"}},
		{tool + "@v1.0.0", []string{"ok    zip check   3 files, all below go.acme.test/tool@v1.0.0/"}},
		{tool + "@latest", []string{"ok    zip check   3 files, all below go.acme.test/tool@v1.2.0/"}},
		{tool + "@main", []string{"@v/main.info: v1.2.0 of ", "ok    zip check   3 files, all below go.acme.test/tool@v1.2.0/"}},
		{tool + "/sub@v1.1.0", []string{"warn  go.mod      v1.1.0 is retracted\n      mend: none, if that is meant", "all below go.acme.test/tool@v1.1.0/"}},
		{"go.acme.test/own/sub@v0.9.0", []string{
			"ok    prefix      https://go.acme.test/own?go-get=1 has the same tag",
			"ok    module      go.acme.test/own/sub is in the module go.acme.test/own", "all below go.acme.test/own@v0.9.0/",
		}},
		{"go.acme.test/old", []string{"warn  repository  https://hg.acme.test/old of hg is not looked at: only git is\n      mend: try it: GOPROXY=direct go mod download", "skip  the module"}},
		{"go.acme.test/ssh", []string{"warn  repository  ssh://git@git.acme.test/acme/own is not looked at", "skip  the module"}},
		{"go.acme.test/untagged", []string{
			"warn  versions    no tag of https://git.acme.test/acme/mono is for go.acme.test/untagged",
			"(gosub-1.0.0, nested-0.1.0, tool-1.0.0, tool-1.1.0, tool-1.2.0 and 1 more), lead there by mod and a GOPROXY that knows it", "warn  zip check   it is empty",
		}},
	} {
		t.Run(tt.module, func(t *testing.T) {
			out, healthy := w.look(t, tt.module)
			for _, want := range tt.want {
				if !strings.Contains(out, want) {
					t.Errorf("no line %q in\n%s", want, out)
				}
			}
			if !healthy {
				t.Errorf("not healthy:\n%s", out)
			}
		})
	}
}
