package vanity

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"

	"golang.org/x/mod/module"

	"example.com/vanity/internal/check"
)

// A Config says where the source of one module is kept, and how its versions are tagged. It is comparable with ==, and can
// be written in a URL: see [Encode]. The zero value is not valid, as URL is required: see [Config.Validate].
type Config struct {
	// URL is the repository's: https://HOST[:PORT]/PATH, http:// on an intranet, or the absolute
	// path of a local repository. It holds no credentials, query or fragment. A trailing slash and
	// ".git" make no difference, except in a local path. It is required.
	URL string

	// Module is the module path. The paths of its major versions (/v2 and so on) are included, but
	// a path that ends in such a suffix means that major version alone. If empty, what go.mod
	// declares.
	Module string

	// Directory is the slash-separated directory of the module in the repository, without a leading
	// slash. If empty, the repository's root.
	Directory string

	// Tags is the pattern of version tags, with one "*" that stands for the version without its
	// "v": "tool-*" for tool-1.2.3, "tool/v*" for tool/v1.2.3, "*" for 1.2.3. If empty, "v*"; but
	// with a Directory, [Goproxy] serves nothing if the repository has tags "DIRECTORY/v*", until
	// Tags says which are meant.
	Tags string
}

const defaultPrefix = "v" // what stands before the version in a tag, as in gosub

// Validate returns nil if c is valid, and otherwise one error that names every fault. Each line of it begins with "vanity:
// " and names one field, its value, and what to do. What may be a credential in URL is left out, so the text may be shown
// to anyone. Validate makes no request: whether the repository exists is another question.
//
//   - URL: the path has one or more elements, at github.com exactly two (owner and repository). None is empty, "." or "..",
//     or holds an escaped slash. The host is a name of ASCII letters, digits, "-" and "_" between dots, or an IP address.
//     For the rest see [Config].
//   - Module: what [module.CheckPath] accepts.
//   - Directory: valid UTF-8 without control characters and backslashes. No element is empty, "." or "..". One trailing
//     slash is tolerated.
//   - Tags: exactly one "*". With a version in its place, git must take it as the name of a tag (git-check-ref-format(1)).
//
// No field may have more than 4096 bytes, URL with its path percent-encoded. Validate is safe for concurrent use.
func (c Config) Validate() error {
	var errs []error
	for _, p := range c.problems() {
		errs = append(errs, errors.New("vanity: "+p))
	}
	return errors.Join(errs...)
}

// Encode writes c as a spec, which is what a URL of [Gosub] holds. In the request
//
//	BASE/github.com/more-please/more-stuff:d=utf64%2Fgo&m=utf64.moreplease.com&p=utf64-go-;/utf64.moreplease.com/@v/list
//
// the spec reaches from the host through the semicolon. BASE/SPEC is the base of a GOPROXY, for a go-import tag with the
// word "mod" or for the variable GOPROXY. [Decode] reads it.
//
// The error is that of [Config.Validate], or says that the grammar has no words for c.URL: for a local path, http, an IPv6
// address, a port, or a path that holds ":" or ";". Encode is safe for concurrent use.
//
// # Grammar
//
// The grammar is that of gosub (the npm package gosub-goproxy), byte for byte, but for any host and not for github.com
// alone:
//
//	spec  = host 1*( "/" element ) [ ":" pair *( "&" pair ) ] ";"
//	pair  = key "=" value
//	key   = "d"   ; Directory
//	      / "m"   ; Module
//	      / "p"   ; what precedes the "*" in Tags
//	      / "s"   ; what follows it
//
// The host is in lower case. The elements are the path of the repository, at github.com its owner and name. In them, all
// but ASCII letters, digits and "-._~+@" is percent-encoded.
//
// Keys come in the order given, each only if its value is not the default: "v" for p, and nothing for the others. So "p="
// says that tags are bare versions. Values are form-urlencoded: a space is "+", and all else but ASCII letters, digits and
// "*-._" is percent-encoded. A spec that [Seal] wrote has one pair more at the end, with the key "x".
//
// A spec passes through the go command unharmed. A server in between that decodes and encodes paths loses the difference
// between "+" and a space, and between "&" and ";" in a value and those of the grammar. All else survives that, too.
func Encode(c Config) (string, error) {
	if err := c.Validate(); err != nil {
		return "", err
	}
	if p := c.inexpressible(); p != "" {
		return "", errors.New("vanity: " + p)
	}
	c = c.canonical()
	var pairs []string
	add := func(key, value, usual string) {
		if value != usual {
			pairs = append(pairs, key+"="+percentEncode(value, "*-._ "))
		}
	}
	prefix, suffix := c.tags()
	add("d", c.Directory, "")
	add("m", c.Module, "")
	add("p", prefix, defaultPrefix)
	add("s", suffix, "")
	spec := strings.TrimPrefix(c.URL, "https://")
	if len(pairs) > 0 {
		spec += ":" + strings.Join(pairs, "&")
	}
	return spec + ";", nil
}

