// Package sqlstore is a vanity.Store in the database of a Durable Object (SqlStorage), which one process at a time has.
package sqlstore

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"syscall/js"

	"example.com/vanity/internal/dirstore"
)

// part is how many bytes a row has; the platform's limit is 2 MB.
const part = 1 << 20

// A Store keeps each content in rows of a part. What stands in the table entry is whole: its row comes last. It is for one
// program, of one thread.
type Store struct{ sql js.Value }

// New makes the tables where there are none, and takes away what was not finished.
func New(sql js.Value) (*Store, error) {
	s := &Store{sql}
	for _, query := range []string{
		`CREATE TABLE IF NOT EXISTS entry (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE, parts INTEGER NOT NULL)`,
		`CREATE TABLE IF NOT EXISTS part (id INTEGER NOT NULL, number INTEGER NOT NULL, data BLOB NOT NULL, PRIMARY KEY (id, number))`,
		`DELETE FROM part WHERE id NOT IN (SELECT id FROM entry)`,
	} {
		if _, err := s.query(query); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Get implements vanity.Store. A content that is replaced or removed while it is read fails.
func (s *Store) Get(_ context.Context, name string) (io.ReadCloser, error) {
	rows, err := s.query(`SELECT id, parts FROM entry WHERE name = ?`, name)
	if err != nil {
		return nil, err
	}
	if rows.Length() == 0 {
		return nil, fmt.Errorf("sqlstore: %s: %w", name, fs.ErrNotExist)
	}
	row := rows.Index(0)
	return &reader{store: s, name: name, id: row.Get("id").Int(), parts: row.Get("parts").Int()}, nil
}

type reader struct {
	store *Store
	name  string
	id    int
	next  int // number of the part to read
	parts int
	rest  []byte
	err   error
}

func (r *reader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 && r.err == nil {
		r.rest, r.err = r.part()
	}
	if len(r.rest) == 0 {
		return 0, r.err
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

func (r *reader) part() ([]byte, error) {
	if r.next == r.parts {
		return nil, io.EOF
	}
	rows, err := r.store.query(`SELECT data FROM part WHERE id = ? AND number = ?`, r.id, r.next)
	if err != nil {
		return nil, err
	}
	if rows.Length() == 0 {
		return nil, fmt.Errorf("sqlstore: %s was replaced while it was read", r.name)
	}
	r.next++
	array := js.Global().Get("Uint8Array").New(rows.Index(0).Get("data"))
	data := make([]byte, array.Length())
	js.CopyBytesToGo(data, array)
	return data, nil
}

// Close implements [io.Closer].
func (r *reader) Close() error {
	r.rest, r.err = nil, fs.ErrClosed
	return nil
}

// Put implements vanity.Store: it keeps the first content of what never changes.
func (s *Store) Put(ctx context.Context, name string, content io.ReadSeeker) error {
	rows, err := s.query(`SELECT id FROM entry WHERE name = ?`, name)
	if err != nil || rows.Length() > 0 && dirstore.WrittenOnce(name) {
		return err
	}
	if _, err := content.Seek(0, io.SeekStart); err != nil {
		return err
	}
	// Of what is taken away again the number is used again, by the next entry.
	rows, err = s.query(`SELECT max(ifnull((SELECT max(id) FROM entry), 0), ifnull((SELECT max(id) FROM part), 0)) + 1 AS id`)
	if err != nil {
		return err
	}
	id := rows.Index(0).Get("id").Int()
	parts, err := s.putParts(ctx, id, content)
	if err == nil {
		err = s.enter(id, name, parts)
	}
	if err != nil {
		if _, undo := s.query(`DELETE FROM part WHERE id = ?`, id); undo != nil {
			err = fmt.Errorf("%w; what was put of it is taken away when the program starts again: %v", err, undo)
		}
		return fmt.Errorf("sqlstore: %s: %w", name, err)
	}
	return nil
}

func (s *Store) putParts(ctx context.Context, id int, content io.Reader) (parts int, err error) {
	buf := make([]byte, part)
	for {
		if err := ctx.Err(); err != nil {
			return 0, err
		}
		n, err := io.ReadFull(content, buf)
		if n > 0 {
			array := js.Global().Get("Uint8Array").New(n)
			js.CopyBytesToJS(array, buf[:n])
			if _, err := s.query(`INSERT INTO part (id, number, data) VALUES (?, ?, ?)`, id, parts, array); err != nil {
				return 0, err
			}
			parts++
		}
		switch err {
		case nil:
		case io.EOF, io.ErrUnexpectedEOF:
			return parts, nil
		default:
			return 0, err
		}
	}
}

// enter gives what was put its name. Who came first with what never changes keeps it.
func (s *Store) enter(id int, name string, parts int) error {
	rows, err := s.query(`SELECT id FROM entry WHERE name = ?`, name)
	if err != nil {
		return err
	}
	if rows.Length() > 0 && dirstore.WrittenOnce(name) {
		_, err = s.query(`DELETE FROM part WHERE id = ?`, id)
		return err
	}
	if _, err = s.query(`INSERT OR REPLACE INTO entry (id, name, parts) VALUES (?, ?, ?)`, id, name, parts); err == nil && rows.Length() > 0 {
		_, err = s.query(`DELETE FROM part WHERE id = ?`, rows.Index(0).Get("id").Int())
	}
	return err
}

// Remove takes an entry away, so that it can be put again.
func (s *Store) Remove(_ context.Context, name string) error {
	rows, err := s.query(`SELECT id FROM entry WHERE name = ?`, name)
	if err != nil || rows.Length() == 0 {
		return err
	}
	id := rows.Index(0).Get("id").Int()
	if _, err = s.query(`DELETE FROM entry WHERE id = ?`, id); err == nil {
		_, err = s.query(`DELETE FROM part WHERE id = ?`, id)
	}
	return err
}

// query gives all rows, of which there are few.
func (s *Store) query(text string, args ...any) (rows js.Value, err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case js.Error:
			err = fmt.Errorf("sqlstore: %s", p.Value.Call("toString").String())
		default:
			panic(p)
		}
	}()
	return s.sql.Call("exec", append([]any{text}, args...)...).Call("toArray"), nil
}
