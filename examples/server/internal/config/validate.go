package config

import (
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"example.com/vanity"
	"example.com/vanity/internal/check"
	"example.com/vanity/internal/discovery"
)

// Validate returns everything that is wrong with a file that could be read, a line each, with the key; nil if it can be served.
// The files of TLS are looked at, and nothing else outside.
func (c *Config) Validate() error {
	var f check.Faults
	site := c.checkSite(&f)
	c.checkServer(&f)
	c.checkBases(&f)
	c.checkModules(&f)
	c.checkSources(&f)
	c.checkMirror(&f)
	c.checkWebhook(&f)
	c.checkUpstream(&f)
	c.checkAccess(&f)
	return errors.Join(site, f.Err(""))
}

// HasSite reports whether there are pages to serve: a file may have a host for nothing but a forge.
func (c *Config) HasSite() bool { return len(c.Paths) > 0 }

// checkSite looks at what pages say. A file that has nothing at all is one that lacks them.
func (c *Config) checkSite(f *check.Faults) error {
	if c.HasSite() || c.Gosub == nil && c.Forge == nil && len(c.Modules) == 0 && c.Mirror == nil {
		return c.Site.Validate()
	}
	for _, field := range []struct {
		key   string
		isSet bool
	}{{"hosts", len(c.Hosts) > 0}, {"cache_max_age", c.CacheMaxAge != 0}, {"proxy", c.Proxy != ""}, {"redirect", c.Redirect != ""}} {
		if field.isSet {
			f.Add(field.key, "is for nothing without paths")
		}
	}
	return nil
}

func (c *Config) checkServer(f *check.Faults) {
	address(f, "listen", c.Listen)
	if c.Admin != "" {
		address(f, "admin", c.Admin)
		if c.Admin == c.Listen && !strings.HasSuffix(c.Admin, ":0") {
			f.Add("admin", fmt.Sprintf("%q is taken by listen already", c.Admin))
		}
	}
	oneOf(f, "log.level", c.Log.Level, "debug", "info", "warn", "error")
	oneOf(f, "log.format", c.Log.Format, "json", "text")
	oneOf(f, "log.requests", c.Log.Requests, "all", "failed", "none")
	switch {
	case (c.TLS.Cert == "") != (c.TLS.Key == ""):
		f.Add("tls", "needs both cert and key")
	case c.TLS.Cert != "":
		if _, err := tls.LoadX509KeyPair(c.TLS.Cert, c.TLS.Key); err != nil {
			f.Add("tls", err.Error())
		}
	}
	if IsBucket(c.Store) {
		switch u, err := url.Parse(c.Store); {
		case err == nil && u.User != nil:
			f.Add("store", "must hold no credentials: leave them to the environment, such as AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY")
		case err != nil || !slices.Contains([]string{"s3", "gs", "azblob", "file", "mem"}, u.Scheme):
			f.Add("store", fmt.Sprintf("%s is no bucket: it must begin with s3://, gs://, azblob://, file:// or mem://, or be a directory", check.Quote(check.Redact(c.Store))))
		}
	}
}

func address(f *check.Faults, key, value string) {
	_, port, err := net.SplitHostPort(value)
	if n, e := strconv.ParseUint(port, 10, 16); err != nil || e != nil || port != strconv.FormatUint(n, 10) {
		f.Add(key, fmt.Sprintf("%q is no address such as :8080 or 127.0.0.1:8080", value))
	}
}

func oneOf(f *check.Faults, key, value string, words ...string) {
	if value != "" && !slices.Contains(words, value) {
		f.Add(key, fmt.Sprintf("%q is unknown: it must be %s or %s", value, strings.Join(words[:len(words)-1], ", "), words[len(words)-1]))
	}
}

// bases gives the paths that the server answers below, apart from pages, with the keys that say so.
func (c *Config) bases() (all []base) {
	all = []base{{"the server itself", "/healthz"}, {"the server itself", "/readyz"}}
	for _, p := range c.SiteBases() {
		all = append(all, base{"proxy", p})
	}
	for _, b := range c.ownBases() {
		all = append(all, base{b.key, *b.path})
	}
	return all
}

type base struct{ key, path string }

// An ownBase is a path that the file gives to a part of the server, below which that part answers.
type ownBase struct {
	key  string
	path *string
}

