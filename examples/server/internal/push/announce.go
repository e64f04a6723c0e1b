package push

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/mod/module"

	"example.com/vanity/internal/modproxy"
)

const (
	tries       = 6
	firstPause  = 2 * time.Second // doubled each time: a minute in all
	announceMax = 5 * time.Minute // for one answer: the mirror fetches the module meanwhile
	infoMax     = 64 << 10        // bytes of an answer
)

// An Announcer asks a module mirror for versions, by the GOPROXY protocol. It is safe for concurrent use.
type Announcer struct {
	// Mirror is the base of the GOPROXY, such as https://proxy.golang.org.
	Mirror string

	// Client reaches the mirror. If nil, [http.DefaultClient] does.
	Client *http.Client

	// Pause is the time before the second try, and is doubled before each one that follows. If zero, 2 seconds.
	Pause time.Duration
}

// Announce makes a mirror fetch a version, so that everyone who uses it sees the release now and not when the mirror
// happens to look. It may take minutes, and gives up after six tries, or when ctx ends. A mirror that has asked too
// early remembers for a while that there is no such version, and so does every cache on the way: announce a version when
// it is served, not before.
//
// It tells the mirror the module's path, and the mirror tells the world: don't announce private modules. Which are,
// the caller has to know.
//
// An error says what the mirror has answered, and is final: trying again at once is no use.
func (a Announcer) Announce(ctx context.Context, path, version string) error {
	target, err := a.target(path, version)
	if err != nil {
		return fmt.Errorf("announcing %s@%s: %w", path, version, err)
	}
	pause := a.Pause
	if pause <= 0 {
		pause = firstPause
	}
	for try := 1; ; try++ {
		again, err := a.ask(ctx, target, version)
		if err == nil {
			return nil
		}
		err = fmt.Errorf("announcing %s@%s: %w", path, version, err)
		if !again || try == tries {
			return err
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%w (then %w)", err, context.Cause(ctx))
		case <-time.After(pause):
			pause *= 2
		}
	}
}

// target is the URL of a version's info, which no mirror has without having fetched the version.
func (a Announcer) target(path, version string) (string, error) {
	base, err := url.Parse(a.Mirror)
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" {
		return "", errors.New("the mirror is no http or https URL") // which may hold a password
	}
	if err := module.Check(path, version); err != nil {
		return "", err
	}
	name, err := modproxy.Request{Path: path, Kind: modproxy.Info, Version: version}.Name()
	if err != nil {
		return "", err
	}
	return base.JoinPath(name).String(), nil
}

// ask asks once. Whether it may do to ask again, it tells too.
func (a Announcer) ask(ctx context.Context, target, version string) (again bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, announceMax)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, target, nil)
	if err != nil {
		return false, err
	}
	client := a.Client
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		if urlErr := (*url.Error)(nil); errors.As(err, &urlErr) {
			err = urlErr.Err // without the URL, which may hold a password
		}
		return true, fmt.Errorf("%s can't be asked: %w", req.URL.Redacted(), err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, infoMax))
	if resp.StatusCode == http.StatusOK {
		if err != nil {
			return true, fmt.Errorf("the answer of %s ended early: %w", req.URL.Redacted(), err)
		}
		var info struct{ Version string }
		if json.Unmarshal(data, &info) != nil || info.Version != version {
			return false, fmt.Errorf("%s doesn't answer with the info of %s: that is no module mirror", req.URL.Redacted(), version)
		}
		return false, nil
	}
	// 404 may be what the mirror remembers of a time before the release, and the others may pass.
	code := resp.StatusCode
	again = code == http.StatusNotFound || code == http.StatusGone || code == http.StatusRequestTimeout ||
		code == http.StatusTooManyRequests || code >= 500
	return again, fmt.Errorf("%s answers %s%s", req.URL.Redacted(), resp.Status, detail(resp.Header, data))
}

// detail is what an answer says of its reason, in one line that is fit for a log.
func detail(h http.Header, data []byte) string {
	if !strings.HasPrefix(h.Get("Content-Type"), "text/plain") {
		return ""
	}
	text := strings.Join(strings.Fields(string(data)), " ")
	if text == "" {
		return ""
	}
	return fmt.Sprintf(": %.300q", text)
}
