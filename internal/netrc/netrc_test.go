package netrc_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"example.com/vanity/internal/netrc"
)

func TestParse(t *testing.T) {
	for name, tt := range map[string]struct {
		data string
		want []netrc.Entry
	}{
		"empty":                     {"", nil},
		"one line":                  {"machine a.test login me password x\n", []netrc.Entry{{"a.test", "me", "x"}}},
		"many lines":                {"machine a.test\n\tlogin me\r\n\tpassword x", []netrc.Entry{{"a.test", "me", "x"}}},
		"two":                       {"machine a login b password c machine d login e account f password g", []netrc.Entry{{"a", "b", "c"}, {"d", "e", "g"}}},
		"words that mean something": {"machine login login password password machine", []netrc.Entry{{"login", "password", "machine"}}},
		"incomplete":                {"machine a login b\nmachine c password d\nmachine e\nlogin f password g", []netrc.Entry{{"e", "f", "g"}}},
		"default":                   {"machine a login b password c\ndefault login d password e", []netrc.Entry{{"a", "b", "c"}}},
		"macro":                     {"macdef init\nmachine x login y password z\n\nmachine a login b password c", []netrc.Entry{{"a", "b", "c"}}},
		"comment":                   {"# machine x login y password z\nmachine a login b password #c", []netrc.Entry{{"a", "b", "#c"}}},
		"hash":                      {"machine a login b password #c machine d login e password f # g", []netrc.Entry{{"a", "b", "#c"}, {"d", "e", "f"}}},
		"no machine":                {"login b password c", nil},
	} {
		if diff := cmp.Diff(tt.want, netrc.Parse(tt.data)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestFind(t *testing.T) {
	entries := []netrc.Entry{{"a.test", "1", "x"}, {"a.test", "2", "x"}, {"b.test:8443", "3", "x"}, {"b.test", "4", "x"}}
	for host, want := range map[string]string{
		"a.test": "1", "A.Test": "1", "a.test:8443": "1", "b.test:8443": "3", "b.test": "4", "b.test:1": "4", "x.a.test": "", "test": "", "": "",
	} {
		if e, ok := netrc.Find(entries, host); e.Login != want || ok != (want != "") {
			t.Errorf("%q: %+v, %v", host, e, ok)
		}
	}
}

func TestRead(t *testing.T) {
	home := t.TempDir()
	t.Setenv("HOME", home)
	t.Setenv("USERPROFILE", home)
	t.Setenv("NETRC", "")
	if e, err := netrc.Read(); len(e) != 0 || err != nil {
		t.Errorf("no file: %v, %v", e, err)
	}
	write := func(name, login string) {
		if err := os.WriteFile(name, []byte("machine a login "+login+" password x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(home, ".netrc"), "home")
	if e, err := netrc.Read(); len(e) != 1 || e[0].Login != "home" || err != nil {
		t.Errorf("%v, %v", e, err)
	}
	other := filepath.Join(home, "other")
	write(other, "other")
	t.Setenv("NETRC", other)
	if e, err := netrc.Read(); len(e) != 1 || e[0].Login != "other" || err != nil {
		t.Errorf("%v, %v", e, err)
	}
	t.Setenv("NETRC", home)
	if e, err := netrc.Read(); err == nil {
		t.Errorf("a directory: %v", e)
	}
}

// FuzzParse asserts that no password comes to a machine that it was not written for.
func FuzzParse(f *testing.F) {
	f.Add("machine a login b password c")
	f.Add("macdef x\n\nmachine a\nlogin b #\npassword c default")
	f.Fuzz(func(t *testing.T, data string) {
		for _, e := range netrc.Parse(data) {
			if e.Machine == "" || e.Login == "" || e.Password == "" {
				t.Errorf("%q: %+v", data, e)
			}
		}
	})
}
