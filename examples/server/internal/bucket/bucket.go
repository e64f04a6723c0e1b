// Package bucket keeps answers in object storage: S3 and what is compatible with it, Google Cloud Storage, Azure Blob
// Storage, a directory, or memory.
//
// Any number of servers may share a bucket. What is written once, a version's info, go.mod and zip, is put on condition
// that it isn't there, so that the first to put it wins, and all of them serve that. Names are those of the store, below a
// prefix, so that a bucket that is open to readers is itself a GOPROXY.
//
// Contents stream both ways. An upload holds at most 5 MiB, or, of a larger content, some 20 MiB; of larger ones four go
// on at the same time, and others wait. A failed upload leaves nothing that can be seen. Of one whose service went away in
// the middle, parts may stay there: let a rule of the bucket remove uploads that are not complete after a day.
//
// A service that says nothing is given up: after 10 seconds if it is to begin an answer, after 30 within one, and after
// 60 if it is to take a part of an upload or to commit it. Then it is left alone for 5 seconds, in which all fails at once.
package bucket

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/url"
	"strings"
)

// A Store keeps answers in a bucket. It is a vanity.Store, and safe for concurrent use.
type Store struct {
	place place
}

// A place is where a Store keeps what it has, by the names of the store.
type place interface {
	get(ctx context.Context, name string) (io.ReadCloser, error)
	put(ctx context.Context, name string, content io.ReadSeeker) error
	remove(ctx context.Context, name string) error
	list(ctx context.Context, prefix string) ([]string, error)
	ping(ctx context.Context) error
	close() error
}

// Open opens the bucket of a URL. Nothing is asked of the service yet: see [Store.Ping].
//
//	s3://BUCKET?region=eu-central-1                   AWS
//	s3://BUCKET?endpoint=https://HOST&region=REGION   what is compatible with S3; the region is us-east-1 if nothing names one
//	gs://BUCKET                                       Google Cloud Storage
//	azblob://CONTAINER?storage_account=ACCOUNT        Azure Blob Storage
//	file:///DIR                                       a directory, as by vanity.DirStore
//	mem://                                            memory, for as long as the Store is there
//
// The parameter prefix names a folder of the bucket to keep all names below. The other parameters are those of
// gocloud.dev/blob; an S3 bucket with an endpoint is named in the path unless use_path_style=false. Credentials are never
// in the URL: they are looked up where the provider's own tools find them, such as AWS_ACCESS_KEY_ID and
// AWS_SECRET_ACCESS_KEY, GOOGLE_APPLICATION_CREDENTIALS, AZURE_STORAGE_KEY.
//
// What the owner must know goes to log, or to [slog.Default] if that is nil. ctx is for opening alone.
func Open(ctx context.Context, rawURL string, log *slog.Logger) (*Store, error) {
	if log == nil {
		log = slog.Default()
	}
	u, err := url.Parse(rawURL)
	if err != nil {
		return nil, errors.New("the store's URL is malformed: want s3://BUCKET, gs://BUCKET, azblob://CONTAINER, file:///DIR or mem://") // err has it all
	}
	if u.User != nil {
		return nil, fmt.Errorf("the store's URL (%s://) has credentials in it: set them in the environment instead", u.Scheme)
	}
	open := openers[u.Scheme]
	if open == nil {
		return nil, fmt.Errorf("no store has the scheme %q: want s3://BUCKET, gs://BUCKET, azblob://CONTAINER, file:///DIR or mem://", u.Scheme)
	}
	query, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return nil, fmt.Errorf("the query of the store's URL (%s://%s) is malformed", u.Scheme, u.Host)
	}
	prefix := strings.Trim(query.Get("prefix"), "/")
	if prefix != "" {
		if err := checkName(prefix); err != nil {
			return nil, fmt.Errorf("the store's prefix: %w", err)
		}
		prefix += "/"
	}
	query.Del("prefix")
	u.RawQuery, u.Fragment = query.Encode(), ""
	p, err := open(ctx, u, prefix, log)
	if err != nil {
		whole := u.String() // which the providers' errors name
		return nil, fmt.Errorf("opening the store %s://%s: %s", u.Scheme, u.Host, scrub(strings.ReplaceAll(err.Error(), whole, u.Scheme+"://"+u.Host)))
	}
	return &Store{place: p}, nil
}

// openers open what a URL names, by its scheme. The prefix is empty or ends in a slash.
var openers = map[string]func(ctx context.Context, u *url.URL, prefix string, log *slog.Logger) (place, error){
	"s3":     openS3,
	"gs":     openGCS,
	"azblob": openAzure,
	"mem":    openMemory,
	"file":   openDirectory,
}

// Get gives the content of a name, to be closed. The error is an [fs.ErrNotExist] if there is none, and not if the bucket
// isn't there or can't be read. A content that ends early is an error of Read.
func (s *Store) Get(ctx context.Context, name string) (io.ReadCloser, error) {
	if err := check(ctx, name); err != nil {
		return nil, err
	}
	return s.place.get(ctx, name)
}

// Put puts content under a name, from its start, so that others see all of it or nothing. What is written once stays as it
// is if it is there: then Put does nothing. The error is never an [fs.ErrNotExist].
func (s *Store) Put(ctx context.Context, name string, content io.ReadSeeker) error {
	if err := check(ctx, name); err != nil {
		return err
	}
	return s.place.put(ctx, name, content)
}

// Remove removes a content, if it is there. Of two that find it spoilt, the later one may remove what the earlier one has
// put in its place.
func (s *Store) Remove(ctx context.Context, name string) error {
	if err := check(ctx, name); err != nil {
		return err
	}
	return s.place.remove(ctx, name)
}

// List gives the names that begin with a prefix, in order; "" stands for all. They are held in memory.
func (s *Store) List(ctx context.Context, prefix string) ([]string, error) {
	name := strings.TrimSuffix(prefix, "/")
	if prefix == "" {
		name = "all"
	}
	if err := check(ctx, name); err != nil {
		return nil, err
	}
	return s.place.list(ctx, prefix)
}

// Ping tries all that the others do, by an object of its own that it removes again, and says who must mend what. A service
// that ignores conditions is no error, but is logged: see [Store.Put].
func (s *Store) Ping(ctx context.Context) error { return s.place.ping(ctx) }

// Close closes the bucket. What was given by Get must be closed before.
func (s *Store) Close() error { return s.place.close() }

// check refuses what can't be asked: not every place looks at the context.
func check(ctx context.Context, name string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return checkName(name)
}

// checkName refuses what is not a path from the prefix down. No name of the library's is refused.
func checkName(name string) error {
	if !fs.ValidPath(name) || name == "." || strings.ContainsFunc(name, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' }) {
		return fmt.Errorf("malformed name %+.100q: not a path from the store's top down", name)
	}
	return nil
}
