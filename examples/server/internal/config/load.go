package config

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf16"

	"go.yaml.in/yaml/v4"
)

// Load reads a file. A host name is for a file that has none, as those of govanityurls may; else it must be the same, or
// empty. The error has a line for each fault, and no secrets.
func Load(name, host string) (*Config, error) {
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	dir, err := filepath.Abs(filepath.Dir(name))
	if err != nil {
		return nil, err
	}
	c, err := Parse(data, dir, host)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return c, nil
}

// Parse is Load for a file that was read, whose names of files are relative to a directory.
func Parse(data []byte, dir, host string) (*Config, error) {
	c := new(Config)
	if err := yaml.Load(joinSurrogates(data), c, yaml.WithKnownFields()); err != nil {
		return nil, readable(err)
	}
	switch {
	case c.Host == "":
		c.Host = host
	case host != "" && host != c.Host:
		return nil, fmt.Errorf("host: the file says %q, and the flag -host %q: leave one out", c.Host, host)
	}
	unresolved := c.resolve(dir)
	c.locate(dir)
	if err := errors.Join(unresolved, c.Validate()); err != nil {
		return nil, err
	}
	return c, nil
}

// readable puts each of the decoder's faults on a line of its own, in words for who wrote the file.
func readable(err error) error {
	var many *yaml.LoadErrors
	var one *yaml.LoadError
	switch {
	case errors.As(err, &many):
		var lines []error
		for _, e := range many.Errors {
			lines = append(lines, readable(e))
		}
		return errors.Join(lines...)
	case errors.As(err, &one):
		text := plainWords(one.Message)
		if one.Mark.Line > 0 {
			text = fmt.Sprintf("line %d: %s", one.Mark.Line, text)
		}
		return errors.New(text)
	}
	return err
}

var (
	unknownField = regexp.MustCompile(`^field (\S+) not found in type \S+$`)
	wrongKind    = regexp.MustCompile("(?s)^cannot construct !!(\\w+)(?: `.*`)? into (\\S+)$") // the value may be a secret
)

// plainWords says what the decoder means to who knows nothing of Go.
func plainWords(text string) string {
	if m := unknownField.FindStringSubmatch(text); m != nil {
		return fmt.Sprintf("the key %s is unknown here", m[1])
	}
	if m := wrongKind.FindStringSubmatch(text); m != nil {
		return fmt.Sprintf("there is %s where %s must be", cmp.Or(kindNames[m[1]], m[1]), goKind(m[2]))
	}
	switch text {
	case "yaml: no documents in stream":
		return "the file is empty"
	case "yaml: expected single document, found multiple":
		return `the file has more than one document: leave out what follows "---"`
	}
	return text
}

var kindNames = map[string]string{"seq": "a list", "map": "a mapping", "str": "a text", "int": "a number", "float": "a number", "bool": "true or false", "null": "nothing", "timestamp": "a date"}

// goKind says what is wanted for a type.
func goKind(name string) string {
	switch {
	case name == "string":
		return "a text"
	case name == "int":
		return "a whole number"
	case name == "bool":
		return "true or false"
	case strings.HasPrefix(name, "[]"):
		return "a list"
	}
	return "a mapping"
}

// surrogates matches each escape, so that an escaped backslash begins none.
var surrogates = regexp.MustCompile(`\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|.)`)

// joinSurrogates writes the characters of a JSON file that come as two escapes, which YAML doesn't know.
func joinSurrogates(data []byte) []byte {
	if !json.Valid(data) {
		return data
	}
	return surrogates.ReplaceAllFunc(data, func(pair []byte) []byte {
		if len(pair) < len(`\ud83d\ude00`) {
			return pair
		}
		hi, _ := strconv.ParseUint(string(pair[2:6]), 16, 16)
		lo, _ := strconv.ParseUint(string(pair[8:12]), 16, 16)
		return []byte(string(utf16.DecodeRune(rune(hi), rune(lo))))
	})
}

// resolve looks all secrets up.
func (c *Config) resolve(dir string) error {
	var errs []error
	look := func(key string, s *Secret) {
		if err := s.resolve(dir); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", key, err))
		}
	}
	for _, user := range c.AllUsers() {
		s := c.Users[user]
		look(fmt.Sprintf("users[%q]", user), &s)
		c.Users[user] = s
	}
	for i := range c.Upstream.Credentials {
		look(fmt.Sprintf("upstream.credentials[%d].password", i), &c.Upstream.Credentials[i].Password)
	}
	if c.Gosub != nil {
		for i := range c.Gosub.SealKeys {
			look(fmt.Sprintf("gosub.seal_keys[%d]", i), &c.Gosub.SealKeys[i])
		}
	}
	if c.Webhook != nil {
		for i := range c.Webhook.Secrets {
			look(fmt.Sprintf("webhook.secrets[%d]", i), &c.Webhook.Secrets[i])
		}
	}
	return errors.Join(errs...)
}

// locate makes names of files absolute, cuts off slashes that mean nothing, and fills in what the file leaves out.
func (c *Config) locate(dir string) {
	c.trim()
	c.TLS.Cert, c.TLS.Key = absolute(dir, c.TLS.Cert), absolute(dir, c.TLS.Key)
	if !IsBucket(c.Store) {
		c.Store = absolute(dir, c.Store)
	}
	if c.Forge != nil {
		c.Forge.Dir = absolute(dir, c.Forge.Dir)
	}
	if c.Mirror != nil {
		c.Mirror.Dir = absolute(dir, c.Mirror.Dir)
		if len(c.Mirror.Repositories) == 0 {
			c.Mirror.Repositories = c.repositories()
		}
	}
	if c.Listen == "" {
		c.Listen = DefaultListen
	}
	for i := range c.Upstream.Credentials {
		if c.Upstream.Credentials[i].User == "" {
			c.Upstream.Credentials[i].User = defaultUser
		}
	}
}

// trim cuts off the slash at the end of hosts and of the server's own bases, so that nobody else has to. The base of the site's
// proxy keeps it: "/" is the root there, and empty none.
func (c *Config) trim() {
	for _, b := range c.ownBases() {
		*b.path = strings.TrimSuffix(*b.path, "/")
	}
	hosts := []*string{&c.Host}
	if c.Forge != nil {
		hosts = append(hosts, &c.Forge.Host)
	}
	for _, host := range hosts {
		if !strings.HasSuffix(*host, "//") { // a fault, which the library finds once it has cut one off itself
			*host = strings.TrimSuffix(*host, "/")
		}
	}
}

// IsBucket reports whether a store is the URL of a bucket, and no directory.
func IsBucket(store string) bool { return strings.Contains(store, "://") }
