package vanity

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/module"

	"example.com/vanity/internal/check"
	"example.com/vanity/internal/form"
	"example.com/vanity/internal/git"
	"example.com/vanity/internal/guard"
	"example.com/vanity/internal/pages"
	"example.com/vanity/internal/reply"
)

// Gosub returns a handler that answers the GOPROXY protocol (https://go.dev/ref/mod#goproxy-protocol) below base for any
// module: the path of the request says which repository, directory and tags, as [Encode] writes it. So
//
//	mux.Handle("/go/", vanity.Gosub("/go"))
//
// serves, for example, the list of versions of one module at
//
//	/go/github.com/more-please/more-stuff:d=utf64%2Fgo&p=utf64-go-;/utf64.moreplease.com/@v/list
//
// If the path says no module, the one that a version's go.mod declares is served. If it says no tags, they are "v*". All
// else is as with [Goproxy], base and [WithNext] included.
//
// # Strangers
//
// Gosub is made to be left open to strangers:
//
//   - It serves the repositories of five public hosts, or those that [WithHosts] names, by https and port 443 alone. No
//     redirect leads elsewhere.
//   - It connects to public addresses alone, whatever a name resolves to: to no loopback, private or link-local ones,
//     except for a host that WithHosts names. It uses no HTTP proxy.
//   - With [WithSeal], it serves what its owner has sealed, and nothing else.
//   - All limits of the package hold. There are none per caller: those are for a handler of yours around this one.
//
// For this, Gosub works with a guarded copy of the client ([WithClient]). A client can't be guarded if its Transport is not
// an [*http.Transport], or makes TLS connections itself. Such a client must be given by [WithTrustedClient].
//
// In a web page or a Worker (GOOS=js) it is the platform that connects, and nobody can see to which address. There, a host
// that WithHosts does not name must have a name of the public internet; that this name leads to no private address is for
// the platform to ensure.
//
// # The form
//
// At the base itself, with or without a slash at its end, people get a form. For a repository, directory, tags and module
// path it gives the URL, the go-import tag and the lines for [Meta] and Goproxy, and shows which versions the pattern
// finds, which tags it misses, and what go.mod declares. See [WithPublicURL] for the address that it prints.
//
// One look costs the git host a listing of the tags and one go.mod, in 10 seconds at most, within the limits of all
// fetches. Nothing of it is stored. The form has no JavaScript. The function of [WithAuth] is asked for what is filled in,
// and with empty strings for the empty form.
//
// There is no form with WithSeal, as only the owner can write what is served then; nor is there one at the root of the
// server if WithNext has a handler, which answers there.
//
// # Panics
//
// Gosub panics on a malformed base, on a malformed entry of WithHosts, on a client that can't be guarded, and on
// [WithCredentials] without WithAuth, WithSeal or WithHosts. It makes no request. No path of a request makes the handler
// panic. The handler is safe for concurrent use, and is a [Refresher].
func Gosub(base string, opts ...Option) http.Handler {
	o := applyOptions(opts)
	o.refuse("Gosub")
	if o.credentials != nil && o.auth == nil && o.sealKeys == nil && o.hosts == nil {
		panic(errors.New("vanity: Gosub: WithCredentials alone would serve everybody whatever they can read: give WithAuth, WithSeal or WithHosts as well"))
	}
	places, err := gosubPlaces(o.hosts)
	if err != nil {
		panic(fmt.Errorf("vanity: Gosub: %w", err))
	}
	client, err := guardedClient(o, places)
	if err != nil {
		panic(fmt.Errorf("vanity: Gosub: %w", err))
	}
	h := newHandler("Gosub", base, o, &git.Client{HTTP: client})
	h.modules.named, h.modules.sources.named = true, true
	h.cut = func(r *http.Request) (string, bool) { return cutEscapedBase(r.URL.EscapedPath(), h.base) }
	h.read = func(rest string) route { return gosubRoute(rest, places, o.sealKeys) }
	if o.sealKeys != nil || h.base == "" && o.hasNext {
		return h
	}
	return &gosubHandler{handler: h, served: places.String()}
}

