package bucket

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"cloud.google.com/go/storage"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/storage/azblob/bloberror"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"
	"gocloud.dev/gcerrors"
	"google.golang.org/api/googleapi"
)

// fault makes of a provider's error what the caller may rely on, and the owner can read. Nothing of it is wrapped: a
// missing file of credentials is no missing object.
func (b *blobs) fault(ctx, inner context.Context, doing, name string, err error) error {
	doing = b.doing(doing, name)
	var silent *silentError
	switch {
	case ctx.Err() != nil:
		return fmt.Errorf("%s: %w", doing, ctx.Err())
	case errors.As(context.Cause(inner), &silent):
		b.silent.Store(time.Now().UnixNano())
		return fmt.Errorf("%s: the service doesn't answer: %v: see to it, or to the network", doing, silent)
	case b.absent(err):
		return fmt.Errorf("%s: %w", doing, fs.ErrNotExist)
	}
	if todo := b.todo(err); todo != "" {
		return fmt.Errorf("%s: %s: %s", doing, todo, detail(err))
	}
	return fmt.Errorf("%s: %s", doing, detail(err))
}

func (b *blobs) doing(what, name string) string {
	what += " " + b.title
	if name != "" {
		what = fmt.Sprintf("%s: %.200s", what, name)
	}
	return what
}

// begin begins to ask the service for something, unless it was silent just now.
func (b *blobs) begin(ctx context.Context, patience time.Duration, doing, name string) (context.Context, *watch, error) {
	if since := time.Since(time.Unix(0, b.silent.Load())); since < limit.Load().pause {
		return nil, nil, fmt.Errorf("%s: the service didn't answer %v ago: see to it, or to the network", b.doing(doing, name), since.Round(time.Millisecond))
	}
	inner, w := watched(ctx, patience)
	return inner, w, nil
}

// beginAnswer is begin for what has a soon answer.
func (b *blobs) beginAnswer(ctx context.Context, doing, name string) (context.Context, *watch, error) {
	return b.begin(ctx, limit.Load().begin, doing, name)
}

// codeOf is the code of an answer that is an error, as its provider names it, and its status.
func codeOf(err error) (code string, status int) {
	var s3 smithy.APIError
	var resp *awshttp.ResponseError
	var azure *azcore.ResponseError
	var google *googleapi.Error
	if errors.As(err, &resp) {
		status = resp.HTTPStatusCode()
	}
	switch {
	case errors.As(err, &s3):
		code = s3.ErrorCode()
	case errors.As(err, &azure):
		code, status = azure.ErrorCode, azure.StatusCode
	case errors.As(err, &google):
		status = google.Code
		if len(google.Errors) > 0 {
			code = google.Errors[0].Reason
		}
	}
	return code, status
}

// todo says what the owner must do about an error, if that is known.
func (b *blobs) todo(err error) string {
	code, status := codeOf(err)
	var op *net.OpError
	var sending *smithyhttp.RequestSendError
	switch {
	case strings.Contains(err.Error(), "get credentials") || strings.Contains(err.Error(), "DefaultAzureCredential"): // they have no types
		return "no credentials can be had: set " + b.credentials
	case code == "NoSuchBucket" || code == string(bloberror.ContainerNotFound) || errors.Is(err, storage.ErrBucketNotExist) || errors.Is(err, errNoBucket):
		return "there is no such bucket: create it, or mend its name in the store's URL"
	case refusals[code] || status == http.StatusUnauthorized:
		return "the service refuses the credentials: mend " + b.credentials
	case code == "RequestTimeTooSkewed":
		return "the clock of this machine is wrong: set it"
	case code == "PermanentRedirect" || code == "AuthorizationHeaderMalformed" || status == http.StatusMovedPermanently:
		return "the bucket is in another region, or at another endpoint: mend region or endpoint in the store's URL"
	case status == http.StatusForbidden || gcerrors.Code(err) == gcerrors.PermissionDenied:
		return "access is denied: allow these credentials " + b.rights
	case status == http.StatusNotImplemented:
		return "the service doesn't know this kind of request: add request_checksum_calculation=when_required to an s3 URL"
	case status == http.StatusNotFound && code == "NotFound":
		return "what answers doesn't speak S3: mend the endpoint in the store's URL"
	case errors.As(err, &sending), errors.As(err, &op) && op.Op == "dial":
		return "can't reach the service: start it, or mend the endpoint in the store's URL, or the network"
	}
	return ""
}

// refusals are the codes that S3 and Azure have for credentials which aren't good.
var refusals = map[string]bool{
	"InvalidAccessKeyId": true, "SignatureDoesNotMatch": true, "ExpiredToken": true, "InvalidToken": true,
	"TokenRefreshRequired": true, "InvalidClientTokenId": true, string(bloberror.AuthenticationFailed): true,
}

// detail is the part of an error that tells most.
func detail(err error) string {
	var s3 smithy.APIError
	var azure *azcore.ResponseError
	var op *net.OpError
	var sent *url.Error // whose URL is left out
	switch {
	case errors.As(err, &s3):
		return scrub(s3.ErrorCode() + ": " + s3.ErrorMessage())
	case errors.As(err, &azure):
		return fmt.Sprintf("%s (status %d)", azure.ErrorCode, azure.StatusCode)
	case errors.As(err, &op):
		return op.Error()
	case errors.As(err, &sent):
		return scrub(sent.Err.Error())
	}
	return scrub(err.Error())
}

// queries are those of URLs, where signatures are.
var queries = regexp.MustCompile(`\?[^\s"'<>]+`)

// scrub makes one line, not too long, of a provider's text, without what may be secret.
func scrub(text string) string {
	return fmt.Sprintf("%.500s", queries.ReplaceAllString(strings.Join(strings.Fields(text), " "), ""))
}
