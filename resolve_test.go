package vanity_test

import (
	"errors"
	"io/fs"
	"math/rand/v2"
	"net/http/httptest"
	"strings"
	"testing"

	"golang.org/x/mod/module"

	"example.com/vanity"
)

func TestSiteResolve(t *testing.T) {
	const gh, own = "https://github.com/acme/", "https://git.acme.dev/x.git"
	site := vanity.Site{Host: "acme.dev/go", Hosts: []string{"acme.test"}, Proxy: "/-/go", Paths: map[string]vanity.Import{
		"/root":     {Repo: gh + "root", Tags: "v*"},
		"tool/":     {Repo: gh + "mono", Directory: "libs/tool/", Tags: "tool-*"},
		"log":       {Repo: gh + "mono", Directory: "libs/log", Tags: "libs/log/v*"},
		"log/sub":   {Repo: gh + "sub"},
		"log/v3":    {Repo: gh + "three", Tags: "v*"},
		"unsure":    {Repo: own, VCS: "git", Directory: "libs/unsure"},
		"bare":      {Repo: own, VCS: "git", Proxy: "https://acme.dev:8443/elsewhere"},
		"other":     {Repo: gh + "other", Proxy: "https://proxy.acme.dev/go"},
		"again":     {Repo: gh + "again", Proxy: "http://acme.test/go"},
		"hg":        {Repo: gh + "hg", VCS: "hg", Proxy: "/go"},
		"mod":       {Repo: "https://acme.dev/go", VCS: "mod"},
		"hidden":    {Tags: "*"},
		"direct":    {Repo: gh + "direct"},
		"wild/*":    {Repo: gh + "mono", Directory: "wild/*", Tags: "wild/*/v*"},
		"all/*":     {Repo: gh + "*", Proxy: "/go"},
		"all/other": {Repo: gh + "other"},
	}}
	if err := site.Validate(); err != nil {
		t.Fatal(err)
	}
	config := func(path, url, dir, tags string) vanity.Config {
		return vanity.Config{URL: url, Module: "acme.dev/go/" + path, Directory: dir, Tags: tags}
	}
	for path, want := range map[string]vanity.Config{
		"acme.dev/go/root":           config("root", gh+"root", "", "v*"),
		"acme.dev/go/root/v2":        config("root", gh+"root", "", "v*"),
		"acme.dev/go/root/a/b":       config("root/a/b", gh+"root", "a/b", "a/b/v*"),
		"acme.dev/go/root/a/v3":      config("root/a", gh+"root", "a", "a/v*"),
		"acme.dev/go/root/v2/a":      config("root/v2/a", gh+"root", "v2/a", "v2/a/v*"),
		"acme.dev/go/tool":           config("tool", gh+"mono", "libs/tool/", "tool-*"),
		"acme.dev/go/tool/v10":       config("tool", gh+"mono", "libs/tool/", "tool-*"),
		"acme.dev/go/log":            config("log", gh+"mono", "libs/log", "libs/log/v*"),
		"acme.dev/go/log/v2":         config("log", gh+"mono", "libs/log", "libs/log/v*"),
		"acme.dev/go/log/v3":         config("log/v3", gh+"three", "", "v*"),
		"acme.dev/go/log/v3/x":       config("log/v3/x", gh+"three", "x", "x/v*"),
		"acme.dev/go/log/subway":     config("log/subway", gh+"mono", "libs/log/subway", "libs/log/subway/v*"),
		"acme.dev/go/unsure":         config("unsure", own, "libs/unsure", ""),
		"acme.dev/go/bare":           config("bare", own, "", ""),
		"acme.dev/go/bare/Sub/v2":    config("bare/Sub", own, "Sub", "Sub/v*"),
		"acme.dev/go/wild/A_b":       config("wild/A_b", gh+"mono", "wild/A_b", "wild/A_b/v*"),
		"acme.dev/go/wild/a~b":       {}, // no tag has a "~"
		"acme.dev/go/wild/a/v2":      config("wild/a", gh+"mono", "wild/a", "wild/a/v*"),
		"acme.dev/go/wild/a/b":       config("wild/a/b", gh+"mono", "wild/a/b", "wild/a/b/v*"),
		"acme.dev/go/all/a/b":        config("all/a/b", gh+"a", "b", "b/v*"),
		"acme.dev/go/all/a":          config("all/a", gh+"a", "", ""),
		"acme.dev/go/again":          config("again", gh+"again", "", ""),
		"acme.test/go/root/v2":       {URL: gh + "root", Module: "acme.test/go/root", Tags: "v*"},
		"acme.test/go/again/x":       {URL: gh + "again", Module: "acme.test/go/again/x", Directory: "x", Tags: "x/v*"},
		"acme.test/root":             {},
		"acme.tests/go/root":         {},
		"acme.dev/go/tool/sub":       {},
		"acme.dev/go/unsure/sub":     {},
		"acme.dev/go/log/sub":        {},
		"acme.dev/go/log/sub/v2":     {},
		"acme.dev/go/log/v3/v2":      {},
		"acme.dev/go/root/v2/v3":     {},
		"acme.dev/go/root/a.lock":    {},
		"acme.dev/go/root/a..b":      {},
		"acme.dev/go/other":          {},
		"acme.dev/go/hg":             {},
		"acme.dev/go/mod":            {},
		"acme.dev/go/hidden":         {},
		"acme.dev/go/direct":         {},
		"acme.dev/go/wild":           {},
		"acme.dev/go/wild/v2":        {},
		"acme.dev/go/wild/a.lock":    {},
		"acme.dev/go/wild/a.git":     {},
		"acme.dev/go/all/other":      {},
		"acme.dev/go/roots":          {},
		"acme.dev/go":                {},
		"acme.dev":                   {},
		"acme.dev/root":              {},
		"acme.dev/gopher/root":       {},
		"acme.dev.evil.test/go/root": {},
		"evil.test/go/root":          {},
		"acme.dev/go/root/":          {},
		"acme.dev/go/root//a":        {},
		"acme.dev/go/root/../tool":   {},
		"acme.dev/go/root/v1":        {},
		"acme.dev/go/root/c++":       {},
		"acme.dev/go/wild/*":         {},
		"Acme.dev/go/root":           {},
		"":                           {},
		"/root":                      {},
		"acme.dev/go/root/" + strings.Repeat("x/", 2040) + "x": {},
	} {
		got, err := site.Resolve(t.Context(), path)
		if errors.Is(err, fs.ErrNotExist) != (want == vanity.Config{}) || got != want {
			t.Errorf("%.100q: %+v, %v, want %+v", path, got, err, want)
		}
		if err == nil && got.Validate() != nil {
			t.Errorf("%q: %v", path, got.Validate())
		}
	}
	for _, bad := range []vanity.Site{{}, {Host: "acme.dev"}, {Proxy: "/go", Paths: map[string]vanity.Import{"": {}, "x": {Repo: "::", Proxy: "%zz"}}}} {
		if cfg, err := bad.Resolve(t.Context(), "acme.dev/x"); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%+v: %+v, %v", bad, cfg, err)
		}
	}
}

