package bucket

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"sync/atomic"
	"time"

	"cloud.google.com/go/storage"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	"github.com/googleapis/gax-go/v2"
	"gocloud.dev/blob/azureblob"
	"gocloud.dev/blob/gcsblob"
	"gocloud.dev/blob/memblob"
	"gocloud.dev/gcerrors"
	"gocloud.dev/gcp"
)

func openMemory(_ context.Context, u *url.URL, prefix string, log *slog.Logger) (place, error) {
	if u.Host != "" || u.Path != "" || u.RawQuery != "" {
		return nil, errors.New("want mem://, and nothing after it but a prefix")
	}
	return newBlobs(memblob.OpenBucket(nil), prefix, log, provider{
		title:  "mem://",
		absent: func(err error) bool { return gcerrors.Code(err) == gcerrors.NotFound },
	}), nil
}

// errNoBucket says so where the provider's own error doesn't.
var errNoBucket = errors.New("the bucket isn't there, or may not be listed")

func openGCS(ctx context.Context, u *url.URL, prefix string, log *slog.Logger) (place, error) {
	transport := newTransport()
	client := gcp.NewAnonymousHTTPClient(transport)
	if os.Getenv("STORAGE_EMULATOR_HOST") == "" && u.Query().Get("anonymous") != "true" {
		creds, err := gcp.DefaultCredentials(ctx)
		if err != nil {
			return nil, errors.New("there are no credentials: set GOOGLE_APPLICATION_CREDENTIALS, or run where a service account is: " + scrub(err.Error()))
		}
		if client, err = gcp.NewHTTPClient(transport, gcp.CredentialsTokenSource(creds)); err != nil {
			return nil, err
		}
	}
	bucket, err := (&gcsblob.URLOpener{Client: client}).OpenBucketURL(ctx, u)
	if err != nil {
		return nil, err
	}
	var service *storage.Client
	if bucket.As(&service) {
		service.SetRetry(storage.WithMaxAttempts(attempts), storage.WithBackoff(gax.Backoff{Initial: 100 * time.Millisecond, Max: time.Second}))
	}
	var known atomic.Bool
	return newBlobs(bucket, prefix, log, provider{
		title:       "gs://" + u.Host,
		transport:   transport,
		credentials: "GOOGLE_APPLICATION_CREDENTIALS, or the service account of this machine",
		rights:      fmt.Sprintf("the role Storage Object User on the bucket %s", u.Host),
		absent:      func(err error) bool { return errors.Is(err, storage.ErrObjectNotExist) },
		exists: func(ctx context.Context) error { // an object's error is the same without a bucket
			if known.Load() {
				return nil
			}
			there, err := bucket.IsAccessible(ctx)
			if err == nil && !there {
				err = errNoBucket
			}
			known.Store(err == nil)
			return err
		},
	}), nil
}

func openAzure(ctx context.Context, u *url.URL, prefix string, log *slog.Logger) (place, error) {
	opener := &azureblob.URLOpener{MakeClient: azureblob.NewDefaultClient, ServiceURLOptions: *azureblob.NewDefaultServiceURLOptions()}
	bucket, err := opener.OpenBucketURL(ctx, u)
	if err != nil {
		return nil, err
	}
	return newBlobs(bucket, prefix, log, provider{
		title:       "azblob://" + u.Host,
		credentials: "AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_KEY, AZURE_STORAGE_SAS_TOKEN, AZURE_STORAGE_CONNECTION_STRING, or the identity of this machine",
		rights:      fmt.Sprintf("the role Storage Blob Data Contributor on the container %s", u.Host),
		absent:      func(err error) bool { return bloberror.HasCode(err, bloberror.BlobNotFound) },
	}), nil
}
