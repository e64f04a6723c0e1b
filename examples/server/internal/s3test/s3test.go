// Package s3test runs a real S3 server on loopback for tests: versitygw, over a temporary directory.
//
//	go install github.com/versity/versitygw/cmd/versitygw@v1.8.0
//	VERSITYGW=$(go env GOPATH)/bin/versitygw go test ./...
package s3test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
)

// Variable names the server's binary. Tests that need one are skipped where it isn't set.
const Variable = "VERSITYGW"

const region = "us-east-1"

// A Server is an S3 server with one bucket, behind a line that can fail: see [Line].
type Server struct {
	*Line
	Bucket            string
	AccessKey, Secret string // those of the server's owner, who may do everything

	tb   testing.TB
	dir  string
	log  bytes.Buffer
	stop func()
}

// Start starts a server with an empty bucket. It ends with the test.
func Start(tb testing.TB) *Server {
	tb.Helper()
	if os.Getenv(Variable) == "" {
		tb.Skipf("!!! %s is not set: nothing is tested against an S3 server. See package s3test.", Variable)
	}
	s := &Server{Bucket: "answers", AccessKey: rand.Text(), Secret: rand.Text(), tb: tb, dir: tb.TempDir()}
	if !hasXattrs(s.dir) {
		tb.Skipf("!!! the file system of %s keeps no extended attributes: nothing is tested against an S3 server. Set TMPDIR to one that does.", os.TempDir())
	}
	s.Line = newLine(tb)
	s.Start()
	tb.Cleanup(func() {
		s.Stop()
		if tb.Failed() {
			tb.Logf("the S3 server says:\n%s", s.log.Bytes())
		}
	})
	if _, err := s.Client().CreateBucket(context.Background(), &s3.CreateBucketInput{Bucket: &s.Bucket}); err != nil {
		tb.Fatalf("s3test: making a bucket: %v", err)
	}
	return s
}

// Start starts the server again, where it was and with what it had. It does nothing if the server runs.
func (s *Server) Start() {
	s.tb.Helper()
	if s.stop != nil {
		return
	}
	root, users := filepath.Join(s.dir, "root"), filepath.Join(s.dir, "users")
	for _, dir := range []string{root, users} {
		if err := os.MkdirAll(dir, 0o777); err != nil {
			s.tb.Fatal(err)
		}
	}
	addr := freeAddr(s.tb)
	// Extended attributes of the files keep the metadata. With --sidecar a condition may fail before the object is there.
	cmd := exec.Command(os.Getenv(Variable), "--port", addr, "--quiet", "--keep-alive", "--iam-dir", users, "posix", root)
	cmd.Env = append(os.Environ(), "ROOT_ACCESS_KEY_ID="+s.AccessKey, "ROOT_SECRET_ACCESS_KEY="+s.Secret, "VGW_REGION="+region)
	cmd.Stdout, cmd.Stderr = &s.log, &s.log
	if err := cmd.Start(); err != nil {
		s.tb.Fatalf("s3test: %v", err)
	}
	exited := make(chan struct{})
	go func() { cmd.Wait(); close(exited) }()
	s.stop = func() { cmd.Process.Kill(); <-exited }
	if err := waitFor(addr, exited); err != nil {
		s.stop()
		s.tb.Fatalf("s3test: %s did not start: %v\n%s", os.Getenv(Variable), err, s.log.Bytes())
	}
	s.Line.open(addr)
}

// waitFor waits until an address is listened at.
func waitFor(addr string, exited <-chan struct{}) error {
	for range 2000 {
		if conn, err := net.Dial("tcp", addr); err == nil {
			return conn.Close()
		}
		select {
		case <-exited:
			return errors.New("it has ended")
		case <-time.After(10 * time.Millisecond):
		}
	}
	return errors.New("it doesn't listen")
}

// Stop kills the server and refuses connections, until Start is called.
func (s *Server) Stop() {
	if s.stop == nil {
		return
	}
	s.Line.close()
	s.stop()
	s.stop = nil
}

// Endpoint is the server's URL, which stays the same.
func (s *Server) Endpoint() string { return "http://" + s.Line.addr }

// URL names the bucket for package bucket; more are parameters, key and value by turns.
func (s *Server) URL(more ...string) string {
	q := url.Values{"endpoint": {s.Endpoint()}, "region": {region}, "use_path_style": {"true"}}
	for i := 0; i < len(more); i += 2 {
		q.Set(more[i], more[i+1])
	}
	return "s3://" + s.Bucket + "?" + q.Encode()
}

