package push

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// A key is one secret in the forms that hosts use it in.
type key struct {
	secret  []byte
	sum     [sha256.Size]byte // of secret, so that comparing takes the same time for any length
	signing []byte            // what a signing token holds; or secret, if it is none
}

type keys []key

// window is how old a signature with a time may be, and how far ahead the host's clock: what Standard Webhooks advises.
const window = 5 * time.Minute

func newKeys(secrets [][]byte) (keys, error) {
	if len(secrets) == 0 {
		return nil, errors.New("there is no secret: give the one that the hook has at the git host")
	}
	var all keys
	for _, secret := range secrets {
		if len(secret) == 0 {
			return nil, errors.New("a secret is empty: anyone knows that one")
		}
		k := key{secret: []byte(string(secret)), sum: sha256.Sum256(secret)}
		k.signing = k.secret
		if encoded, ok := strings.CutPrefix(string(secret), "whsec_"); ok {
			if decoded, err := base64.StdEncoding.DecodeString(encoded); err == nil && len(decoded) > 0 {
				k.signing = decoded
			}
		}
		all = append(all, k)
	}
	return all, nil
}

// any reports whether ok holds for one of the keys. All are tried, whichever it is.
func (ks keys) any(ok func(key) bool) (found bool) {
	for _, k := range ks {
		if ok(k) {
			found = true
		}
	}
	return found
}

func mac(secret []byte, parts ...[]byte) []byte {
	h := hmac.New(sha256.New, secret)
	for _, p := range parts {
		h.Write(p)
	}
	return h.Sum(nil)
}

// hexSignature gives what a header has in hexadecimal digits behind a prefix; nil if that is no signature.
func hexSignature(value, prefix string) []byte {
	digits, ok := strings.CutPrefix(value, prefix)
	sent, err := hex.DecodeString(digits)
	if !ok || err != nil || len(sent) != sha256.Size {
		return nil
	}
	return sent
}

// signedHex reports whether a header has the body's signature in hexadecimal digits behind a prefix.
func signedHex(ks keys, value, prefix string, body []byte) bool {
	sent := hexSignature(value, prefix)
	return sent != nil && ks.any(func(k key) bool { return hmac.Equal(mac(k.secret, body), sent) })
}

// hasToken reports whether GitLab's header has the secret itself.
func hasToken(ks keys, h http.Header) bool {
	sent := sha256.Sum256([]byte(h.Get("X-Gitlab-Token")))
	return ks.any(func(k key) bool { return hmac.Equal(k.sum[:], sent[:]) })
}

// standardSignatures gives those that headers of Standard Webhooks have; none if the time is none, or long ago.
func standardSignatures(h http.Header, now time.Time) (sent [][]byte) {
	seconds, err := strconv.ParseInt(h.Get("webhook-timestamp"), 10, 64)
	if err != nil || h.Get("webhook-id") == "" || seconds < 0 {
		return nil
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > window || age < -window {
		return nil
	}
	for _, s := range strings.Fields(h.Get("webhook-signature")) {
		encoded, ok := strings.CutPrefix(s, "v1,")
		if signature, err := base64.StdEncoding.DecodeString(encoded); ok && err == nil && len(signature) == sha256.Size {
			sent = append(sent, signature)
		}
	}
	return sent
}

// signedStandard reports whether the headers have the body's signature as Standard Webhooks has it: of the hook's id, its
// time and the body, in base64, one of a list. The time is part of what is signed, so that nobody can send it again later.
func signedStandard(ks keys, h http.Header, body []byte, now time.Time) bool {
	id, stamp, sent := h.Get("webhook-id"), h.Get("webhook-timestamp"), standardSignatures(h, now)
	return ks.any(func(k key) bool {
		want, found := mac(k.signing, []byte(id), []byte("."), []byte(stamp), []byte("."), body), false
		for _, s := range sent {
			if hmac.Equal(want, s) {
				found = true
			}
		}
		return found
	})
}

// isForm reports whether a body is a form, whose one field holds the JSON.
func isForm(h http.Header) bool {
	mediaType, _, _ := strings.Cut(h.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(mediaType), "application/x-www-form-urlencoded")
}

// payload gives the JSON of a body.
func payload(h http.Header, body []byte) ([]byte, error) {
	if !isForm(h) {
		return body, nil
	}
	form, err := url.ParseQuery(string(body))
	if err != nil || !form.Has("payload") {
		return nil, errors.New("the form has no payload")
	}
	return []byte(form.Get("payload")), nil
}
