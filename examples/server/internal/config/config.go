// Package config reads the server's file: YAML or JSON, and strict, so that what is misspelt is an error and no surprise.
package config

import (
	"time"

	"example.com/vanity"
)

// A Config is a file. Its top level is a [vanity.Site], so that a file of govanity or govanityurls is one as it stands; the
// rest is the server's own. Relative names of files are relative to the file's own directory, once it was loaded.
type Config struct {
	vanity.Site `yaml:",inline"`

	Listen    string   `yaml:"listen"`           // address to serve on; if empty, ":8080"
	TLS       TLS      `yaml:"tls"`              // if empty, HTTP without TLS
	Admin     string   `yaml:"admin"`            // address of /metrics, /healthz and /readyz; if empty, there are no metrics
	Log       Log      `yaml:"log"`              //
	Shutdown  Duration `yaml:"shutdown_timeout"` // for running downloads after SIGTERM; if zero, 5 minutes
	Delay     Duration `yaml:"shutdown_delay"`   // from SIGTERM, when /readyz says so, to the end of new requests; if zero, none
	Store     string   `yaml:"store"`            // directory, or URL of a bucket; if empty, answers end with the process
	Freshness Duration `yaml:"freshness"`        // of lists, latest and branches; if zero, a minute
	Upstream  Upstream `yaml:"upstream"`

	Modules []Module `yaml:"modules"`
	Gosub   *Gosub   `yaml:"gosub"`
	Forge   *Forge   `yaml:"forge"`
	Mirror  *Mirror  `yaml:"mirror"`
	Webhook *Webhook `yaml:"webhook"`

	Users  map[string]Secret `yaml:"users"` // passwords by user, or "sha256:" and the hash of one, in hexadecimal digits
	Access []Rule            `yaml:"access"`
}

// TLS names the files of a certificate, with those that lead to its root, and of its key. They are read again on reload.
type TLS struct {
	Cert string `yaml:"cert"`
	Key  string `yaml:"key"`
}

// A Log says what is logged, and how.
type Log struct {
	Level    string `yaml:"level"`    // debug, info, warn or error; if empty, info
	Format   string `yaml:"format"`   // json or text; if empty, json
	Requests string `yaml:"requests"` // all, failed (status 500 and above) or none; if empty, all
}

// An Upstream says how git hosts are asked.
type Upstream struct {
	Netrc         bool         `yaml:"netrc"`          // GITHUB_TOKEN and .netrc of the server's own user, see vanity.EnvCredentials
	Credentials   []Credential `yaml:"credentials"`    // by the longest URL that a repository's begins with; they go first
	CallersRights bool         `yaml:"callers_rights"` // the caller's own credentials go to the host, see vanity.WithCallersRights
}

// A Credential is for repositories whose URL begins with URL, at a slash.
type Credential struct {
	URL      string `yaml:"url"`
	User     string `yaml:"user"` // if empty, "x-access-token", which the big hosts take with a token
	Password Secret `yaml:"password"`
}

// A Module is a GOPROXY of its own for one module, see vanity.Goproxy.
type Module struct {
	Base      string `yaml:"base"`
	URL       string `yaml:"url"`
	Module    string `yaml:"module"`
	Directory string `yaml:"directory"`
	Tags      string `yaml:"tags"`
}

// Config is what vanity.Goproxy serves it by.
func (m Module) Config() vanity.Config {
	return vanity.Config{URL: m.URL, Module: m.Module, Directory: m.Directory, Tags: m.Tags}
}

// A Gosub is a GOPROXY for any module of some hosts, see vanity.Gosub. Credentials of [Upstream] are for it only with Users
// or SealKeys.
type Gosub struct {
	Base      string   `yaml:"base"`
	Hosts     []string `yaml:"hosts"`
	SealKeys  []Secret `yaml:"seal_keys"`
	PublicURL string   `yaml:"public_url"`
	Users     []string `yaml:"users"` // who may use it; if empty, everybody
}

// A Forge is a GOPROXY for the bare repositories below a directory, see vanity.Forge.
type Forge struct {
	Base    string `yaml:"base"`
	Host    string `yaml:"host"`
	Dir     string `yaml:"dir"`
	Mirrors bool   `yaml:"mirrors"`
}

// A Mirror says which repositories the server keeps itself, and serves to git.
type Mirror struct {
	Base         string   `yaml:"base"`
	Dir          string   `yaml:"dir"`
	Refresh      Duration `yaml:"refresh"`      // if zero, 15 minutes
	Repositories []string `yaml:"repositories"` // URLs; if empty, those of the site's imports and of the modules, without wildcards
	PublicURL    string   `yaml:"public_url"`   // URL of Base; if set, pages name the mirror as the git repository
}

// A Webhook is told of pushes by git hosts.
type Webhook struct {
	Path    string   `yaml:"path"`
	Secrets []Secret `yaml:"secrets"`
	Warm    bool     `yaml:"warm"`   // fetches a new tag's version at once
	Notify  string   `yaml:"notify"` // base of a public module mirror, which is asked for it then
}

// A Rule says who may have what matches it. The first rule that matches decides; what none matches is everybody's.
type Rule struct {
	Match  []string `yaml:"match"` // prefixes of module paths, or of repositories as HOST/PATH; "*" within an element as in GOPRIVATE
	Users  []string `yaml:"users"`
	Public bool     `yaml:"public"` // everybody, instead of users
}

// Defaults, where the file is silent.
const (
	DefaultListen   = ":8080"
	DefaultShutdown = 5 * time.Minute
	DefaultFresh    = time.Minute
	DefaultRefresh  = 15 * time.Minute
	defaultUser     = "x-access-token"
)