// randomSite makes a site of a few imports that may fit together.
func randomSite(rnd *rand.Rand) vanity.Site {
	pick := func(of ...string) string { return of[rnd.IntN(len(of))] }
	site := vanity.Site{
		Host:  pick("acme.dev", "acme.dev/go"),
		Hosts: [][]string{nil, {"b.test"}, {"c.test", "b.test"}}[rnd.IntN(3)],
		Proxy: pick("", "/-", "https://acme.dev/-", "https://proxy.acme.dev/-"),
		Paths: make(map[string]vanity.Import),
	}
	for range 1 + rnd.IntN(6) {
		key := pick("", "a", "/b/", "a/b", "a/v2", "b/v2/c", "*", "a/*", "b/*/", "a/b/c", "c")
		star := ""
		if strings.Contains(key, "*") {
			star = "*"
		}
		im := vanity.Import{
			Repo:  pick("", "https://github.com/acme/mono", "https://github.com/acme/x"+star, "http://git.acme.dev/r/"+star+".git", "ssh://git@github.com/acme/x"+star),
			VCS:   pick("", "", "git", "git", "hg"),
			Proxy: pick("", "", "/-", "https://acme.dev/-", "https://proxy.acme.dev/-"),
		}
		switch rnd.IntN(4) {
		case 0:
			im.Tags = pick("v*", "x-*", star+"/v*")
		case 1:
			im.Directory = "d/" + star + "x"
			im.Tags = pick("", "v*", "d/"+star+"x/v*", star+"-v*")
		}
		site.Paths[key] = im
	}
	return site
}