// cutEscapedBase is cutBase for an escaped path: an escape makes no difference in the base, and has a meaning behind
// it.
func cutEscapedBase(path, base string) (string, bool) {
	for elem := range strings.SplitSeq(strings.TrimPrefix(base, "/"), "/") {
		if base == "" {
			break
		}
		escaped, rest, ok := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		if got, err := url.PathUnescape(escaped); !ok || err != nil || got != elem || path[0] != '/' {
			return "", false
		}
		path = "/" + rest
	}
	return strings.CutPrefix(path, "/")
}

// gosubRoute reads what follows the base. What is wrong with it is said when the request turns out to be one of the
// protocol.
func gosubRoute(escaped string, places places, sealKeys [][]byte) route {
	cfg, used, seal, err := decode(escaped)
	switch {
	case err != nil:
		err = errors.New(strings.TrimPrefix(err.Error(), "vanity: "))
	case sealKeys != nil && !sealed(cfg, seal, sealKeys):
		err = errors.New("the spec has no seal, or none of the owner's: ask who runs this server for a sealed one")
	default:
		err = places.check(cfg.URL)
	}
	path, unescapeErr := url.PathUnescape(strings.TrimPrefix(escaped[len(used):], "/"))
	if err == nil {
		err = unescapeErr
	}
	return route{path: path, repository: cfg.URL, config: cfg, err: err}
}

// defaultHosts are served if nobody says otherwise.
var defaultHosts = []string{"github.com", "gitlab.com", "bitbucket.org", "codeberg.org", "git.sr.ht"}

// caselessHosts are those of them that take acme and Acme for one name, and give it to one owner.
var caselessHosts = []string{"github.com", "gitlab.com", "bitbucket.org", "codeberg.org"}

// A place is where repositories are served from: what an entry of WithHosts means.
type place struct {
	text string // as it was written
	host string // in lower case
	path string // of one repository, or with a slash at its end, what they are below; if empty, anything. As folded gives it.
}

type places []place

// gosubPlaces reads the entries of WithHosts.
func gosubPlaces(entries []string) (places, error) {
	if entries == nil {
		entries = defaultHosts
	}
	if len(entries) == 0 {
		return nil, errors.New("WithHosts names no host")
	}
	var list places
	for _, entry := range entries {
		host, path, _ := strings.Cut(entry, "/")
		p := place{text: entry, host: strings.ToLower(host)}
		if reason := p.setPath(path); reason != "" || !check.Name(host) || strings.HasSuffix(entry, "/") {
			return nil, fmt.Errorf("WithHosts: %q: want a host name, HOST/PATH/* or HOST/PATH of one repository, as in git.example.com/team/*, without scheme or port%s", entry, reason)
		}
		list = append(list, p)
	}
	return list, nil
}

// setPath reads what follows the host in an entry. A reason says what is wrong with it.
func (p *place) setPath(path string) (reason string) {
	if path == "" || path == "*" {
		return ""
	}
	parent, below := strings.CutSuffix(path, "/*")
	c := Config{URL: "https://" + p.host + "/" + parent}
	if below {
		c.URL += "/x" // for any repository
	}
	switch reasons := urlProblems(c.URL); {
	case len(reasons) > 0:
		return ": " + strings.Join(reasons, "; ")
	case strings.Contains(parent, "*"):
		return `: "*" stands at the end alone, after a slash`
	case c.inexpressible() != "":
		return ": a spec can't hold such a path"
	}
	_, p.path = folded(c.canonical().URL)
	if below {
		p.path = strings.TrimSuffix(p.path, "x")
	}
	return ""
}

// folded gives the host of a canonical URL, and the path of the repository there in the one form of all that the host
// takes for the same, as far as that is known.
func folded(canonical string) (host, path string) {
	host, path, _ = strings.Cut(strings.TrimPrefix(canonical, "https://"), "/")
	if slices.Contains(caselessHosts, host) {
		path = strings.ToLower(path) // which is ASCII, all else being escaped
	}
	return host, path
}

