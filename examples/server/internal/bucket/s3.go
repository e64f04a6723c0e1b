package bucket

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/ratelimit"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/feature/s3/transfermanager"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go"
	"github.com/aws/smithy-go/logging"
	"gocloud.dev/blob/s3blob"
)

func openS3(ctx context.Context, u *url.URL, prefix string, log *slog.Logger) (place, error) {
	query := u.Query()
	endpoint := query.Get("endpoint")
	if endpoint != "" {
		e, err := url.Parse(endpoint)
		if err != nil || e.Scheme != "http" && e.Scheme != "https" || e.Host == "" || e.User != nil || e.RawQuery != "" {
			return nil, errors.New("the parameter endpoint is malformed: want https://HOST, without credentials")
		}
		if !query.Has("use_path_style") && !query.Has("s3ForcePathStyle") {
			query.Set("use_path_style", "true") // what all of them know, and needs no name for each bucket
		}
	}
	u.RawQuery = query.Encode()
	var opener s3blob.URLOpener
	first, err := opener.OpenBucketURL(ctx, u)
	if err != nil {
		return nil, err
	}
	defer first.Close()
	var client *s3.Client
	if !first.As(&client) {
		return nil, errors.New("the driver has no client")
	}
	options := client.Options()
	if options.Region == "" && endpoint == "" {
		return nil, errors.New("no region is named: add region=REGION to the URL, or set AWS_REGION")
	}
	transport := newTransport()
	client = s3.New(options, func(o *s3.Options) { tune(o, transport, log) })
	bucket, err := s3blob.OpenBucket(ctx, client, u.Host, &opener.Options)
	if err != nil {
		return nil, err
	}
	return newBlobs(bucket, prefix, log, provider{
		title:       "s3://" + u.Host,
		transport:   transport,
		credentials: "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the role or profile of this machine",
		rights:      fmt.Sprintf("s3:ListBucket on the bucket %s (without it S3 denies what is only not there), and s3:GetObject, s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload on what is in it", u.Host),
		absent:      absentS3,
		before:      func(as func(any) bool) error { return boundUpload(as, client, &opener.Options) },
	}), nil
}

// tune makes a client one that gives up soon and says nothing by itself.
func tune(o *s3.Options, transport http.RoundTripper, log *slog.Logger) {
	if o.Region == "" {
		o.Region = "us-east-1" // what services without regions sign for
	}
	o.HTTPClient = &http.Client{Transport: transport, CheckRedirect: checkRedirect}
	o.Retryer = retry.NewStandard(func(so *retry.StandardOptions) {
		so.MaxAttempts = attempts
		so.MaxBackoff = 300 * time.Millisecond
		so.RateLimiter = ratelimit.None
		so.Retryables = append([]retry.IsErrorRetryable{retry.IsErrorRetryableFunc(unreached)}, so.Retryables...)
	})
	o.DisableLogOutputChecksumValidationSkipped = true
	o.Logger = logging.LoggerFunc(func(_ logging.Classification, format string, v ...any) {
		log.Debug("the client for S3: " + scrub(fmt.Sprintf(format, v...)))
	})
}

// unreached has a service that nobody listens for tried once: there may be another way to the answer.
func unreached(err error) aws.Ternary {
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return aws.FalseTernary
	}
	return aws.UnknownTernary
}

// checkRedirect lets through what S3 redirects by while a new bucket becomes known; any other is an answer for the client.
func checkRedirect(r *http.Request, via []*http.Request) error {
	if status := r.Response.StatusCode; status == http.StatusTemporaryRedirect && len(via) < 5 {
		return nil
	}
	return http.ErrUseLastResponse
}

// boundUpload bounds what an upload holds in memory, and has it aborted if it fails, whatever has become of its caller.
func boundUpload(as func(any) bool, client *s3.Client, opts *s3blob.Options) error {
	var tm *transfermanager.Client
	if !as(&tm) {
		return errors.New("the driver has no transfer manager")
	}
	*tm = *transfermanager.New(completer{client}, func(o *transfermanager.Options) {
		o.PartSizeBytes = partSize
		o.MultipartUploadThreshold = partSize
		o.Concurrency = parts
		o.FailTimeout = limit.Load().abort
		o.RequestChecksumCalculation = opts.RequestChecksumCalculation
	})
	return nil
}

// A completer ends uploads in parts.
type completer struct{ *s3.Client }

// CompleteMultipartUpload takes a condition that isn't met for what it is: another was first. The transfer manager would log
// it as a failure.
func (c completer) CompleteMultipartUpload(ctx context.Context, in *s3.CompleteMultipartUploadInput, opts ...func(*s3.Options)) (*s3.CompleteMultipartUploadOutput, error) {
	out, err := c.Client.CompleteMultipartUpload(ctx, in, opts...)
	if code, _ := codeOf(err); in.IfNoneMatch == nil || code != "PreconditionFailed" {
		return out, err
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit.Load().abort)
	defer cancel()
	_, err = c.Client.AbortMultipartUpload(ctx, &s3.AbortMultipartUploadInput{Bucket: in.Bucket, Key: in.Key, UploadId: in.UploadId}, opts...)
	if code, _ := codeOf(err); err != nil && code != "NoSuchUpload" {
		return nil, fmt.Errorf("aborting an upload that came late: %w", err)
	}
	return &s3.CompleteMultipartUploadOutput{}, nil
}

// AbortMultipartUpload aborts an upload until it is gone: a part that was under way may come after it was aborted first.
func (c completer) AbortMultipartUpload(ctx context.Context, in *s3.AbortMultipartUploadInput, opts ...func(*s3.Options)) (*s3.AbortMultipartUploadOutput, error) {
	for try := 1; ; try++ {
		out, err := c.Client.AbortMultipartUpload(ctx, in, opts...)
		if code, _ := codeOf(err); try > 1 && code == "NoSuchUpload" {
			return &s3.AbortMultipartUploadOutput{}, nil
		}
		if err != nil || try == attempts {
			return out, err
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return out, nil
		}
	}
}

// absentS3 believes S3 alone: a server of something else has other codes for what it doesn't know, or none.
func absentS3(err error) bool {
	var e smithy.APIError
	if !errors.As(err, &e) {
		return false
	}
	switch e.ErrorCode() {
	case "NoSuchKey", "KeyTooLongError":
		return true
	case "NotFound": // what the client makes of an answer without a code, as those to HEAD are
		var op *smithy.OperationError
		return errors.As(err, &op) && op.Operation() == "HeadObject"
	}
	return false
}