// FuzzSiteAgrees asserts that page and resolver say the same of every module path.
func FuzzSiteAgrees(f *testing.F) {
	for seed := range uint64(500) {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, seed uint64) {
		rnd := rand.New(rand.NewPCG(seed, 0))
		site := randomSite(rnd)
		for key := range site.Paths { // whatever is wrong with the others
			if one := (vanity.Site{Host: site.Host, Hosts: site.Hosts, Proxy: site.Proxy, Paths: map[string]vanity.Import{key: site.Paths[key]}}); one.Validate() != nil {
				delete(site.Paths, key)
			}
		}
		if site.Validate() != nil {
			return
		}
		h := vanity.Meta(site)
		for range 40 {
			_, below, _ := strings.Cut(site.Host+"/", "/")
			host := append(site.Hosts, "acme.dev")[rnd.IntN(len(site.Hosts)+1)]
			path := strings.Trim(host+"/"+below, "/")
			for range rnd.IntN(5) {
				path += "/" + []string{"a", "b", "c", "v2", "v3", "d.lock", "E", "x.git"}[rnd.IntN(8)]
			}
			if module.CheckPath(path) != nil {
				continue
			}
			r := httptest.NewRequest("GET", "https://"+path+"?go-get=1", nil)
			w := httptest.NewRecorder()
			h.ServeHTTP(w, r)
			contents, err := metaTags(w.Body.Bytes(), "go-import")
			if err != nil {
				t.Fatal(err)
			}
			tag, _ := metaMatch(contents, path)
			cfg, err := site.Resolve(t.Context(), path)
			if err != nil && !errors.Is(err, fs.ErrNotExist) || err == nil && cfg.Validate() != nil {
				t.Fatalf("%+v, %s: %+v, %v", site, path, cfg, err)
			}
			checkAgreement(t, site, path, tag, cfg, err == nil)
		}
	})
}

// checkAgreement compares the tag that the go command takes with what is resolved.
func checkAgreement(t *testing.T, site vanity.Site, path, tag string, cfg vanity.Config, resolved bool) {
	t.Helper()
	prefix, base, ours := strings.Cut(tag, " mod ")
	host, _, _ := strings.Cut(path, "/")
	ours = ours && (base == "https://acme.dev/-" || base == "https://"+host+"/-")
	if resolved && (!ours || cfg.Module != prefix && !strings.HasPrefix(cfg.Module, prefix+"/")) {
		t.Errorf("%+v, %s: resolved to %+v, but the page says %q", site, path, cfg, tag)
	}
	if resolved && cfg.Module != path && !strings.HasPrefix(path, cfg.Module+"/v") {
		t.Errorf("%+v, %s: resolved to %+v", site, path, cfg)
	}
	if ours && prefix == path && !resolved {
		if root, err := site.Resolve(t.Context(), path); err == nil || hasGit(site, prefix) {
			t.Errorf("%+v, %s: the page says %q, but resolved is %+v, %v", site, path, tag, root, err)
		}
	}
}

// hasGit reports whether the import of a prefix has a git repository.
func hasGit(site vanity.Site, prefix string) bool {
	_, prefix, _ = strings.Cut(prefix, "/")
	_, below, _ := strings.Cut(site.Host+"/", "/")
	git := make(map[string]bool)
	for key, im := range site.Paths {
		git[strings.Trim(below+strings.Trim(key, "/"), "/")] = im.Repo != "" && (im.VCS == "" || im.VCS == "git")
	}
	if is, ok := git[prefix]; ok {
		return is
	}
	return git[prefix[:strings.LastIndexByte(prefix, '/')+1]+"*"]
}
