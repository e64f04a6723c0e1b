package reply

import "net/http"

// Refusals is the writer that [http.ServeContent] is given.
func Refusals(w http.ResponseWriter) http.ResponseWriter { return refusals{ResponseWriter: w} }