func (c *Config) ownBases() (all []ownBase) {
	for i := range c.Modules {
		all = append(all, ownBase{fmt.Sprintf("modules[%d].base", i), &c.Modules[i].Base})
	}
	if c.Gosub != nil {
		all = append(all, ownBase{"gosub.base", &c.Gosub.Base})
	}
	if c.Forge != nil {
		all = append(all, ownBase{"forge.base", &c.Forge.Base})
	}
	if c.Mirror != nil {
		all = append(all, ownBase{"mirror.base", &c.Mirror.Base})
	}
	if c.Webhook != nil {
		all = append(all, ownBase{"webhook.path", &c.Webhook.Path})
	}
	return all
}

// SiteBases gives the paths of this server below which the site's modules are served: that of Proxy, and those of imports that
// have their own.
func (c *Config) SiteBases() (bases []string) {
	if !c.HasSite() {
		return nil
	}
	if c.Proxy != "" {
		bases = append(bases, c.Proxy)
	}
	for _, i := range c.Paths {
		if i.Proxy != "" && c.discovery().Serves(discovery.Import(i)) {
			bases = append(bases, i.Proxy)
		}
	}
	own := bases[:0]
	for _, b := range bases {
		if u, err := url.Parse(b); err == nil && (u.Host == "" || slices.Contains(c.names(), strings.ToLower(u.Hostname()))) {
			own = append(own, pathOf(b))
		}
	}
	slices.Sort(own)
	return slices.Compact(own)
}

// names are the host names of the site.
func (c *Config) names() []string {
	host, _, _ := strings.Cut(c.Host, "/")
	names := []string{host}
	for _, h := range c.Hosts {
		names = append(names, strings.ToLower(h))
	}
	return names
}

// aPath is what a base may be made of: what no router takes for something else.
var aPath = regexp.MustCompile(`^(/[A-Za-z0-9._~@+=,-]+)+$`)

// checkBases looks for what would be answered by two.
func (c *Config) checkBases(f *check.Faults) {
	seen := make(map[string]string)
	for _, b := range c.bases() {
		switch {
		case b.path != "" && (!aPath.MatchString(b.path) || strings.Contains(b.path+"/", "/../") || strings.Contains(b.path+"/", "/./")):
			f.Add(b.key, fmt.Sprintf("%q must be a path such as /go, of ASCII letters and digits, and without empty elements and \"..\"", b.path))
		case b.path == "" && (b.key == "mirror.base" || b.key == "webhook.path"):
			f.Add(b.key, "missing: a path of its own, such as /git or /webhook")
		case seen[b.path] != "":
			f.Add(b.key, fmt.Sprintf("%q is taken by %s already", b.path+"/", seen[b.path]))
		}
		seen[b.path] = b.key
	}
	delete(seen, "")
	c.checkHidden(f, seen)
}

// checkHidden looks for pages at whose paths something else answers.
func (c *Config) checkHidden(f *check.Faults, bases map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(c.Paths)) {
		_, rest, _ := strings.Cut(c.PrefixOf(key), "/")
		at := strings.TrimSuffix("/"+rest, "/")
		for _, base := range slices.Sorted(maps.Keys(bases)) {
			if strings.HasPrefix(at+"/", base+"/") {
				f.Add(fmt.Sprintf("paths[%q]", key), fmt.Sprintf("nobody gets to its page: %s answers below %q", bases[base], base+"/"))
			}
		}
	}
}

func (c *Config) checkModules(f *check.Faults) {
	for i, m := range c.Modules {
		if err := m.Config().Validate(); err != nil {
			addLines(f, fmt.Sprintf("modules[%d]", i), err)
		}
	}
	if c.Gosub != nil && !slices.ContainsFunc(c.Gosub.SealKeys, Secret.isEmpty) {
		addLines(f, "gosub", Catch(func() { vanity.Gosub(c.Gosub.Base, c.Gosub.Options()...) }))
	}
	if c.Forge != nil {
		addLines(f, "forge", c.Forge.Forge().Validate())
	}
}

// Options are the guards of a Gosub that stand in the file.
func (g *Gosub) Options() (opts []vanity.Option) {
	if len(g.Hosts) > 0 {
		opts = append(opts, vanity.WithHosts(g.Hosts...))
	}
	if len(g.SealKeys) > 0 {
		keys := make([][]byte, len(g.SealKeys))
		for i, k := range g.SealKeys {
			keys[i] = []byte(k.Reveal())
		}
		opts = append(opts, vanity.WithSeal(keys...))
	}
	if g.PublicURL != "" {
		opts = append(opts, vanity.WithPublicURL(g.PublicURL))
	}
	return opts
}

