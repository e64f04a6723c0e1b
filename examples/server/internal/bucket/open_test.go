package bucket_test

import (
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"example.com/vanity/examples/server/internal/bucket"
)

const secret = "S3CR3T"

// TestBadURL wants an error that says what to mend, for each thing that may be wrong with a URL, without secrets.
func TestBadURL(t *testing.T) {
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
	t.Setenv("AWS_CONFIG_FILE", os.DevNull)
	t.Setenv("AWS_REGION", "")
	t.Setenv("GOOGLE_APPLICATION_CREDENTIALS", filepath.Join(t.TempDir(), "none.json"))
	for url, says := range map[string]string{
		"":                                     "want s3://BUCKET",
		"bucket":                               "want s3://BUCKET",
		"http://h.test/bucket":                 `no store has the scheme "http"`,
		"s3://b:" + secret + "%zz":             "malformed",
		"s3://key:" + secret + "@b?region=x":   "has credentials in it: set them in the environment",
		"s3://b":                               "no region is named: add region=REGION to the URL, or set AWS_REGION",
		"s3://?region=x":                       "bucketName is required",
		"s3://b?region=x&secret_key=" + secret: `unknown query parameter "secret_key"`,
		"s3://b?region=x&use_path_style=" + "perhaps":             "use_path_style",
		"s3://b?region=x&endpoint=h.test:9000":                    "parameter endpoint is malformed",
		"s3://b?region=x&endpoint=http://a:" + secret + "@h.test": "parameter endpoint is malformed",
		"s3://b?region=x&prefix=../up":                            "the store's prefix: malformed name",
		"s3://b?region=x&prefix=a%0Ab":                            "the store's prefix: malformed name",
		"s3://b?region=x&%zz":                                     "is malformed",
		"gs://b":                                                  "there are no credentials: set GOOGLE_APPLICATION_CREDENTIALS",
		"gs://b?anonymous=true&key=" + secret:                     `invalid query parameter "key"`,
		"azblob://c":                                              "AccountName is required",
		"azblob://c?storage_account=acme&sig=" + secret:           `unknown query parameter "sig"`,
		"mem://x":                  "want mem://",
		"file://host/dir":          "want file:///DIR",
		"file:///dir?create_dir=1": "want file:///DIR",
		"file:dir":                 "want file:///DIR",
	} {
		s, err := bucket.Open(t.Context(), url, nil)
		if err == nil {
			s.Close()
		}
		wantError(t, err, says)
		if err != nil && strings.Contains(err.Error(), secret) {
			t.Errorf("the error has the secret: %v", err)
		}
	}
}

// TestOwnersFaults has everything wrong with a bucket that its owner can get wrong. Nothing of that is an absence.
func TestOwnersFaults(t *testing.T) {
	srv := server(t)
	refused := "http://" + unused(t)
	web := httptest.NewServer(http.NotFoundHandler())
	defer web.Close()
	stranger, strangers := srv.Stranger()
	tests := []struct {
		name, url   string
		access, key string
		says        []string
	}{
		{"no bucket", strings.Replace(srv.URL(), srv.Bucket, "nowhere", 1), srv.AccessKey, srv.Secret,
			[]string{"s3://nowhere", "there is no such bucket: create it, or mend its name"}},
		{"no such key", srv.URL(), "AKIAUNKNOWN", srv.Secret,
			[]string{"the service refuses the credentials: mend AWS_ACCESS_KEY_ID"}},
		{"another secret", srv.URL(), srv.AccessKey, secret,
			[]string{"the service refuses the credentials: mend AWS_ACCESS_KEY_ID", "SignatureDoesNotMatch"}},
		{"no credentials", srv.URL(), "", "",
			[]string{"no credentials can be had: set AWS_ACCESS_KEY_ID"}},
		{"no rights", srv.URL(), stranger, strangers,
			[]string{"access is denied: allow these credentials s3:ListBucket on the bucket " + srv.Bucket, "s3:PutObject"}},
		{"another region", srv.URL("region", "eu-central-1"), srv.AccessKey, srv.Secret,
			[]string{"mend region or endpoint"}},
		{"nothing listens", srv.URL("endpoint", refused), srv.AccessKey, srv.Secret,
			[]string{"can't reach the service", "connection refused"}},
		{"no such host", srv.URL("endpoint", "http://s3.nowhere.test"), srv.AccessKey, srv.Secret,
			[]string{"can't reach the service", "s3.nowhere.test"}},
		{"a web server", srv.URL("endpoint", web.URL), srv.AccessKey, srv.Secret,
			[]string{"mend the endpoint in the store's URL"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv("AWS_ACCESS_KEY_ID", tt.access)
			t.Setenv("AWS_SECRET_ACCESS_KEY", tt.key)
			s, log := openLogged(t, tt.url)
			check := func(err error) {
				t.Helper()
				wantError(t, err, tt.says...)
				for _, secret := range []string{srv.Secret, secret, strangers, "Signature="} {
					if err != nil && strings.Contains(err.Error(), secret) {
						t.Errorf("the error has a secret: %v", err)
					}
				}
				if err != nil && strings.ContainsAny(err.Error(), "\n") {
					t.Errorf("the error has more than a line: %q", err)
				}
			}
			_, err := s.Get(t.Context(), info)
			check(err)
			t.Log(err)
			check(s.Put(t.Context(), info, strings.NewReader("x")))
			check(s.Put(t.Context(), list, strings.NewReader("x")))
			_, err = s.List(t.Context(), "")
			check(err)
			check(s.Ping(t.Context()))
			if text := log.text(); text != "" {
				t.Errorf("logged: %s", text)
			}
		})
	}
	if objects := srv.Objects(); len(objects) > 0 {
		t.Errorf("there are %d objects", len(objects))
	}
}

// unused is an address where nobody listens.
func unused(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// TestPing checks a bucket that is good, and directories.
func TestPing(t *testing.T) {
	srv := server(t)
	s, log := openLogged(t, srv.URL("prefix", "go"))
	if err := s.Ping(t.Context()); err != nil {
		t.Error(err)
	}
	t.Setenv("AWS_REGION", "")
	if err := open(t, "s3://"+srv.Bucket+"?endpoint="+srv.Endpoint()).Ping(t.Context()); err != nil {
		t.Errorf("without a region: %v", err)
	}
	if text := log.text(); text != "" {
		t.Errorf("logged: %s", text)
	}
	if objects := srv.Objects(); len(objects) > 0 {
		t.Errorf("Ping leaves %d objects", len(objects))
	}

	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	wantError(t, open(t, "file://"+filepath.ToSlash(file)).Ping(t.Context()), file, "make it writable for this server")
	dir := filepath.Join(filepath.Dir(file), "dir")
	if err := open(t, "file://"+filepath.ToSlash(dir)).Ping(t.Context()); err != nil {
		t.Error(err)
	}
	if names, err := fs.Glob(os.DirFS(dir), "*"); err != nil || len(names) > 1 { // the store's own
		t.Errorf("Ping leaves %q, %v", names, err)
	}
}
