// SPDX-License-Identifier: MIT

package config

import (
	"encoding"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"unicode/utf8"

	"github.com/BurntSushi/toml"

	"seer/internal/redact"
)

// Set applies overrides, each "table.key=value", in order, and reports all that are wrong.
func (e *Experiment) Set(sets []string) error {
	var problems []error
	for _, s := range sets {
		if err := e.setOne(s); err != nil {
			problems = append(problems, fmt.Errorf("--set %s: %w", redact.Setting(s), err))
		}
	}
	return errors.Join(problems...)
}

func (e *Experiment) setOne(s string) error {
	path, text, found := strings.Cut(s, "=")
	path, text = strings.TrimSpace(path), strings.TrimSpace(text)
	if !found || path == "" {
		return errors.New("must have the form table.key=value")
	}
	if !utf8.ValidString(s) {
		return errors.New("is no UTF-8 text")
	}
	if path == "base" || path == "version" {
		return errors.New("belongs to the file and cannot be overridden")
	}
	field, err := find(reflect.ValueOf(e).Elem(), path)
	if missing := (*indexError)(nil); errors.As(err, &missing) {
		return missing.toWrite(text)
	}
	if err != nil {
		return err
	}
	if field.Kind() == reflect.Struct && tableOf(field.Type()) != nil {
		return fmt.Errorf("is a table; set its keys one by one: %s", strings.Join(keysOf(field.Type(), path+"."), ", "))
	}
	if err := assign(field, text); err != nil {
		return fmt.Errorf("%w; wanted is %s", err, wanted(field.Type()))
	}
	return nil
}

// assign converts the text to the field's type. Text and durations need no quotes,
// lists no brackets: the shell has eaten them often enough.
func assign(v reflect.Value, text string) error {
	if v.Kind() == reflect.Pointer {
		fresh := reflect.New(v.Type().Elem())
		if err := assign(fresh.Elem(), text); err != nil {
			return err
		}
		v.Set(fresh)
		return nil
	}
	isText := v.Kind() == reflect.String || reflect.PointerTo(v.Type()).Implements(textType)
	quoted := strings.HasPrefix(text, `"`) || strings.HasPrefix(text, "'")
	if isText && !quoted {
		return assignText(v, text)
	}
	if text == "" && v.Kind() != reflect.Slice {
		return errors.New("the value is empty")
	}
	err := assignTOML(v, text)
	if err != nil && (v.Kind() == reflect.Slice || v.Kind() == reflect.Array) && tableOf(v.Type()) == nil {
		return assignList(v, text)
	}
	return err
}

func assignText(v reflect.Value, text string) error {
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	v.SetString(text)
	return nil
}

// assignTOML reads the text as a TOML value of exactly the field's type, strictly.
func assignTOML(v reflect.Value, text string) error {
	// A line break would let the text hold more than one value.
	if strings.ContainsAny(text, "\r\n") {
		return errors.New("the value is more than one line")
	}
	box := reflect.New(reflect.StructOf([]reflect.StructField{{Name: "V", Type: v.Type(), Tag: `toml:"v"`}}))
	md, err := toml.Decode("v = "+text, box.Interface())
	if err != nil {
		return plainError(err)
	}
	if unknown := md.Undecoded(); len(unknown) > 0 {
		return fmt.Errorf("unknown key %q", unknown[0][len(unknown[0])-1])
	}
	fresh := box.Elem().Field(0)
	if fresh.CanUint() && fresh.Uint() > math.MaxInt64 {
		return errors.New("must be 0 or more")
	}
	v.Set(fresh)
	return nil
}

// plainError drops the position, which is that of a text nobody wrote.
func plainError(err error) error {
	if m := typeError.FindStringSubmatch(err.Error()); m != nil {
		return errors.New(m[3])
	}
	var parse toml.ParseError
	if errors.As(err, &parse) && parse.Message != "" {
		return errors.New(parse.Message)
	}
	return err
}

// assignList reads "a,b" and "[a, b]" element by element.
func assignList(v reflect.Value, text string) error {
	text = strings.TrimSuffix(strings.TrimPrefix(text, "["), "]")
	var parts []string
	if strings.TrimSpace(text) != "" {
		parts = strings.Split(text, ",")
	}
	list := reflect.New(v.Type()).Elem()
	if v.Kind() == reflect.Slice {
		list.Set(reflect.MakeSlice(v.Type(), len(parts), len(parts)))
	}
	if list.Len() != len(parts) {
		return fmt.Errorf("has %d values", len(parts))
	}
	for i, part := range parts {
		if err := assign(list.Index(i), strings.TrimSpace(part)); err != nil {
			return err
		}
	}
	v.Set(list)
	return nil
}

// wanted describes a type to somebody who writes a value of it.
func wanted(t reflect.Type) string {
	switch {
	case t == reflect.TypeFor[Duration]():
		return `a duration such as "10ep", "500it", "1e9img" or "2.5%"`
	case t == reflect.TypeFor[Layer]():
		return `a layer such as "pool", "stage3:2x1" or "blocks4+mean"`
	case t == reflect.TypeFor[Bytes]():
		return `a size such as "200GB" or "500GiB"`
	case t.Kind() == reflect.Pointer:
		return wanted(t.Elem())
	case t.Kind() == reflect.Array:
		return fmt.Sprintf("a list of %d, each %s", t.Len(), wanted(t.Elem()))
	case t.Kind() == reflect.Slice && tableOf(t) != nil:
		return "a list of tables such as [{count = 2, size = 224, scale = [0.14, 1.0]}]"
	case t.Kind() == reflect.Slice && t.Implements(reflect.TypeFor[toml.Marshaler]()): // Several
		return wanted(t.Elem()) + ", or a list of them"
	case t.Kind() == reflect.Slice:
		return "a list, each " + wanted(t.Elem())
	case t.Kind() == reflect.Bool:
		return "true or false"
	case t.Kind() == reflect.Float64:
		return "a number"
	case t.Kind() == reflect.String:
		return "a text"
	}
	return "a whole number"
}