// Catch gives the error that a constructor panics with, on a value that is data here.
func Catch(f func()) (err error) {
	defer func() {
		if r := recover(); r != nil {
			var ok bool
			if err, ok = r.(error); !ok {
				panic(r)
			}
		}
	}()
	f()
	return nil
}

// addLines adds each line of the library's error.
func addLines(f *check.Faults, key string, err error) {
	if err == nil {
		return
	}
	for line := range strings.Lines(err.Error()) {
		f.Add(key, strings.TrimPrefix(strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(line), "vanity: "), "Gosub: "), "forge: "))
	}
}

func (c *Config) checkMirror(f *check.Faults) {
	if c.Mirror == nil {
		return
	}
	if c.Mirror.Dir == "" {
		f.Add("mirror.dir", "missing: the directory of the mirrors")
	}
	if len(c.Mirror.Repositories) == 0 {
		f.Add("mirror.repositories", "missing, and neither paths nor modules name any without a wildcard")
	}
	for i, r := range c.Mirror.Repositories {
		if err := (vanity.Config{URL: r}).Validate(); err != nil {
			addLines(f, fmt.Sprintf("mirror.repositories[%d]", i), err)
		}
	}
	if u := c.Mirror.PublicURL; u != "" {
		absoluteURL(f, "mirror.public_url", u)
	}
}

func absoluteURL(f *check.Faults, key, raw string) {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "https" && u.Scheme != "http" || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || len(check.Text(raw)) > 0 || strings.ContainsAny(raw, " \t") {
		f.Add(key, fmt.Sprintf("%s is no http or https URL without credentials and query", check.Quote(check.Redact(raw))))
	}
}

func (c *Config) checkWebhook(f *check.Faults) {
	if c.Webhook == nil {
		return
	}
	if len(c.Webhook.Secrets) == 0 {
		f.Add("webhook.secrets", "missing: without one anybody could send events")
	}
	for i, s := range c.Webhook.Secrets {
		if n := len(strings.TrimSpace(s.Reveal())); !s.isEmpty() && n < 16 {
			f.Add(fmt.Sprintf("webhook.secrets[%d]", i), "is shorter than 16 bytes: anybody could guess it")
		}
	}
	if c.Webhook.Notify != "" {
		absoluteURL(f, "webhook.notify", c.Webhook.Notify)
	}
}

func (c *Config) checkUpstream(f *check.Faults) {
	u := c.Upstream
	if u.CallersRights && (u.Netrc || len(u.Credentials) > 0) {
		f.Add("upstream", "callers_rights excludes netrc and credentials: a repository is read either by its callers' credentials or by the server's")
	}
	if u.CallersRights && len(c.Users) > 0 {
		f.Add("upstream", "callers_rights excludes users: what a caller sends goes to the git host, which doesn't know the server's passwords")
	}
	if u.CallersRights && c.Forge != nil {
		f.Add("upstream", "callers_rights excludes forge: repositories on this machine have no host to ask")
	}
	if u.CallersRights && c.Mirror != nil {
		f.Add("upstream", "callers_rights excludes mirror: a mirror has no host to ask who may read it")
	}
	for i, m := range c.Modules {
		if u.CallersRights && check.Local(m.URL) {
			f.Add("upstream", fmt.Sprintf("callers_rights excludes modules[%d]: a repository on this machine has no host to ask", i))
		}
	}
	for i, cred := range u.Credentials {
		p, err := url.Parse(cred.URL)
		if err != nil || p.Scheme != "https" || p.Host == "" || p.User != nil {
			f.Add(fmt.Sprintf("upstream.credentials[%d].url", i), fmt.Sprintf("%s must begin with https:// and a host: credentials are sent over nothing else", check.Quote(check.Redact(cred.URL))))
		}
	}
}

// Authorization gives whether a request has a password of one of some users.
func (c *Config) Authorization(users []string) func(r *http.Request, modulePath, repository string) error {
	passwords := make(map[string]string, len(users))
	for _, u := range users {
		passwords[u] = c.Users[u].Reveal()
	}
	return vanity.PasswordAuth(passwords)
}