// Env are the variables by which the owner's credentials are found.
func (s *Server) Env() []string {
	return []string{
		"AWS_ACCESS_KEY_ID=" + s.AccessKey, "AWS_SECRET_ACCESS_KEY=" + s.Secret, "AWS_SESSION_TOKEN=",
		"AWS_EC2_METADATA_DISABLED=true", "AWS_CONFIG_FILE=" + os.DevNull, "AWS_SHARED_CREDENTIALS_FILE=" + os.DevNull,
	}
}

// Setenv sets the variables of Env for the time of a test.
func (s *Server) Setenv(t *testing.T) {
	for _, kv := range s.Env() {
		for i := range kv {
			if kv[i] == '=' {
				t.Setenv(kv[:i], kv[i+1:])
				break
			}
		}
	}
}

// Stranger makes credentials that the server knows, and that may do nothing.
func (s *Server) Stranger() (accessKey, secret string) {
	s.tb.Helper()
	accessKey, secret = rand.Text(), rand.Text()
	cmd := exec.Command(os.Getenv(Variable), "admin", "--endpoint-url", s.Endpoint(), "create-user",
		"--access", accessKey, "--secret", secret, "--role", "user")
	cmd.Env = append(os.Environ(), "ADMIN_ACCESS_KEY_ID="+s.AccessKey, "ADMIN_SECRET_ACCESS_KEY="+s.Secret)
	if out, err := cmd.CombinedOutput(); err != nil {
		s.tb.Fatalf("s3test: making a user: %v\n%s", err, out)
	}
	return accessKey, secret
}

// Client is one with the owner's credentials.
func (s *Server) Client() *s3.Client {
	return s3.New(s3.Options{
		Region:       region,
		BaseEndpoint: aws.String(s.Endpoint()),
		UsePathStyle: true,
		Credentials:  credentials.NewStaticCredentialsProvider(s.AccessKey, s.Secret, ""),
	})
}

// Objects gives what is in the bucket, by key. Do not ask for it where it is large.
func (s *Server) Objects() map[string][]byte {
	s.tb.Helper()
	client, objects := s.Client(), make(map[string][]byte)
	pages := s3.NewListObjectsV2Paginator(client, &s3.ListObjectsV2Input{Bucket: &s.Bucket})
	for pages.HasMorePages() {
		page, err := pages.NextPage(context.Background())
		if err != nil {
			s.tb.Fatalf("s3test: listing: %v", err)
		}
		for _, o := range page.Contents {
			out, err := client.GetObject(context.Background(), &s3.GetObjectInput{Bucket: &s.Bucket, Key: o.Key})
			if err != nil {
				s.tb.Fatalf("s3test: reading %s: %v", *o.Key, err)
			}
			data, err := io.ReadAll(out.Body)
			out.Body.Close()
			if err != nil {
				s.tb.Fatalf("s3test: reading %s: %v", *o.Key, err)
			}
			objects[*o.Key] = data
		}
	}
	return objects
}

// ContentType gives the type of an object.
func (s *Server) ContentType(key string) string {
	s.tb.Helper()
	out, err := s.Client().HeadObject(context.Background(), &s3.HeadObjectInput{Bucket: &s.Bucket, Key: &key})
	if err != nil {
		s.tb.Fatalf("s3test: looking at %s: %v", key, err)
	}
	return aws.ToString(out.ContentType)
}

// Uploads gives the keys of uploads in parts that were neither completed nor aborted.
func (s *Server) Uploads() (keys []string) {
	s.tb.Helper()
	out, err := s.Client().ListMultipartUploads(context.Background(), &s3.ListMultipartUploadsInput{Bucket: &s.Bucket})
	if err != nil {
		s.tb.Fatalf("s3test: listing uploads: %v", err)
	}
	for _, u := range out.Uploads {
		keys = append(keys, aws.ToString(u.Key))
	}
	return keys
}

// Put puts an object, as somebody else would.
func (s *Server) Put(key, content string) {
	s.tb.Helper()
	_, err := s.Client().PutObject(context.Background(), &s3.PutObjectInput{Bucket: &s.Bucket, Key: &key, Body: bytes.NewReader([]byte(content))})
	if err != nil {
		s.tb.Fatalf("s3test: %v", err)
	}
}

func freeAddr(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatal(err)
	}
	defer l.Close()
	return fmt.Sprint(l.Addr())
}
