package config

import (
	"fmt"
	"maps"
	"path"
	"slices"
	"strings"

	"example.com/vanity/internal/check"
)

func (c *Config) checkAccess(f *check.Faults) {
	known := func(key string, users []string) {
		for _, u := range users {
			if _, ok := c.Users[u]; !ok {
				f.Add(key, fmt.Sprintf("%q is none of users", u))
			}
		}
	}
	for _, user := range c.AllUsers() {
		if c.Users[user].Reveal() != "" {
			if err := Catch(func() { c.Authorization([]string{user}) }); err != nil {
				addLines(f, fmt.Sprintf("users[%q]", user), err)
			}
		}
	}
	for i, r := range c.Access {
		key := fmt.Sprintf("access[%d]", i)
		known(key+".users", r.Users)
		switch {
		case len(r.Match) == 0:
			f.Add(key+".match", `missing: prefixes of module paths or repositories, such as go.acme.dev/secret, or "*" for all`)
		case r.Public == (len(r.Users) > 0):
			f.Add(key, "must have either users or public: true")
		}
		for _, pattern := range r.Match {
			if _, err := path.Match(pattern, ""); err != nil || pattern == "" || strings.Contains(pattern, "://") || strings.HasPrefix(pattern, "/") || strings.HasSuffix(pattern, "/") {
				f.Add(key+".match", fmt.Sprintf("%q is no pattern such as go.acme.dev/secret or github.com/acme/*", pattern))
			}
		}
	}
	if c.Gosub != nil {
		known("gosub.users", c.Gosub.Users)
	}
	if len(c.Users) > 0 && len(c.Access) == 0 && (c.Gosub == nil || len(c.Gosub.Users) == 0) {
		f.Add("users", "nothing asks for them: access or gosub.users must say what they are for")
	}
}

// Rule gives the first rule that matches one of the names of a thing; nil if none does, so that it is everybody's. A name is a
// module path, or a repository as HOST/PATH. The case of letters doesn't matter, as it doesn't to some git hosts and file
// systems, nor by which of the site's hosts it is called.
func (c *Config) Rule(names ...string) *Rule {
	var all []string
	for _, name := range names {
		all = append(all, c.variants(name)...)
	}
	for i := range c.Access {
		if c.Access[i].matches(all) {
			return &c.Access[i]
		}
	}
	return nil
}

// variants are what a name is by each of the site's hosts, if it is at one of them.
func (c *Config) variants(name string) []string {
	host, rest, _ := strings.Cut(name, "/")
	hosts := c.names()
	if !slices.ContainsFunc(hosts, func(h string) bool { return strings.EqualFold(h, host) }) {
		return []string{name}
	}
	for i := range hosts {
		hosts[i] = strings.TrimSuffix(hosts[i]+"/"+rest, "/")
	}
	return hosts
}

func (r *Rule) matches(names []string) bool {
	return slices.ContainsFunc(r.Match, func(pattern string) bool {
		return slices.ContainsFunc(names, func(name string) bool { return matches(pattern, name) })
	})
}

// AllUsers gives the names of users, sorted.
func (c *Config) AllUsers() []string { return slices.Sorted(maps.Keys(c.Users)) }

// matches reports whether a pattern matches a name's first elements, as many as the pattern has.
func matches(pattern, name string) bool {
	n := strings.Count(pattern, "/")
	elems := strings.Split(strings.ToLower(name), "/")
	if len(elems) <= n {
		return false
	}
	ok, _ := path.Match(strings.ToLower(pattern), strings.Join(elems[:n+1], "/"))
	return ok
}
