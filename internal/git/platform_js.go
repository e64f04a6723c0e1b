package git

import (
	"context"
	"io"
	"net/http"
)

// fetchRedirect says to net/http what the platform's fetch shall do with a redirect. It is no header that is sent.
const fetchRedirect = "js.fetch:redirect"

// prepare makes fetch show redirects to net/http, which asks checkRedirect. By itself fetch would follow them anywhere, with
// the Authorization header on some platforms. A Transport that dials knows nothing of it.
func prepare(client *http.Client, req *http.Request) {
	transport := client.Transport
	if transport == nil {
		transport = http.DefaultTransport
	}
	//lint:ignore SA1019 net/http still uses them
	if t, ok := transport.(*http.Transport); ok && (t.DialContext != nil || t.Dial != nil || t.DialTLSContext != nil || t.DialTLS != nil) {
		return
	}
	req.Header[fetchRedirect] = []string{"manual"}
}

// ending makes a body end with its context: where it comes from fetch, net/http's own waits for the next byte for ever.
func ending(ctx context.Context, body io.ReadCloser) io.ReadCloser {
	return &endingBody{body, ctx, context.AfterFunc(ctx, func() { body.Close() })}
}

type endingBody struct {
	io.ReadCloser
	ctx  context.Context
	stop func() bool
}

// Read implements [io.Reader]. A body that is closed while it is read looks as if it had come to its end.
func (b *endingBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil && b.ctx.Err() != nil {
		err = b.ctx.Err()
	}
	return n, err
}

func (b *endingBody) Close() error {
	b.stop()
	return b.ReadCloser.Close()
}
