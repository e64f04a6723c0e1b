// Package strictjson decodes JSON that people write, and says all that is wrong with it at once: where encoding/json
// passes over unknown and repeated keys, takes keys in any case, and stops at the first value of a wrong type.
package strictjson

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"example.com/vanity/internal/check"
)

// Decode decodes data, one JSON value, into the value that v points to. It knows strings, ints, slices, maps with strings
// as keys, and structs whose fields all have a json tag. Of a repeated key the first counts. The key of a fault says where
// in v it is, as in paths["a"].repo, or, if it is none of the value's, in which line.
//
// The keys of values that could not be decoded are lost. If all is lost, as after a syntax error, the key "" is.
func Decode(data []byte, v any) (faults check.Faults, lost map[string]bool) {
	d := &decoder{data: data, tokens: json.NewDecoder(bytes.NewReader(data)), lost: make(map[string]bool)}
	d.tokens.UseNumber()
	d.checkUTF8()
	if err := d.value("", reflect.ValueOf(v).Elem()); err != nil {
		d.syntaxError(err)
	} else if _, err := d.tokens.Token(); err != io.EOF {
		d.faults.Add(d.line(), "there is more after the end of the value")
	}
	return d.faults, d.lost
}

type decoder struct {
	data   []byte
	tokens *json.Decoder
	faults check.Faults
	lost   map[string]bool
}

// checkUTF8 adds a fault for each line that is no UTF-8.
func (d *decoder) checkUTF8() {
	n := 0
	for line := range bytes.Lines(d.data) {
		n++
		if !utf8.Valid(line) {
			d.faults.Add(fmt.Sprintf("line %d", n), "is not valid UTF-8")
		}
	}
}

// rest is what follows the last token.
func (d *decoder) rest() []byte {
	return bytes.TrimLeft(d.data[d.tokens.InputOffset():], " \t\r\n,:")
}

// line is the key of faults that are none of the value's: the line of what follows the last token.
func (d *decoder) line() string {
	return fmt.Sprintf("line %d", 1+bytes.Count(d.data[:len(d.data)-len(d.rest())], []byte("\n")))
}

// syntaxError adds a fault of syntax. What encoding/json says of the end, and of characters that begin nothing, differs between
// releases of Go.
func (d *decoder) syntaxError(err error) {
	text := err.Error()
	switch r, _ := utf8.DecodeRune(d.rest()); {
	case len(d.rest()) == 0, errors.Is(err, io.ErrUnexpectedEOF), strings.Contains(text, "unexpected end"):
		text = "unexpected end"
	case !strings.ContainsRune(`"-`, r) && !unicode.IsLetter(r) && !unicode.IsDigit(r):
		text = fmt.Sprintf("invalid character %q", r)
	}
	d.faults.Add(d.line(), text)
	d.lost[""] = true
}

// value decodes the next value. An error is one of syntax: nothing can follow.
func (d *decoder) value(where string, v reflect.Value) error {
	token, err := d.tokens.Token()
	if err != nil {
		return err
	}
	want := ""
	switch v.Kind() {
	case reflect.Struct, reflect.Map:
		if token == json.Delim('{') {
			return d.object(where, v)
		}
		want = "an object"
	case reflect.Slice:
		if token == json.Delim('[') {
			return d.list(where, v)
		}
		want = "a list"
	case reflect.String:
		if s, ok := token.(string); ok {
			v.SetString(s)
			return nil
		}
		want = "a string"
	case reflect.Int:
		if n, ok := token.(json.Number); ok {
			d.number(where, v, n)
			return nil
		}
		want = "a number"
	default:
		panic(fmt.Errorf("strictjson: %s is of type %s", where, v.Type()))
	}
	d.lose(where, "is "+kind(token)+": want "+want)
	return d.skip(token)
}

// lose adds a fault of a value that is not decoded.
func (d *decoder) lose(where, reason string) {
	d.lost[where] = true
	if where == "" {
		where = d.line()
	}
	d.faults.Add(where, reason)
}

// kind says what a token begins, as people call it.
func kind(token json.Token) string {
	switch token.(type) {
	case string:
		return "a string"
	case json.Number:
		return "a number"
	case bool:
		return "a boolean"
	case nil:
		return "null"
	}
	if token == json.Delim('[') {
		return "a list"
	}
	return "an object"
}

// skip passes over the rest of a value that begins with token.
func (d *decoder) skip(token json.Token) error {
	for depth := 0; ; {
		switch token {
		case json.Delim('{'), json.Delim('['):
			depth++
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return nil
		}
		var err error
		if token, err = d.tokens.Token(); err != nil {
			return err
		}
	}
}

func (d *decoder) number(where string, v reflect.Value, n json.Number) {
	i, err := strconv.Atoi(n.String())
	if err != nil {
		d.lose(where, check.Quote(n.String())+" is no whole number, or too large")
		return
	}
	v.SetInt(int64(i))
}

func (d *decoder) list(where string, v reflect.Value) error {
	v.Set(reflect.MakeSlice(v.Type(), 0, 0))
	for i := 0; d.tokens.More(); i++ {
		elem := reflect.New(v.Type().Elem()).Elem()
		if err := d.value(fmt.Sprintf("%s[%d]", where, i), elem); err != nil {
			return err
		}
		v.Set(reflect.Append(v, elem))
	}
	_, err := d.tokens.Token()
	return err
}

func (d *decoder) object(where string, v reflect.Value) error {
	member := mapMember
	if v.Kind() == reflect.Struct {
		member = structMember
	} else {
		v.Set(reflect.MakeMap(v.Type()))
	}
	seen := make(map[string]bool)
	for d.tokens.More() {
		token, err := d.tokens.Token()
		if err != nil {
			return err
		}
		key, _ := token.(string) // the decoder takes nothing else here
		at, elem, reason := member(where, v, key)
		switch {
		case reason != "":
			d.faults.Add(at, reason)
			if err := d.skipValue(); err != nil {
				return err
			}
			continue
		case seen[key]:
			d.faults.Add(at, "is given twice")
			elem = reflect.New(elem.Type()).Elem()
		}
		if err := d.value(at, elem); err != nil {
			return err
		}
		if v.Kind() == reflect.Map && !seen[key] {
			v.SetMapIndex(reflect.ValueOf(key), elem)
		}
		seen[key] = true
	}
	_, err := d.tokens.Token()
	return err
}

func (d *decoder) skipValue() error {
	token, err := d.tokens.Token()
	if err != nil {
		return err
	}
	return d.skip(token)
}

// mapMember returns where the member of a map is, and a value to decode it into.
func mapMember(where string, v reflect.Value, key string) (at string, elem reflect.Value, reason string) {
	return fmt.Sprintf("%s[%s]", where, check.Quote(key)), reflect.New(v.Type().Elem()).Elem(), ""
}

// structMember returns where the field of a struct is, and the field, or a reason why there is none.
func structMember(where string, v reflect.Value, key string) (at string, elem reflect.Value, reason string) {
	at = key
	if strings.Trim(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "" || key == "" || len(key) > 100 {
		at = check.Quote(key)
	}
	if where != "" {
		at = where + "." + at
	}
	var names []string
	for i := range v.NumField() {
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if name == key {
			return at, v.Field(i), ""
		}
		names = append(names, name)
	}
	return at, elem, "unknown key: want one of " + strings.Join(names, ", ")
}