// check refuses the URL of a repository that is served from none of the places.
func (l places) check(rawURL string) error {
	u, err := url.Parse(rawURL)
	if err != nil {
		return err
	}
	if u.Scheme != "https" || u.Port() != "" && u.Port() != "443" {
		return errors.New("only repositories at https://HOST/PATH are served here")
	}
	host, path := strings.ToLower(u.Hostname()), ""
	// A path that a spec can't say is in no place: hosts have ideas of their own about "..", "//" and ";".
	if c := (Config{URL: rawURL}); len(urlProblems(rawURL)) == 0 && c.inexpressible() == "" {
		_, path = folded(c.canonical().URL)
	}
	known := false
	for _, p := range l {
		if p.host == host {
			if p.holds(path) {
				return nil
			}
			known = true
		}
	}
	if known {
		return fmt.Errorf("the repository %s is not served here, only those of %s", check.Quote(host+u.EscapedPath()), l)
	}
	return fmt.Errorf("repositories of %s are not served here, only those of %s", u.Hostname(), l)
}

// holds reports whether the path of a repository, as folded gives it, is one of the place.
func (p place) holds(path string) bool {
	return p.path == "" || path == p.path || strings.HasSuffix(p.path, "/") && strings.HasPrefix(path, p.path)
}

// checkRedirect refuses to be led to a repository that is not served. What is asked for is a file of the repository.
func (l places) checkRedirect(to *url.URL) error {
	repo := *to
	repo.RawQuery, repo.ForceQuery, repo.Fragment, repo.RawFragment = "", false, "", ""
	return l.check(strings.TrimSuffix(repo.String(), "/info/refs"))
}

// String lists the places for a message.
func (l places) String() string {
	var texts []string
	for i, p := range l {
		if i == mostShown {
			texts = append(texts, fmt.Sprintf("%d more", len(l)-i))
			break
		}
		texts = append(texts, p.text)
	}
	return strings.Join(texts, ", ")
}

const mostShown = 20 // places in a message

// hosts are those that the places are at.
func (l places) hosts() (names []string) {
	for _, p := range l {
		names = append(names, p.host)
	}
	return names
}

// guardedClient is a copy of the owner's client that can't be led astray.
func guardedClient(o *options, places places) (*http.Client, error) {
	client := *o.httpClient()
	follow := client.CheckRedirect
	client.CheckRedirect = func(req *http.Request, via []*http.Request) error {
		if err := places.checkRedirect(req.URL); err != nil {
			return &git.Error{Kind: git.Broken, Repo: via[0].URL.Redacted(), Err: fmt.Errorf("redirect: %w", err)}
		}
		if follow != nil {
			return follow(req, via)
		}
		if len(via) >= maxRedirects {
			return &git.Error{Kind: git.Broken, Repo: via[0].URL.Redacted(), Err: errors.New("too many redirects")}
		}
		return nil
	}
	if o.trusted {
		return &client, nil
	}
	if client.Transport == nil {
		client.Transport = plainTransport()
	}
	t, ok := client.Transport.(*http.Transport)
	if !ok {
		return nil, fmt.Errorf("a client with a %T as its Transport can't be guarded; give it by WithTrustedClient if it guards itself", client.Transport)
	}
	var named []string // whose addresses are the owner's affair
	if o.hosts != nil {
		named = places.hosts()
	}
	guarded, err := guard.Transport(t, named...)
	if err != nil {
		return nil, fmt.Errorf("the client can't be guarded: %w; give it by WithTrustedClient if it guards itself", err)
	}
	client.Transport = guarded
	return &client, nil
}

const maxRedirects = 10

// plainTransport is the default one, or a new one if the program has put something else in its place.
func plainTransport() *http.Transport {
	if t, ok := http.DefaultTransport.(*http.Transport); ok {
		return t
	}
	return &http.Transport{ForceAttemptHTTP2: true, MaxIdleConns: 100, ExpectContinueTimeout: time.Second}
}

// A gosubHandler has a form at its base.
type gosubHandler struct {
	*handler
	served string // which repositories are
}

const (
	formTimeout = 10 * time.Second // for what the form asks a git host
	formAge     = 24 * time.Hour   // of the empty form
)

// ServeHTTP decides whether the form is wanted.
func (g *gosubHandler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	rest, ok := g.cut(r)
	atBase := ok && rest == ""
	if !ok {
		rest, ok := cutEscapedBase(r.URL.EscapedPath()+"/", g.base)
		atBase = ok && rest == ""
	}
	if !atBase || g.isProbe(r, g.base) && r.URL.RawQuery == "" {
		g.serve(w, r, rest, ok)
		return
	}
	g.observe(w, r, Event{Kind: "form"}, func(w http.ResponseWriter) (string, error) { return "", g.serveForm(w, r) })
}

