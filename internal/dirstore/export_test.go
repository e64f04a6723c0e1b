package dirstore

// SetLink puts another function in the place of [os.Link]. It returns the way back.
func SetLink(f func(oldname, newname string) error) (restore func()) { return set(&link, f) }

// SetRename does so with [os.Rename].
func SetRename(f func(oldname, newname string) error) (restore func()) { return set(&rename, f) }

func set[T any](p *T, v T) (restore func()) {
	old := *p
	*p = v
	return func() { *p = old }
}
