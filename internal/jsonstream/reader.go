// SPDX-License-Identifier: MIT

// Package jsonstream reads JSON of any size in one pass and little memory, where the caller knows what should come: values are
// asked for one by one, and nothing is kept. Its memory is bounded, and it takes less time than encoding/json.
//
// Errors say the path of the value and the byte where reading stopped: "annotations[12].bbox[3]: …".
package jsonstream

import (
	"errors"
	"fmt"
	"io"
)

// Kind is what comes next.
type Kind byte

// The kinds of values.
const (
	Object Kind = iota + 1
	Array
	String
	Number
	Bool
	Null
)

var kindNames = map[Kind]string{Object: "an object", Array: "a list", String: "a text", Number: "a number", Bool: "true or false", Null: "null"}

// String is the kind in words.
func (k Kind) String() string { return kindNames[k] }

const (
	bufferSize = 64 << 10
	// MaxText bounds a text, which is kept whole: a mask of runs has some hundred kilobytes.
	MaxText = 16 << 20
	// MaxDepth bounds how deep lists and objects may lie in each other.
	MaxDepth = 1000
	// maxKeys bounds how many different keys are kept, so that the common ones are made only once.
	maxKeys = 1000
)

// Reader reads one value, and all within it.
type Reader struct {
	r       io.Reader
	buf     []byte
	at, end int   // what is not read yet of buf
	before  int64 // bytes before buf
	err     error // of r, once everything before it is read
	depth   int
	text    []byte // of the current text or number, where it does not lie in one piece
	keys    map[string]string
}

// New reads from r.
func New(r io.Reader) *Reader {
	return &Reader{r: r, buf: make([]byte, bufferSize), keys: map[string]string{}}
}

// Offset is how many bytes were read.
func (r *Reader) Offset() int64 { return r.before + int64(r.at) }

// fill reads on; what was in the buffer is gone.
func (r *Reader) fill() bool {
	for r.at == r.end && r.err == nil {
		r.before += int64(r.end)
		r.at = 0
		r.end, r.err = r.r.Read(r.buf)
	}
	return r.at < r.end
}

// peek passes over spaces and is the next byte, without reading it.
func (r *Reader) peek() (byte, error) {
	for {
		for ; r.at < r.end; r.at++ {
			if c := r.buf[r.at]; c != ' ' && c != '\n' && c != '\t' && c != '\r' {
				return c, nil
			}
		}
		if !r.fill() {
			return 0, r.ended()
		}
	}
}

// ended is why nothing comes any more.
func (r *Reader) ended() error {
	if errors.Is(r.err, io.EOF) {
		return fmt.Errorf("the file ends early, after %d bytes: %w", r.Offset(), io.ErrUnexpectedEOF)
	}
	return r.err
}

// Kind says what comes next.
func (r *Reader) Kind() (Kind, error) {
	c, err := r.peek()
	if err != nil {
		return 0, err
	}
	switch c {
	case '{':
		return Object, nil
	case '[':
		return Array, nil
	case '"':
		return String, nil
	case 't', 'f':
		return Bool, nil
	case 'n':
		return Null, nil
	}
	if c == '-' || c >= '0' && c <= '9' {
		return Number, nil
	}
	return 0, fmt.Errorf("%q at byte %d: no value begins so%s", c, r.Offset(), notANumber(c))
}

// notANumber is a hint at what Python writes for floats that are none.
func notANumber(c byte) string {
	if c == 'N' || c == 'I' {
		return " (JSON has no NaN and no Infinity)"
	}
	return ""
}

// want checks the kind of the next value.
func (r *Reader) want(k Kind) error {
	got, err := r.Kind()
	if err != nil {
		return err
	}
	if got != k {
		return fmt.Errorf("%v where %v is expected, at byte %d", got, k, r.Offset())
	}
	return nil
}

// open reads the bracket of an object or a list.
func (r *Reader) open(k Kind) error {
	if err := r.want(k); err != nil {
		return err
	}
	if r.depth++; r.depth > MaxDepth {
		return fmt.Errorf("more than %d objects and lists in each other, at byte %d", MaxDepth, r.Offset())
	}
	r.at++
	return nil
}

// more reads the comma before an element, or the bracket at the end.
func (r *Reader) more(first bool, end byte) (bool, error) {
	c, err := r.peek()
	switch {
	case err != nil:
		return false, err
	case c == end:
		r.at++
		r.depth--
		return false, nil
	case first:
		return true, nil
	case c == ',':
		r.at++
		return true, nil
	}
	return false, fmt.Errorf("%q at byte %d, where a comma or %q is expected", c, r.Offset(), end)
}

// Array calls element for each element of a list, which has to read it.
func (r *Reader) Array(element func(i int) error) error {
	if err := r.open(Array); err != nil {
		return err
	}
	for i := 0; ; i++ {
		more, err := r.more(i == 0, ']')
		if !more || err != nil {
			return err
		}
		if err := element(i); err != nil {
			return inElement(i, err)
		}
	}
}

// Object calls member for each member of an object, which has to read its value.
func (r *Reader) Object(member func(key string) error) error {
	if err := r.open(Object); err != nil {
		return err
	}
	for first := true; ; first = false {
		more, err := r.more(first, '}')
		if !more || err != nil {
			return err
		}
		key, err := r.key()
		if err != nil {
			return err
		}
		if err := member(key); err != nil {
			return inMember(key, err)
		}
	}
}

func (r *Reader) key() (string, error) {
	text, err := r.Bytes()
	if err != nil {
		return "", err
	}
	key, ok := r.keys[string(text)]
	if !ok {
		key = string(text)
		if len(r.keys) < maxKeys {
			r.keys[key] = key
		}
	}
	if c, err := r.peek(); err != nil {
		return "", err
	} else if c != ':' {
		return "", fmt.Errorf("%q at byte %d, where the colon behind a key is expected", c, r.Offset())
	}
	r.at++
	return key, nil
}

// Skip reads a value of any kind and size, and checks that it is JSON.
func (r *Reader) Skip() error {
	k, err := r.Kind()
	if err != nil {
		return err
	}
	switch k {
	case Object:
		return r.Object(func(string) error { return r.Skip() })
	case Array:
		return r.Array(func(int) error { return r.Skip() })
	case String:
		_, err = r.Bytes()
	case Number:
		_, err = r.number()
	case Bool:
		_, err = r.Bool()
	case Null:
		err = r.Null()
	}
	return err
}

// End checks that nothing follows.
func (r *Reader) End() error {
	c, err := r.peek()
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF):
		return nil
	case err != nil:
		return err
	}
	return fmt.Errorf("%q at byte %d, behind the end", c, r.Offset())
}
