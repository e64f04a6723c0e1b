package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"gocloud.dev/blob"
	"gocloud.dev/gcerrors"

	"example.com/vanity/internal/dirstore"
)

const (
	partSize = 5 << 20 // of an upload; the smallest that S3 allows
	parts    = 2       // of one content that are under way at the same time
	uploads  = 4       // of contents in parts at the same time
	maxKey   = 1024    // bytes of the longest key that the services have
	attempts = 3       // at a request that fails soon
)

// blobs are the objects of a bucket.
type blobs struct {
	bucket *blob.Bucket
	prefix string // of all keys; empty or with a slash at its end
	log    *slog.Logger
	large  chan struct{} // has room for uploads in parts
	locks  locks         // for puts that can't be conditional

	silent atomic.Int64 // when the service was last given up, in nanoseconds of Unix time

	// unconditional is set once the service has said that it knows no conditions.
	unconditional atomic.Bool

	provider
}

// A provider is what is different between services.
type provider struct {
	title       string            // what the owner calls the bucket; no secret
	transport   *watchedTransport // nil if it is not ours
	credentials string            // where they come from
	rights      string            // that are needed
	absent      func(error) bool
	before      func(as func(any) bool) error // a put; nil for nothing to do
	exists      func(context.Context) error   // whether the bucket does, where absent can't tell; else nil
}

func newBlobs(b *blob.Bucket, prefix string, log *slog.Logger, p provider) *blobs {
	return &blobs{bucket: b, prefix: prefix, log: log, large: make(chan struct{}, uploads), locks: newLocks(), provider: p}
}

// key is the object's for a name.
func (b *blobs) key(name string) (string, error) {
	key := b.prefix + name
	if len(key) > maxKey {
		return "", fmt.Errorf("name %+.100q makes a key of more than %d bytes: %w", name, maxKey, syscall.ENAMETOOLONG)
	}
	return key, nil
}

func (b *blobs) get(ctx context.Context, name string) (io.ReadCloser, error) {
	key, err := b.key(name)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", fs.ErrNotExist, err)
	}
	inner, w, err := b.beginAnswer(ctx, "reading from", name)
	if err != nil {
		return nil, err
	}
	r, err := b.bucket.NewReader(inner, key, nil)
	if err != nil {
		err = b.fault(ctx, inner, "reading from", name, err)
		w.end()
		return nil, b.sureAbsent(ctx, err)
	}
	w.wait(0)
	return &reader{b: b, ctx: ctx, inner: inner, w: w, name: name, r: r}, nil
}

// sureAbsent looks for the bucket, where an absent object may also mean that there is no bucket.
func (b *blobs) sureAbsent(ctx context.Context, err error) error {
	if b.exists == nil || !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	inner, w, silent := b.beginAnswer(ctx, "looking for", "")
	if silent != nil {
		return silent
	}
	defer w.end()
	if err := b.exists(inner); err != nil {
		return b.fault(ctx, inner, "looking for", "", err)
	}
	return err
}

// A reader is a content as it comes.
type reader struct {
	b          *blobs
	ctx, inner context.Context
	w          *watch
	name       string
	r          *blob.Reader
	n          int64 // bytes that came
}

func (r *reader) Read(p []byte) (int, error) {
	r.w.wait(limit.Load().silent)
	n, err := r.r.Read(p)
	r.w.wait(0)
	r.n += int64(n)
	switch size := r.r.Size(); { // not above zero if nobody knows
	case err == nil:
	case err != io.EOF:
		err = r.b.fault(r.ctx, r.inner, "reading from", r.name, err)
		if errors.Is(err, fs.ErrNotExist) { // what began to be read is not absent
			err = fmt.Errorf("%v", err)
		}
	case size > 0 && r.n != size:
		err = fmt.Errorf("reading from %s: %s ends after %d bytes of %d: %w", r.b.title, r.name, r.n, size, io.ErrUnexpectedEOF)
	}
	return n, err
}

func (r *reader) Close() error {
	defer r.w.end()
	return r.r.Close()
}

func (b *blobs) put(ctx context.Context, name string, content io.ReadSeeker) error {
	key, err := b.key(name)
	if err != nil {
		return err
	}
	size, err := content.Seek(0, io.SeekEnd)
	if err != nil {
		return fmt.Errorf("storing %s: reading the content: %v", name, err)
	}
	once := dirstore.WrittenOnce(name)
	if size >= partSize {
		select {
		case b.large <- struct{}{}:
			defer func() { <-b.large }()
		case <-ctx.Done():
			return fmt.Errorf("storing %s: %w", name, ctx.Err())
		}
		if once { // the condition decides; this only spares the sending
			if there, err := b.has(ctx, name, key); there || err != nil {
				return err
			}
		}
	}
	if !once {
		return b.writeAgain(ctx, name, key, content, false)
	}
	if !b.unconditional.Load() {
		err := b.writeAgain(ctx, name, key, content, true)
		switch {
		case unanswered(err): // it may have been put, or be there already: some services hang up then
			if there, _ := b.has(ctx, name, key); there {
				return nil
			}
			return err
		case !unknowing(err):
			return err
		}
	}
	return b.putFirst(ctx, name, key, content)
}

// putFirst puts what is written once to a service that knows no conditions.
func (b *blobs) putFirst(ctx context.Context, name, key string, content io.ReadSeeker) error {
	unlock, err := b.locks.lock(ctx, key)
	if err != nil {
		return fmt.Errorf("storing %s: %w", name, err)
	}
	defer unlock()
	if there, err := b.has(ctx, name, key); there || err != nil {
		return err
	}
	if err := b.writeAgain(ctx, name, key, content, false); err != nil {
		return err
	}
	if !b.unconditional.Swap(true) {
		b.warnUnconditional("says that it has no conditional writes")
	}
	return nil
}