// Seal writes c as [Encode] does, with a seal that only the owner of the key can make. A [Gosub] with [WithSeal] serves
// nothing else. So it may be open to everybody, and serve only what its owner has chosen.
//
//	github.com/more-please/more-stuff:d=utf64%2Fgo&p=utf64-go-&x=Jp6LFpHvlZNq4wnGPvibWQ;
//
// The seal is the last pair: the first 16 bytes of the HMAC-SHA256 of "vanity spec\n" and the spec without a seal, in
// base64url without padding (RFC 2104, RFC 4648). It holds for the [Config], in whatever way the spec is written, for as
// long as the key does. It hides nothing: whoever knows the spec may use it.
//
// The error is that of Encode, or says that the key has less than 16 bytes. Take 32 bytes from [crypto/rand]. Seal is safe
// for concurrent use.
func Seal(c Config, key []byte) (string, error) {
	spec, err := Encode(c)
	if err != nil {
		return "", err
	}
	if err := checkSealKey(key); err != nil {
		return "", fmt.Errorf("vanity: Seal: %w", err)
	}
	body, and := strings.TrimSuffix(spec, ";"), "&" // no other semicolon is bare
	if !strings.Contains(body, ":") {
		and = ":"
	}
	return body + and + sealKey + "=" + sealOf(spec, key) + ";", nil
}

const (
	sealKey  = "x"
	sealSize = 16 // bytes
	leastKey = 16
)

// checkSealKey refuses a key that can be guessed for its length.
func checkSealKey(key []byte) error {
	if len(key) < leastKey {
		return fmt.Errorf("the key has %d bytes: want %d at least, from crypto/rand", len(key), leastKey)
	}
	return nil
}

// sealOf makes the seal of what Encode wrote.
func sealOf(spec string, key []byte) string {
	mac := hmac.New(sha256.New, key)
	io.WriteString(mac, "vanity spec\n"+spec)
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:sealSize])
}

// sealed reports whether a seal is c's by one of the keys, in a time that says nothing of them.
func sealed(c Config, seal string, keys [][]byte) bool {
	spec, err := Encode(c)
	if err != nil {
		return false
	}
	ok := 0
	for _, key := range keys {
		ok |= subtle.ConstantTimeCompare([]byte(sealOf(spec, key)), []byte(seal))
	}
	return ok == 1
}

// Decode reads the spec at the start of path. The path is escaped, as [url.URL.EscapedPath] gives it, from the base of the
// server on; one leading slash is tolerated. It returns the [Config], and in used what it has read, as it stands in path,
// with a leading slash and the semicolon. What follows, path[len(used):], is not looked at.
//
//	github.com/more-please/more-stuff:d=utf64%2Fgo&p=utf64-go-;/utf64.moreplease.com/@v/list
//
// The Config is valid and in its one canonical form: without ".git" or a trailing slash in URL, and with Tags "v*" as the
// empty string. For what [Encode] wrote it is the Config that Encode was given, in that form, whatever the go command made
// of the spec on its way.
//
// See Encode for the grammar. Like gosub, Decode ignores unknown keys and takes the first of a repeated one. It doesn't
// check a seal (see [Seal]). It also reads what Encode doesn't write: a slash in a value, ".git", a host in upper case,
// needless escapes, and, if path has no bare semicolon, a spec with ":", ";", "&" and "=" escaped.
//
// Any path is safe to pass. The error for a bad one is one line that says what to fix, and has nothing in it but what the
// path itself says. Decode is safe for concurrent use.
func Decode(path string) (c Config, used string, err error) {
	c, used, _, err = decode(path)
	return c, used, err
}

