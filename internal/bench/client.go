package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path"
	"path/filepath"

	"golang.org/x/mod/module"
)

// A client asks a proxy for files of a module.
type client struct {
	base string
	http *http.Client
}

func newClient(url, modPath string) *client {
	return &client{base: url + filesOf(modPath), http: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}}
}

// filesOf is the path below which a proxy has the files of a module.
func filesOf(modPath string) string {
	escaped, err := module.EscapePath(modPath)
	if err != nil {
		panic(err) // a shape of ours
	}
	return "/" + escaped + "/@v/"
}

// getAll gets files one after the other, and keeps the zip.
func (c *client) getAll(names []string, zip io.Writer) error {
	for _, name := range names {
		w := io.Discard
		if path.Ext(name) == ".zip" {
			w = zip
		}
		if err := c.get(name, w); err != nil {
			return err
		}
	}
	return nil
}

func (c *client) get(name string, w io.Writer) error {
	resp, err := c.http.Get(c.base + name)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(io.LimitReader(resp.Body, 1000))
		return fmt.Errorf("%s: %s: %s", name, resp.Status, body)
	}
	_, err = io.Copy(w, resp.Body)
	return err
}

// save gets one into a file.
func (c *client) save(name, file string) error {
	if err := os.MkdirAll(filepath.Dir(file), 0o777); err != nil {
		return err
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	return errors.Join(c.get(name, f), f.Close())
}
