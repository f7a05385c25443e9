// SPDX-License-Identifier: MIT

package config

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"seer/internal/nearest"
)

var textType = reflect.TypeFor[encoding.TextUnmarshaler]()

// Keys lists every key of the file in dotted form, in the order of the fields.
// Keys within arrays of tables stand without an index: "crops.size".
func Keys() []string { return keysOf(reflect.TypeFor[Experiment](), "") }

func keysOf(t reflect.Type, prefix string) []string {
	var keys []string
	for i := range t.NumField() {
		f := t.Field(i)
		key := prefix + keyName(f)
		switch inner := tableOf(f.Type); {
		case inner == nil:
			keys = append(keys, key)
		default:
			keys = append(keys, keysOf(inner, key+".")...)
		}
	}
	return keys
}

// keyName is the field's name in the file.
func keyName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("toml"), ",")
	return name
}

// tableOf is the struct behind a table or an array of tables, nil for a value.
func tableOf(t reflect.Type) reflect.Type {
	if t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || reflect.PointerTo(t).Implements(textType) {
		return nil
	}
	return t
}

// find follows a dotted path to a field. Entries of arrays of tables are named by
// their index: "crops.0.size".
func find(v reflect.Value, path string) (reflect.Value, error) {
	for _, part := range strings.Split(path, ".") {
		next, err := child(v, part)
		if err != nil {
			return v, fmt.Errorf("%w%s", err, suggest(path))
		}
		v = next
	}
	return v, nil
}

func child(v reflect.Value, part string) (reflect.Value, error) {
	if v.Kind() == reflect.Slice && tableOf(v.Type()) != nil {
		i, err := strconv.Atoi(part)
		if err != nil || i < 0 || i >= v.Len() {
			return v, fmt.Errorf("index %q: must be a number from 0 to %d", part, v.Len()-1)
		}
		return v.Index(i), nil
	}
	if v.Kind() == reflect.Struct && tableOf(v.Type()) != nil {
		for i := range v.NumField() {
			if keyName(v.Type().Field(i)) == part {
				return v.Field(i), nil
			}
		}
	}
	return v, fmt.Errorf("unknown key")
}

// suggest names what may have been meant by an unknown key.
func suggest(path string) string {
	if strings.Contains(path, "accum") {
		return "; gradient accumulation is not offered, because Sinkhorn-Knopp would balance each small batch by itself: use swav.queue_length"
	}
	near := nearest.Names(path, Keys(), 1)
	if len(near) == 0 {
		// The right name in the wrong table is the other frequent mistake.
		last := path[strings.LastIndex(path, ".")+1:]
		for _, key := range Keys() {
			if strings.HasSuffix(key, "."+last) {
				near = append(near, key)
			}
		}
	}
	if len(near) == 0 {
		return ""
	}
	return "; nearest: " + strings.Join(near, ", ")
}