// decode is Decode, and gives the seal of the spec, if it has one.
func decode(path string) (c Config, used, seal string, err error) {
	spec, used, ok := cutSpec(path)
	if !ok {
		return Config{}, "", "", errors.New("vanity: path " + check.Quote(path) + ": holds no spec: want HOST/OWNER/REPO[:QUERY] and a semicolon")
	}
	c, seal, reason := decodeSpec(spec)
	if reason == "" {
		reason = strings.Join(c.problems(), "; ")
	}
	if reason == "" {
		c = c.canonical()
		reason = c.inexpressible()
	}
	if reason != "" {
		return Config{}, "", "", fmt.Errorf("vanity: spec %s: %s", check.Quote(spec), reason)
	}
	return c, used, seal, nil
}

// cutSpec cuts the spec, without its semicolon, from the start of path. Nothing that [Encode] writes lacks a bare
// semicolon, or holds an escaped colon without a bare one before it: such a path comes from someone who escapes more
// than he must, and then the escapes of what the grammar is made of stand for themselves.
func cutSpec(path string) (spec, used string, ok bool) {
	if i := strings.IndexByte(path, ';'); i >= 0 {
		spec, used = path[:i], path[:i+1]
		if !strings.Contains(spec, ":") {
			spec = strings.NewReplacer("%3A", ":", "%3a", ":").Replace(spec)
		}
		return strings.TrimPrefix(spec, "/"), used, true
	}
	spec, rest, ok := strings.Cut(strings.ReplaceAll(path, "%3b", "%3B"), "%3B")
	if !ok {
		return "", "", false
	}
	spec = strings.NewReplacer("%3A", ":", "%3a", ":", "%26", "&", "%3D", "=", "%3d", "=").Replace(spec)
	return strings.TrimPrefix(spec, "/"), path[:len(path)-len(rest)], true
}

// decodeSpec reads a spec without its semicolon. The Config may be invalid; a reason says that there is none.
func decodeSpec(spec string) (c Config, seal, reason string) {
	if i := strings.IndexAny(spec, "?#"); i >= 0 {
		return c, "", fmt.Sprintf("has a bare %q: write %%%X", spec[i], spec[i])
	}
	if _, err := url.PathUnescape(spec); err != nil {
		return c, "", "has an invalid escape: a percent sign is written %25"
	}
	head, query, _ := strings.Cut(spec, ":")
	repo, _ := url.PathUnescape(head)
	host, path, _ := strings.Cut(repo, "/")
	switch {
	case path == "" && (host == "https" || host == "http"):
		return c, "", "begins with a scheme: want HOST/OWNER/REPO, without https://"
	case path == "":
		return c, "", "names no repository: want HOST/OWNER/REPO, without a port"
	case !check.Name(host):
		return c, "", "begins with no host name: want HOST/OWNER/REPO, without credentials"
	case strings.HasSuffix(path, "/"):
		return c, "", "has a slash too many before \":\" or \";\""
	}
	prefix, suffix := defaultPrefix, ""
	fields := map[string]*string{"d": &c.Directory, "m": &c.Module, "p": &prefix, "s": &suffix, sealKey: &seal}
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		key, value, _ := strings.Cut(pair, "=")
		key, _ = url.QueryUnescape(key)
		if field := fields[key]; field != nil {
			*field, _ = url.QueryUnescape(value)
			delete(fields, key) // the first of a repeated key wins
		}
	}
	c.URL = "https://" + host + "/" + percentEncode(path, "-._~+@/")
	c.Tags = prefix + "*" + suffix
	return c, seal, ""
}

