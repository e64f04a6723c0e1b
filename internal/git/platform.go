//go:build !js

package git

import (
	"context"
	"io"
	"net/http"
)

// prepare does nothing: net/http sees each redirect itself.
func prepare(*http.Client, *http.Request) {}

// ending does nothing: net/http ends a body with the context of its request.
func ending(_ context.Context, body io.ReadCloser) io.ReadCloser { return body }
