package gittest

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// keptGo are the GO* variables that say where things are on this machine, or how this process runs, and not what the
// go command should do.
var keptGo = []string{
	"GOROOT", "GOPATH", "GOMODCACHE", "GOCACHE", "GOTMPDIR", "GOTOOLCHAIN",
	"GOCOVERDIR", "GORACE", "GOMAXPROCS", "GOTRACEBACK",
}

// foreign reports whether a variable of the caller's environment would make tests depend on who runs them.
func foreign(key string) bool {
	key = strings.ToUpper(key)
	switch {
	case slices.Contains(keptGo, key):
		return false
	case key == "NETRC", key == "SSL_CERT_FILE", key == "SSL_CERT_DIR", key == "XDG_CONFIG_HOME":
		return true
	}
	return strings.HasPrefix(key, "GO") || strings.HasPrefix(key, "GIT_") || strings.HasSuffix(key, "_PROXY")
}

// Environ is the process's environment without what depends on who runs the tests (GO*, GIT_*, *_PROXY, NETRC and
// certificates), followed by more. Child processes of tests should begin with it.
func Environ(more ...string) []string {
	env := slices.DeleteFunc(os.Environ(), func(kv string) bool {
		key, _, _ := strings.Cut(kv, "=")
		return foreign(key)
	})
	return append(env, more...)
}

// GitEnviron is what makes git independent of the machine, in addition to [Environ]: no configuration but the
// key=value pairs given, no prompt, one language and time zone, and a home that is the caller's to make.
func GitEnviron(home string, config ...string) []string {
	config = append([]string{
		"init.defaultBranch=main",
		"core.autocrlf=false",
		"core.fsmonitor=false",
		"commit.gpgSign=false",
		"tag.gpgSign=false",
		"gc.auto=0",
		"maintenance.auto=false",
		"advice.detachedHead=false",
		"protocol.file.allow=always",
		"safe.directory=*",
	}, config...)
	env := []string{
		"HOME=" + home,
		"GIT_CONFIG_GLOBAL=" + os.DevNull,
		"GIT_CONFIG_SYSTEM=" + os.DevNull,
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_ATTR_NOSYSTEM=1",
		"GIT_TERMINAL_PROMPT=0",
		"GIT_DEFAULT_HASH=sha1",
		"GIT_DEFAULT_REF_FORMAT=files",
		"LC_ALL=C",
		"TZ=UTC",
		fmt.Sprintf("GIT_CONFIG_COUNT=%d", len(config)),
	}
	for i, kv := range config {
		key, value, _ := strings.Cut(kv, "=")
		env = append(env, fmt.Sprintf("GIT_CONFIG_KEY_%d=%s", i, key), fmt.Sprintf("GIT_CONFIG_VALUE_%d=%s", i, value))
	}
	return env
}