// inexpressible says what about a valid c the grammar of specs has no words for, or nothing.
func (c Config) inexpressible() string {
	no := func(format string, args ...any) string {
		return "URL " + check.Quote(c.URL) + ": can't be written in a spec: " + fmt.Sprintf(format, args...)
	}
	if check.Local(c.URL) {
		return no("it is a local path")
	}
	u, err := url.Parse(c.canonical().URL)
	switch {
	case err != nil:
		return no("it is not a URL") // not so if c is valid
	case u.Scheme != "https":
		return no("it is not https")
	case strings.HasPrefix(u.Host, "["):
		return no("its host is an IPv6 address: name the host")
	case u.Port() != "":
		return no("it has a port, %s", u.Port())
	}
	if i := strings.IndexAny(u.Path, ":;"); i >= 0 {
		return no("its path has a %q, which ends the path there", u.Path[i])
	}
	return ""
}

// canonical returns the one form of all that mean the same as c. An invalid field stays as it is.
func (c Config) canonical() Config {
	if u, err := url.Parse(c.URL); err == nil && !check.Local(c.URL) && len(urlProblems(c.URL)) == 0 {
		path := strings.Trim(u.Path, "/")
		// Of the repository x.git.git, say, ".git" is part of the name.
		if short := strings.TrimSuffix(path, ".git"); check.Elements(short) && !strings.HasSuffix(short, ".git") {
			path = short
		}
		host := strings.TrimSuffix(strings.ToLower(u.Host), map[string]string{"http": ":80", "https": ":443"}[u.Scheme])
		c.URL = u.Scheme + "://" + host + "/" + percentEncode(path, "-._~+@/")
	}
	c.Directory = strings.TrimSuffix(c.Directory, "/")
	if c.Tags == defaultPrefix+"*" {
		c.Tags = ""
	}
	return c
}

// tags returns what stands before and after the version in a tag.
func (c Config) tags() (prefix, suffix string) {
	if c.Tags == "" {
		return defaultPrefix, ""
	}
	prefix, suffix, _ = strings.Cut(c.Tags, "*")
	return prefix, suffix
}

// maxField bounds the work that a directory of very many levels makes, and what is remembered of a Config.
const maxField = 4096

// problems returns a line for everything that is wrong with c.
func (c Config) problems() []string {
	var lines []string
	values := map[string]string{"URL": check.Redact(c.URL), "Module": c.Module, "Directory": c.Directory, "Tags": c.Tags}
	for _, fault := range c.faults() {
		lines = append(lines, fault.Key+" "+check.Quote(values[fault.Key])+": "+fault.Reason)
	}
	return lines
}

// faults returns everything that is wrong with c, by the names of its fields.
func (c Config) faults() (faults check.Faults) {
	add := func(field string, size int, reasons []string) {
		if size > maxField {
			reasons = []string{fmt.Sprintf("has %d bytes: want %d at most", size, maxField)}
		}
		for _, reason := range reasons {
			faults.Add(field, reason)
		}
	}
	size := len(c.URL)
	if 3*size > maxField { // else it can't matter how much of it is encoded
		size = len(c.canonical().URL)
	}
	add("URL", size, urlProblems(c.URL))
	add("Module", len(c.Module), moduleProblems(c.Module))
	add("Directory", len(c.Directory), check.Directory(c.Directory))
	add("Tags", len(c.Tags), check.Tags(c.Tags))
	return faults
}

const wantURL = "want https://HOST/PATH, http://HOST/PATH or the absolute path of a local repository"

