package gitattr

// A Checker answers what `git check-attr` does, for a Set as it was.
type Checker struct {
	table *table
	set   Set
}

// Checker reads all of the attributes, not only those that matter to conversions.
func (s *Set) Checker() (*Checker, error) {
	t, err := compile(s.texts, func(string) bool { return true })
	return &Checker{table: t, set: Set{matcher: matcher{left: maxSteps}}}, err
}

// Attrs are the attributes of a file, without those that are unspecified.
func (c *Checker) Attrs(path string) (map[string]string, error) {
	name := nameOf(path)
	values, err := c.set.values(c.table, c.table.directory(name.dir), name)
	attrs := make(map[string]string)
	for attr, st := range values {
		switch st.kind {
		case set:
			attrs[attr] = "set"
		case unset:
			attrs[attr] = "unset"
		case valued:
			attrs[attr] = st.value
		}
	}
	return attrs, err
}
