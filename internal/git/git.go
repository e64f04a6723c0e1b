// Package git reads repositories by git's own protocol, in its versions 2, 1 and 0, and knows nothing of Go modules.
//
// A [Client] is the means (an HTTP client, limits, what it has learned of each host), a [Repo] one repository, and a
// [Snapshot] one commit of it: its trees, and those blobs that were asked for. Nothing is cloned: a fetch brings what
// is named, and a filter keeps away what is not, as far as the host allows it (see [Repo.Snapshot]).
// Repositories are reached by smart HTTP, without any program, or as an absolute path by a pipe to `git upload-pack`.
//
// Everything that a host sends is taken for hostile: lengths, counts, sizes and delta chains are bounded by [Limits],
// and each object's content is checked against its name.
//
// The protocol is described in gitprotocol-v2(5), gitprotocol-pack(5), gitprotocol-common(5) and gitformat-pack(5).
package git

import (
	"crypto/sha1"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io/fs"
	"math"
	"time"

	"example.com/vanity/internal/check"
)

// A Hash names an object. The zero Hash names none. Hashes are comparable.
type Hash struct {
	b [sha256.Size]byte
	n uint8
}

// ParseHash reads 40 (SHA-1) or 64 (SHA-256) lower-case hexadecimal digits.
func ParseHash(s string) (Hash, error) { return parseHash([]byte(s)) }

func parseHash(s []byte) (h Hash, err error) {
	if len(s) != 2*sha1.Size && len(s) != 2*sha256.Size {
		return Hash{}, fmt.Errorf("malformed object name %.80q", s)
	}
	h.n = uint8(len(s) / 2)
	wrong := byte(0)
	for i := range h.b[:h.n] {
		high, low := digits[s[2*i]], digits[s[2*i+1]]
		h.b[i] = high<<4 | low
		wrong |= high | low
	}
	if wrong > 15 {
		return Hash{}, fmt.Errorf("malformed object name %.80q", s)
	}
	return h, nil
}

// digits are the values of lower-case hexadecimal digits; of all else, more than those.
var digits = func() (t [256]byte) {
	for i := range t {
		t[i] = 0xff
	}
	for i, c := range "0123456789abcdef" {
		t[c] = byte(i)
	}
	return t
}()

func hashOf[T []byte | string](b T) Hash {
	var h Hash
	h.n = uint8(copy(h.b[:], b))
	return h
}

func (h Hash) bytes() []byte { return h.b[:h.n] }

// String gives the hexadecimal form.
func (h Hash) String() string { return hex.EncodeToString(h.b[:h.n]) }

// hasPrefix reports whether the hexadecimal form begins so.
func (h Hash) hasPrefix(prefix string) bool {
	const digits = "0123456789abcdef"
	if len(prefix) > 2*int(h.n) {
		return false
	}
	for i := range len(prefix) {
		if prefix[i] != digits[h.b[i/2]>>(4-i%2*4)&15] {
			return false
		}
	}
	return true
}

// IsZero reports whether h names no object.
func (h Hash) IsZero() bool { return h.n == 0 }

// A format is a repository's way of naming objects.
type format struct {
	name string
	size int
	new  func() hash.Hash
}

var (
	formatSHA1   = &format{"sha1", sha1.Size, sha1.New}
	formatSHA256 = &format{"sha256", sha256.Size, sha256.New}
)

// Limits bound what a host may send. A zero field means its default.
type Limits struct {
	Refs      int           // refs in one listing; default 1,000,000
	PackBytes int64         // bytes of one pack; default 1 GiB
	Objects   int           // objects of one pack; default 1,000,000
	Object    int64         // bytes of one object; default 500 MiB, the most that a module zip may hold
	Delta     int64         // bytes of one object that is stored as a delta, which needs memory; default 128 MiB
	Inflated  int64         // bytes of all objects of one pack; default 4 GiB
	Depth     int           // length of a delta chain; default 4,096, which is git's own bound
	Entries   int           // files and directories of one walk; default 1,000,000
	Trees     int           // objects that are worth having in one trip rather than a level a trip; default 10,000, and 2 MB
	Stall     time.Duration // time without a byte from the host; default 30 s
}

func (l Limits) withDefaults() Limits {
	def := func(p *int64, v int64) {
		if *p == 0 {
			*p = v
		}
	}
	defInt := func(p *int, v int) {
		if *p == 0 {
			*p = v
		}
	}
	defInt(&l.Refs, 1_000_000)
	def(&l.PackBytes, 1<<30)
	defInt(&l.Objects, 1_000_000)
	def(&l.Object, 500<<20)
	def(&l.Delta, 128<<20)
	def(&l.Inflated, 4<<30)
	defInt(&l.Depth, 4096)
	l.Depth = min(l.Depth, math.MaxUint16) // see entry
	defInt(&l.Entries, 1_000_000)
	defInt(&l.Trees, 10_000)
	if l.Stall == 0 {
		l.Stall = 30 * time.Second
	}
	return l
}

// A Kind is a sort of failure of a host.
type Kind int

const (
	Broken       Kind = iota // the host answered what can't be understood, or too much of it
	Unreachable              // no connection
	Timeout                  // no answer in time
	Limited                  // the host wants fewer requests
	Unavailable              // the host can't serve now
	Denied                   // the host asks for credentials, or for others than the caller's
	Forbidden                // the host knows the caller by his credentials, and gives him nothing
	Refused                  // the host refuses the credentials that this machine has for it
	NoRepository             // no such repository
	Missing                  // the repository is there, but has no such object, or gives it to nobody
)

// An Error is a failure of the host or the repository, not of this machine. Its text may hold addresses and paths: it
// is for logs; what a host is logged in with is not in it. NoRepository, Missing and Denied satisfy
// errors.Is(err, fs.ErrNotExist): a host that asks for credentials may do so for repositories that don't exist. Forbidden
// and Refused don't: somebody has to do something.
type Error struct {
	Kind       Kind
	Repo       string        // the repository, as it was named, but for what may be secret
	RetryAfter time.Duration // what the host asks for; zero if it doesn't
	Err        error
}

func (e *Error) Error() string { return e.Repo + ": " + e.Err.Error() }
func (e *Error) Unwrap() error { return e.Err }

// Is makes NoRepository, Missing and Denied equal to fs.ErrNotExist.
func (e *Error) Is(target error) bool {
	return target == fs.ErrNotExist && (e.Kind == NoRepository || e.Kind == Missing || e.Kind == Denied)
}

// failf makes an Error that does not yet know its repository.
func failf(kind Kind, format string, args ...any) error {
	return &Error{Kind: kind, Err: fmt.Errorf(format, args...)}
}

// named gives an Error the repository's name, without credentials; other errors stay what they are.
func named(repo string, err error) error {
	if err == nil {
		return nil
	}
	var e *Error
	if errors.As(err, &e) && e.Repo == "" {
		e.Repo = check.Redact(repo)
	}
	return err
}