// urlProblems says what is wrong with the URL of a repository, in words that repeat nothing secret.
func urlProblems(raw string) (reasons []string) {
	scheme, rest, hasScheme := strings.Cut(raw, "://")
	scheme = strings.ToLower(scheme)
	switch {
	case raw == "":
		return []string{"is empty: " + wantURL}
	case check.Local(raw):
		return check.Text(raw)
	case strings.TrimSpace(raw) != raw:
		return []string{"begins or ends with white space: remove it"}
	case !hasScheme && strings.Contains(raw, "@"), scheme == "ssh", scheme == "git+ssh", scheme == "git":
		return []string{"git is spoken over https here: " + suggest(raw)}
	case !hasScheme:
		return []string{"has no scheme: " + suggest(raw)}
	case scheme == "file" && strings.HasPrefix(rest, "/"):
		return []string{"write the path alone, " + check.Quote(rest)}
	case scheme != "http" && scheme != "https":
		return []string{"has an unknown scheme: " + wantURL}
	}
	u, err := url.Parse(raw)
	if err != nil {
		return []string{"is malformed: " + wantURL}
	}
	add := func(bad bool, reason string) {
		if bad {
			reasons = append(reasons, reason)
		}
	}
	add(u.User != nil, "credentials don't belong in a URL: remove what precedes the \"@\"")
	add(u.RawQuery != "" || u.ForceQuery, "a repository has no query: remove the \"?\" and what follows")
	add(strings.Contains(raw, "#"), "a repository has no fragment: remove the \"#\" and what follows")
	add(!check.Host(u), "has no valid host: want an ASCII name (xn--… for others) or an IP address, and a port from 1 to 65535 if any")
	path := strings.TrimSuffix(strings.TrimPrefix(u.Path, "/"), "/")
	add(path == "", "has no path: want https://HOST/PATH of one repository")
	add(path != "" && !check.Elements(path), `no element of the path may be empty, "." or ".."`)
	add(strings.Contains(strings.ToUpper(u.EscapedPath()), "%2F"), "no element of the path may hold a slash: write / for %2F if it parts two")
	add(strings.Contains(path, `\`), `the path may hold no backslash: write "/"`)
	add(isGitHub(u) && path != "" && strings.Count(path, "/") != 1, "want https://github.com/OWNER/REPO: a directory goes into Directory")
	return append(reasons, check.Text(path)...)
}

// isGitHub reports whether u is at github.com, where a repository's path has exactly two elements.
func isGitHub(u *url.URL) bool {
	return strings.EqualFold(u.Hostname(), "github.com")
}

// suggest says what to write instead of raw, which is not an http URL: git@host:path, ssh://git@host:22/path.
func suggest(raw string) string {
	_, rest, ok := strings.Cut(raw, "://")
	if !ok {
		rest = raw
	}
	rest, _, _ = strings.Cut(rest[strings.LastIndex(rest, "@")+1:], "?")
	if i := strings.IndexAny(rest, ":/"); i > 0 && strings.Contains(rest[:i], ".") {
		host, path := rest[:i], strings.TrimLeft(rest[i+1:], "/")
		if port, after, ok := strings.Cut(path, "/"); ok && rest[i] == ':' && strings.Trim(port, "0123456789") == "" {
			path = after
		}
		try := Config{URL: "https://" + host + "/" + path}
		if len(urlProblems(try.URL)) == 0 {
			return "write " + check.Quote(try.canonical().URL)
		}
	}
	return wantURL
}

// moduleProblems says what is wrong with a module path.
func moduleProblems(path string) []string {
	if path == "" {
		return nil
	}
	err := module.CheckPath(path)
	if err == nil {
		return nil
	}
	return []string{check.PathReason(err).Error() + ": want the module path as in go.mod"}
}

// percentEncode escapes all of s but ASCII letters, digits and the bytes of bare. If a space is bare it becomes "+",
// as in a form.
func percentEncode(s, bare string) string {
	const upperHex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		switch ch := s[i]; {
		case ch == ' ' && strings.Contains(bare, " "):
			b.WriteByte('+')
		case 'a' <= ch && ch <= 'z', 'A' <= ch && ch <= 'Z', '0' <= ch && ch <= '9', strings.IndexByte(bare, ch) >= 0:
			b.WriteByte(ch)
		default:
			b.Write([]byte{'%', upperHex[ch>>4], upperHex[ch&15]})
		}
	}
	return b.String()
}
