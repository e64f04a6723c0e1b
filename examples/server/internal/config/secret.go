package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"go.yaml.in/yaml/v4"
)

// A Secret is a password, token or key. In the file it stands itself, or "env:NAME", the environment variable that holds it, or
// "file:NAME", the file, whose last line break doesn't count. It prints as dots.
type Secret struct {
	source string
	value  string
}

// UnmarshalYAML takes what stands in the file. What it means is looked up when the file is complete.
func (s *Secret) UnmarshalYAML(n *yaml.Node) error {
	if n.Kind != yaml.ScalarNode {
		return errors.New("a secret must be a string")
	}
	s.source = n.Value
	return nil
}

// String hides the secret from logs.
func (Secret) String() string { return "…" }

// GoString hides it from %#v.
func (Secret) GoString() string { return "…" }

// Reveal gives the secret itself.
func (s Secret) Reveal() string { return s.value }

// isEmpty reports whether there is none, be it that it could not be found.
func (s Secret) isEmpty() bool { return s.value == "" }

// resolve looks the secret up. The error doesn't hold it.
func (s *Secret) resolve(dir string) error {
	kind, name, _ := strings.Cut(s.source, ":")
	switch kind {
	case "env":
		s.value = os.Getenv(name)
		if s.value == "" {
			return fmt.Errorf("the environment variable %s is not set, or empty", name)
		}
	case "file":
		data, err := readSecret(absolute(dir, name))
		if err != nil {
			return err
		}
		s.value = strings.TrimSuffix(strings.TrimSuffix(string(data), "\n"), "\r")
		if s.value == "" {
			return fmt.Errorf("the file %s is empty", name)
		}
	default:
		if like := strings.ToLower(strings.TrimSpace(kind)); name != "" && (like == "env" || like == "file") {
			return fmt.Errorf("begins like env: or file:, but isn't written so")
		}
		if s.value = s.source; s.value == "" {
			return errors.New("is empty")
		}
	}
	return nil
}

const maxSecret = 64 << 10

func readSecret(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxSecret+1))
	if len(data) > maxSecret {
		err = fmt.Errorf("the file %s has more than %d bytes: it is no secret", name, maxSecret)
	}
	return data, err
}

// absolute is a name of a file relative to a directory.
func absolute(dir, name string) string {
	switch {
	case name == "":
		return ""
	case filepath.IsAbs(name):
		return filepath.Clean(name)
	}
	return filepath.Join(dir, name) // and clean, as access rules compare
}

// A Duration is written as "90s", "15m" or "2h".
type Duration time.Duration

// UnmarshalYAML reads it.
func (d *Duration) UnmarshalYAML(n *yaml.Node) error {
	v, err := time.ParseDuration(n.Value)
	if err != nil {
		return fmt.Errorf("%q is no duration such as 90s, 15m or 2h", n.Value)
	}
	if v <= 0 {
		return fmt.Errorf("the duration %q must be more than zero", n.Value)
	}
	*d = Duration(v)
	return nil
}

// Or is the duration, or another if it isn't given.
func (d Duration) Or(other time.Duration) time.Duration { return cmp.Or(time.Duration(d), other) }
