package app

import (
	"context"
	"net/http"

	"example.com/vanity"
	"example.com/vanity/examples/server/internal/config"
)

// found is what a resolver has found for a request.
type found struct {
	path string
	at   vanity.Config
	err  error
}

type foundKey struct{}

// once has a request of a handler look a module up once, by a resolver of [lookUp]: what somebody may have is what he gets, though
// there is another one meanwhile.
func once(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), foundKey{}, new(found))))
	})
}

// lookUp is a resolver that remembers what it has found for a request. A request looks up one thing after the other.
func lookUp(resolve config.Resolver) config.Resolver {
	return func(ctx context.Context, modulePath string) (vanity.Config, error) {
		f, ok := ctx.Value(foundKey{}).(*found)
		if !ok {
			return resolve(ctx, modulePath)
		}
		if f.path != modulePath {
			f.at, f.err = resolve(ctx, modulePath)
			f.path = modulePath
		}
		return f.at, f.err
	}
}
