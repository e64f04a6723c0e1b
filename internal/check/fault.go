package check

import (
	"errors"
	"fmt"

	"golang.org/x/mod/module"
)

// Faults are what is wrong with a configuration, in the order of finding.
type Faults []Fault

// A Fault is a reason, with the key that it is found at.
type Fault struct {
	Key    string
	Reason string
}

// Add adds a fault.
func (f *Faults) Add(key, reason string) {
	*f = append(*f, Fault{key, reason})
}

// Err returns all faults as one error, a line each that begins with prefix; nil for none.
func (f Faults) Err(prefix string) error {
	errs := make([]error, len(f))
	for i, fault := range f {
		errs[i] = fmt.Errorf("%s%s: %s", prefix, fault.Key, fault.Reason)
	}
	return errors.Join(errs...)
}

// PathReason returns what an error of x/mod says about a path, without the path.
func PathReason(err error) error {
	if e := (*module.InvalidPathError)(nil); errors.As(err, &e) {
		return e.Err
	}
	return err
}