func (g *gosubHandler) serveForm(w http.ResponseWriter, r *http.Request) error {
	rp, err := g.form(r)
	if err != nil {
		rp = errorReply(err, true)
		g.report(r, rp.Status, err)
	}
	g.guarded(rp).Write(w, r)
	return err
}

// form makes the page with the form. An error is for all who may not have it.
func (g *gosubHandler) form(r *http.Request) (reply.Reply, error) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		return reply.MethodNotAllowed(), nil
	}
	p := form.New(r.URL.Query(), g.served)
	if err := g.fillIn(r, p); err != nil {
		return reply.Reply{}, err
	}
	body, policy, err := pages.Templates{}.Render(pages.Gosub, p)
	if err != nil {
		return reply.Reply{}, fmt.Errorf("making the form: %w", err)
	}
	rp := withETag(reply.Bytes(reply.HTML, reply.For(formAge), body))
	if r.URL.RawQuery != "" {
		rp = reply.Bytes(reply.HTML, reply.Never, body)
	}
	rp.Policy = policy
	return rp, nil
}

// fillIn says on the page what comes of what was filled in, once the caller may know.
func (g *gosubHandler) fillIn(r *http.Request, p *form.Page) error {
	asked := Config{URL: p.Value(form.Repo), Directory: p.Value(form.Dir), Tags: p.Value(form.Tags), Module: p.Value(form.Module)}
	if host, _, ok := strings.Cut(asked.URL, "/"); ok && check.Name(host) && strings.Contains(host, ".") {
		asked.URL = "https://" + asked.URL
	}
	var rt route
	spec, err := Encode(asked)
	if err == nil {
		rt = g.read(spec)
		err = rt.err
		rt.path = asked.Module
	}
	if denied := g.authorize(r, rt.path, rt.repository); denied != nil || !p.Asked {
		return denied
	}
	if err != nil {
		formFaults(p, asked, err)
		return nil
	}
	return g.look(r, p, g.modules.newHome(rt.config), spec)
}

// formFaults says of each field what is wrong with it; by err at least something is.
func formFaults(p *form.Page, asked Config, err error) {
	fields := map[string]string{"URL": form.Repo, "Directory": form.Dir, "Tags": form.Tags, "Module": form.Module}
	faults := asked.faults()
	for _, fault := range faults {
		p.Fault(fields[fault.Key], "%s", strings.Replace(fault.Reason, wantURL, "want https://HOST/PATH of a repository", 1))
	}
	if faults != nil {
		return
	}
	if _, reason, ok := strings.Cut(asked.inexpressible(), ": can't be written in a spec: "); ok {
		err = fmt.Errorf("only repositories at https://HOST/PATH are served here, and this can't be one: %s", reason)
	}
	p.Fault(form.Repo, "%s", err)
}

// look has the page say what the repository says.
func (g *gosubHandler) look(r *http.Request, p *form.Page, at *home, spec string) error {
	ctx, cancel := context.WithTimeout(r.Context(), formTimeout)
	defer cancel()
	cfg := at.Config
	s, err := g.survey(r.WithContext(ctx), at)
	unread := ""
	switch err = g.modules.refused(err); {
	case errors.As(err, new(*accessError)):
		return err
	case err != nil:
		p.Fault(form.Repo, "%s", g.why(r, err))
		return nil
	case s.Unread != nil:
		unread = g.why(r, s.Unread)
	}
	if s.Module != cfg.Module { // the caller may ask for that one, too
		if denied := g.authorize(r, s.Module, cfg.URL); denied != nil {
			return denied
		}
	}
	p.Tell(s, cfg.Directory, unread)
	g.uses(p, cfg, spec, s)
	return nil
}

// survey asks the repository's host what the form is to say. Whoever observes fetches is told of what fails in the middle, too.
func (g *gosubHandler) survey(r *http.Request, at *home) (s *form.Survey, err error) {
	ctx, err := g.modules.admit(r, at, at.Module)
	if err != nil {
		return nil, err
	}
	of := at.module(at.Module)
	err = g.modules.store.Ask(ctx, &of, false, func(ctx context.Context) (err error) {
		if s, err = form.Ask(ctx, g.modules.sources.source(at.Config), at.Module); err != nil {
			return err
		}
		return cmp.Or(s.Unread, s.Undated)
	})
	if s != nil {
		return s, nil
	}
	return nil, err
}

