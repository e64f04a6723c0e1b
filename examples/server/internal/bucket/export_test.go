package bucket

import "time"

// SetLimits sets how long a service may say nothing: before an answer, within one, while it takes a content, and while an
// upload is aborted. It returns the way back.
func SetLimits(begin, silent, write, abort time.Duration) (restore func()) {
	b, s, w, a := beginLimit, silentLimit, writeLimit, abortLimit
	beginLimit, silentLimit, writeLimit, abortLimit = begin, silent, write, abort
	return func() { beginLimit, silentLimit, writeLimit, abortLimit = b, s, w, a }
}
