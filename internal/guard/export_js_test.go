package guard

import "net/http"

// Fetcher is what [Transport] gives, around what is in the place of fetch.
func Fetcher(next http.RoundTripper, hosts ...string) http.RoundTripper { return &fetcher{next, hosts} }
