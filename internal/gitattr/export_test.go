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

// Attr is what an attribute of a file is.
func (c *Checker) Attr(path, attr string) (string, error) {
	name := nameOf(path)
	values, err := c.set.values(c.table, c.table.directory(name.dir), name)
	if err != nil {
		return "", err
	}
	switch st := values[attr]; st.kind {
	case set:
		return "set", nil
	case unset:
		return "unset", nil
	case valued:
		return st.value, nil
	}
	return "unspecified", nil
}