// why says why the host doesn't answer, as to any caller who named the repository, and has it logged.
func (g *gosubHandler) why(r *http.Request, err error) string {
	rp := errorReply(err, true)
	g.report(r, rp.Status, err)
	var host *git.Error
	if errors.As(err, &host) {
		switch host.Kind {
		case git.NoRepository:
			return "there is no such repository: correct the URL"
		case git.Denied:
			return "the git host asks for credentials, and this server has none for it: there is no such repository, or it is private. Correct the URL, or have a server of your own that may read it"
		}
	}
	return strings.TrimPrefix(strings.TrimSpace(string(rp.Data)), "not found: ")
}

// uses shows what to do with a spec.
func (g *gosubHandler) uses(p *form.Page, cfg Config, spec string, s *form.Survey) {
	proxy := g.publicURL
	if proxy == "" {
		proxy = "https://YOUR.HOST" + (&url.URL{Path: g.base}).EscapedPath()
	}
	proxy = strings.ReplaceAll(proxy, ",", "%2C") + "/" + spec // a comma ends the entry in GOPROXY
	p.Use("GOPROXY", "The base of a GOPROXY that serves this module:", proxy)
	if !s.Servable() {
		return
	}
	prefix := cutMajor(s.Module)
	p.Use("Try it", "In a shell, in the directory of any module of yours. The public checksum database is neither asked nor told.", fmt.Sprintf(
		"export GOPROXY='%s,https://proxy.golang.org,direct' GONOSUMDB=%s\ngo list -m -versions %[3]s\ngo get %[3]s@%[4]s",
		strings.ReplaceAll(proxy, "'", `'\''`), prefix, s.Module, cmp.Or(s.Version, "latest")))
	if cfg.Module == "" {
		cfg.Module = prefix
	}
	host, key, _ := strings.Cut(prefix, "/")
	im := Import{Repo: cfg.URL, VCS: "git", Directory: cfg.Directory, Tags: cmp.Or(cfg.Tags, defaultPrefix+"*"), Proxy: proxy}
	if (Site{Host: host, Paths: map[string]Import{key: im}}).Validate() != nil {
		return // no go command would look for such a path
	}
	p.Use("For everyone: a tag", "In the page https://"+prefix+", and in all below it, for whoever asks with ?go-get=1:",
		`<meta name="go-import" content="`+html.EscapeString(prefix+" mod "+proxy)+`">`)
	p.Use("For everyone: in Go", "With package vanity, at the root of "+host+":", formMeta(host, key, im))
	im.Proxy = "/go"
	cfg.Tags = im.Tags
	p.Use("Without this server", "Have yours read the repository by itself:", formGoproxy(cfg)+formMeta(host, key, im))
}

// cutMajor cuts the major version off a module path.
func cutMajor(modPath string) string {
	if prefix, major, ok := module.SplitPathVersion(modPath); ok && strings.HasPrefix(major, "/") {
		return prefix
	}
	return modPath
}

// formMeta is a program's line with [Meta] for one import.
func formMeta(host, key string, im Import) string {
	return fmt.Sprintf("mux.Handle(\"/\", vanity.Meta(vanity.Site{\n\tHost: %q,\n\tPaths: map[string]vanity.Import{\n\t\t%q: {%s},\n\t},\n}))\n", host, key,
		goFields("Repo", im.Repo, "VCS", im.VCS, "Directory", im.Directory, "Tags", im.Tags, "Proxy", im.Proxy))
}

// formGoproxy is a program's line with [Goproxy].
func formGoproxy(cfg Config) string {
	return fmt.Sprintf("mux.Handle(\"/go/\", vanity.Goproxy(\"/go\", vanity.Config{%s}))\n",
		goFields("URL", cfg.URL, "Module", cfg.Module, "Directory", cfg.Directory, "Tags", cfg.Tags))
}

// goFields writes those fields of a composite literal that are not empty.
func goFields(pairs ...string) string {
	var fields []string
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			fields = append(fields, pairs[i]+": "+strconv.Quote(pairs[i+1]))
		}
	}
	return strings.Join(fields, ", ")
}
