package bucket

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
)

// probe tries all that a place must do, by an object that nobody else has.
func probe(ctx context.Context, p place) error {
	name := "check-" + rand.Text()
	switch r, err := p.get(ctx, name); {
	case err == nil:
		r.Close()
		return fmt.Errorf("there is %s, which nobody has put", name)
	case !errors.Is(err, fs.ErrNotExist):
		return err
	}
	text := "A server tries whether it can write here. This may be removed.\n"
	if err := p.put(ctx, name, strings.NewReader(text)); err != nil {
		return err
	}
	err := probeRead(ctx, p, name, text)
	return errors.Join(err, p.remove(context.WithoutCancel(ctx), name))
}

// probeRead wants a content to be there, and to be listed.
func probeRead(ctx context.Context, p place, name, text string) error {
	r, err := p.get(ctx, name)
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s was stored, and isn't there", name)
	}
	if err != nil {
		return err
	}
	defer r.Close()
	got, err := io.ReadAll(io.LimitReader(r, 1<<10))
	if err != nil {
		return err
	}
	if string(got) != text {
		return fmt.Errorf("%s has another content than was stored", name)
	}
	names, err := p.list(ctx, name)
	if err == nil && !slices.Equal(names, []string{name}) {
		err = fmt.Errorf("%s was stored, and is not listed", name)
	}
	return err
}

func (b *blobs) ping(ctx context.Context) error {
	if err := probe(ctx, b); err != nil {
		return err
	}
	return b.probeConditions(ctx)
}

// probeConditions finds out whether the service keeps the first content of a name.
func (b *blobs) probeConditions(ctx context.Context) (err error) {
	name := "check-" + rand.Text() + "/@v/v1.0.0.info"
	defer func() { err = errors.Join(err, b.remove(context.WithoutCancel(ctx), name)) }()
	for _, text := range []string{"first", "second"} {
		if err := b.put(ctx, name, strings.NewReader(text)); err != nil {
			return err
		}
	}
	r, err := b.get(ctx, name)
	if err != nil {
		return err
	}
	defer r.Close()
	got, err := io.ReadAll(io.LimitReader(r, 1<<10))
	if err == nil && string(got) != "first" {
		b.unconditional.Store(true)
		b.warnUnconditional("ignores conditions of writes")
	}
	return err
}
