// Package passwords tells callers by fixed passwords and tokens.
package passwords

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// A Set is of passwords, by their users. It holds no password, but hashes by a key of its own. It is safe for concurrent use.
type Set struct {
	key    []byte
	hashes map[string][]byte // by user; that of "" is a token, good for any user
}

// hashPrefix stands before the SHA-256 of a password, in hexadecimal digits, in place of the password.
const hashPrefix = "sha256:"

// New makes a set of passwords, or of their hashes.
func New(passwords map[string]string) (*Set, error) {
	s := &Set{key: make([]byte, 32), hashes: make(map[string][]byte, len(passwords))}
	rand.Read(s.key)
	if len(passwords) == 0 {
		return nil, errors.New("there are none: nobody could get in")
	}
	for user, password := range passwords {
		digest := sha256.Sum256([]byte(password))
		hashed, isHash := strings.CutPrefix(password, hashPrefix)
		switch {
		case password == "":
			return nil, fmt.Errorf("the password of %q is empty", user)
		case strings.Contains(user, ":"):
			return nil, fmt.Errorf("the user %q has a colon, which ends a user in a request", user)
		case isHash:
			if len(hashed) != hex.EncodedLen(len(digest)) {
				hashed = "?"
			}
			if _, err := hex.Decode(digest[:], []byte(hashed)); err != nil {
				return nil, fmt.Errorf("what follows %s for %q is not 64 hexadecimal digits", hashPrefix, user)
			}
			if digest == sha256.Sum256(nil) { // of a variable that was not set
				return nil, fmt.Errorf("the password of %q is empty: its hash is that of nothing", user)
			}
		}
		s.hashes[user] = s.hash(digest)
	}
	return s, nil
}

func (s *Set) hash(digest [sha256.Size]byte) []byte {
	m := hmac.New(sha256.New, s.key)
	m.Write(digest[:])
	return m.Sum(nil)
}

// Check reports whether a request has one of the passwords: as Basic authorization with its user, or a token with any, or as
// Bearer authorization with a token. It takes as long for a wrong password as for the right one, of an unknown user too.
func (s *Set) Check(r *http.Request) bool {
	user, password, ok := r.BasicAuth()
	if !ok {
		user = ""
		if password, ok = bearer(r); !ok {
			return false
		}
	}
	hash := s.hash(sha256.Sum256([]byte(password)))
	want, known := s.hashes[user]
	token, hasToken := s.hashes[""]
	isUsers := subtle.ConstantTimeCompare(hash, s.or(want)) & one(known)
	isToken := subtle.ConstantTimeCompare(hash, s.or(token)) & one(hasToken)
	return isUsers|isToken == 1
}

// or gives something to compare with where there is nothing.
func (s *Set) or(hash []byte) []byte {
	if hash == nil {
		return s.key
	}
	return hash
}

func one(ok bool) int {
	if ok {
		return 1
	}
	return 0
}

func bearer(r *http.Request) (token string, ok bool) {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return token, ok && strings.EqualFold(scheme, "Bearer") && token != ""
}