func (b *blobs) warnUnconditional(why string) {
	b.log.Warn("the bucket's service "+why+": let one server at a time write to it, or two may store different answers for a version", "bucket", b.title)
}

// has reports whether there is an object.
func (b *blobs) has(ctx context.Context, name, key string) (bool, error) {
	inner, w, err := b.beginAnswer(ctx, "looking in", name)
	if err != nil {
		return false, err
	}
	defer w.end()
	if _, err = b.bucket.Attributes(inner, key); err != nil {
		err = b.fault(ctx, inner, "looking in", name, err)
		if errors.Is(err, fs.ErrNotExist) {
			return false, nil
		}
		return false, err
	}
	return true, nil
}

// A wroteError is a failure to write.
type wroteError struct {
	error           // what to say
	code     string // the service's
	status   int
	conflict bool // another is at it
}

// unknowing reports whether the service may not know conditions.
func unknowing(err error) bool {
	var e *wroteError
	return errors.As(err, &e) && (e.code == "NotImplemented" || e.status == 501)
}

// unanswered reports whether the service's answer to a write is not known. One that completed an upload without our knowing
// no longer knows of it when it is asked again.
func unanswered(err error) bool {
	var e *wroteError
	return errors.As(err, &e) && (e.status == 0 || e.code == "NoSuchUpload")
}

// writeAgain writes an object. A condition that is not met is no failure; while another writes the same, S3 wants to be
// asked again.
func (b *blobs) writeAgain(ctx context.Context, name, key string, content io.ReadSeeker, once bool) error {
	for try := 1; ; try++ {
		err := b.write(ctx, name, key, content, once)
		var e *wroteError
		if !errors.As(err, &e) || !e.conflict || try == attempts {
			return err
		}
		select {
		case <-time.After(time.Duration(try) * (50 + time.Duration(rand.IntN(100))) * time.Millisecond):
		case <-ctx.Done():
			return fmt.Errorf("storing %s: %w", name, ctx.Err())
		}
	}
}

// write writes an object, all of it or nothing.
func (b *blobs) write(ctx context.Context, name, key string, content io.ReadSeeker, once bool) error {
	if _, err := content.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("storing %s: reading the content: %v", name, err)
	}
	inner, w, err := b.begin(ctx, limit.Load().write, "writing to", name)
	if err != nil {
		return err
	}
	defer w.end()
	src := &source{r: content, ctx: ctx, w: w}
	err = b.bucket.Upload(inner, key, src, &blob.WriterOptions{
		ContentType:    contentType(name),
		BufferSize:     partSize,
		MaxConcurrency: parts,
		IfNotExist:     once,
		BeforeWrite:    b.before,
	})
	switch {
	case err == nil:
		return nil
	case src.err != nil && ctx.Err() == nil:
		return fmt.Errorf("storing %s: reading the content: %v", name, src.err)
	case once && gcerrors.Code(err) == gcerrors.FailedPrecondition:
		return nil
	}
	code, status := codeOf(err)
	said := b.fault(ctx, inner, "writing to", name, err)
	if errors.Is(said, fs.ErrNotExist) {
		said = fmt.Errorf("%v", said)
	}
	return &wroteError{said, code, status, code == "ConditionalRequestConflict" || code == "OperationAborted"}
}

func (e *wroteError) Unwrap() error { return e.error }

// A source is a content that is being read. When that fails, the upload is off: some drivers would take what came for all.
type source struct {
	r   io.Reader
	ctx context.Context
	w   *watch
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := 0, s.ctx.Err()
	if err == nil {
		n, err = s.r.Read(p)
	}
	s.w.touch()
	if err != nil && err != io.EOF {
		s.err = err
		s.w.cancel(err)
	}
	return n, err
}

// contentType is for who reads the bucket by himself.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".zip":
		return "application/zip"
	case ".info":
		return "application/json"
	case ".mod", ".sum", ".served":
		return "text/plain; charset=utf-8"
	}
	switch path.Base(name) {
	case "@latest":
		return "application/json"
	case "list":
		return "text/plain; charset=utf-8"
	}
	return "application/octet-stream"
}

func (b *blobs) remove(ctx context.Context, name string) error {
	key, err := b.key(name)
	if err != nil {
		return nil // nothing can have been put there
	}
	inner, w, err := b.beginAnswer(ctx, "removing from", name)
	if err != nil {
		return err
	}
	defer w.end()
	if err := b.bucket.Delete(inner, key); err != nil {
		if err = b.fault(ctx, inner, "removing from", name, err); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

func (b *blobs) list(ctx context.Context, prefix string) ([]string, error) {
	inner, w, err := b.beginAnswer(ctx, "listing", "")
	if err != nil {
		return nil, err
	}
	defer w.end()
	var names []string
	for i := b.bucket.List(&blob.ListOptions{Prefix: b.prefix + prefix}); ; {
		o, err := i.Next(inner)
		if err == io.EOF {
			break
		}
		if err != nil {
			return nil, b.fault(ctx, inner, "listing", "", err)
		}
		w.touch()
		if !strings.HasSuffix(o.Key, "/") { // else it is a folder that some tool has made
			names = append(names, o.Key[len(b.prefix):])
		}
	}
	slices.Sort(names)
	return names, nil
}

func (b *blobs) close() error {
	if b.transport != nil {
		defer b.transport.CloseIdleConnections()
	}
	return b.bucket.Close()
}
