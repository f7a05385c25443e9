// SPDX-License-Identifier: MIT

package jsonstream

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"strconv"
)

// Bytes reads a text. It is valid until something else is read.
func (r *Reader) Bytes() ([]byte, error) {
	if err := r.want(String); err != nil {
		return nil, err
	}
	start := r.Offset()
	r.at++
	r.text = r.text[:0]
	escaped := false
	for {
		if !r.fill() {
			return nil, r.ended()
		}
		rest := r.buf[r.at:r.end]
		i := endOfText(rest)
		if i < len(rest) && rest[i] == '"' && len(r.text) == 0 {
			r.at += i + 1
			return rest[:i], nil // in one piece: the usual case
		}
		r.text = append(r.text, rest[:i]...)
		r.at += i
		switch {
		case len(r.text) > MaxText:
			return nil, fmt.Errorf("a text of more than %d bytes, at byte %d", MaxText, start)
		case i == len(rest):
			continue
		case rest[i] == '"':
			r.at++
			return r.unescaped(escaped, start)
		case rest[i] < ' ':
			return nil, fmt.Errorf("%q within a text, at byte %d: it ends nowhere, or lacks a backslash", rest[i], r.Offset())
		}
		escaped = true
		if err := r.escape(); err != nil {
			return nil, err
		}
	}
}

// endOfText finds the quote, or what else needs a look.
func endOfText(b []byte) int {
	for i, c := range b {
		if c == '"' || c == '\\' || c < ' ' {
			return i
		}
	}
	return len(b)
}

// escape takes a backslash and the byte behind it as they are.
func (r *Reader) escape() error {
	r.text = append(r.text, '\\')
	r.at++
	if !r.fill() {
		return r.ended()
	}
	r.text = append(r.text, r.buf[r.at])
	r.at++
	return nil
}

func (r *Reader) unescaped(escaped bool, start int64) ([]byte, error) {
	if !escaped {
		return r.text, nil
	}
	var text string
	quoted := append(append([]byte{'"'}, r.text...), '"')
	if err := json.Unmarshal(quoted, &text); err != nil {
		return nil, fmt.Errorf("the text at byte %d: %w", start, err)
	}
	return []byte(text), nil
}

// Text reads a text.
func (r *Reader) Text() (string, error) {
	b, err := r.Bytes()
	return string(b), err
}

// number reads the characters of a number, which are valid until something else is read.
func (r *Reader) number() ([]byte, error) {
	if err := r.want(Number); err != nil {
		return nil, err
	}
	r.text = r.text[:0]
	for {
		rest := r.buf[r.at:r.end]
		i := 0
		for i < len(rest) && numeric[rest[i]] {
			i++
		}
		r.at += i
		whole := i < len(rest)
		if whole && len(r.text) == 0 {
			return r.checked(rest[:i])
		}
		if r.text = append(r.text, rest[:i]...); len(r.text) > 1000 {
			return nil, fmt.Errorf("a number of more than 1000 characters, before byte %d", r.Offset())
		}
		if whole || !r.fill() {
			return r.checked(r.text)
		}
	}
}

var numeric = func() (t [256]bool) {
	for _, c := range "0123456789+-.eE" {
		t[c] = true
	}
	return t
}()

// checked wants JSON's grammar: -? (0 | [1-9] digits) (. digits)? ([eE] [+-]? digits)?
func (r *Reader) checked(b []byte) ([]byte, error) {
	rest := bytes.TrimPrefix(b, []byte{'-'})
	whole := digits(rest)
	ok := whole > 0 && (whole == 1 || rest[0] != '0')
	rest = rest[whole:]
	if len(rest) > 0 && rest[0] == '.' {
		n := digits(rest[1:])
		ok = ok && n > 0
		rest = rest[1+n:]
	}
	if len(rest) > 0 && (rest[0] == 'e' || rest[0] == 'E') {
		rest = rest[1:]
		if len(rest) > 0 && (rest[0] == '+' || rest[0] == '-') {
			rest = rest[1:]
		}
		n := digits(rest)
		ok = ok && n > 0
		rest = rest[n:]
	}
	if !ok || len(rest) > 0 {
		return nil, fmt.Errorf("%q before byte %d is no number", b[:min(len(b), 40)], r.Offset())
	}
	return b, nil
}

// digits counts those at the front.
func digits(b []byte) int {
	for i, c := range b {
		if c < '0' || c > '9' {
			return i
		}
	}
	return len(b)
}

// Float reads a number. What float64 cannot hold is an error.
func (r *Reader) Float() (float64, error) {
	if err := r.want(Number); err != nil {
		return 0, err
	}
	if v, n := short(r.buf[r.at:r.end]); n > 0 {
		r.at += n
		return v, nil
	}
	b, err := r.number()
	if err != nil {
		return 0, err
	}
	v, err := strconv.ParseFloat(string(b), 64)
	if err != nil {
		return 0, fmt.Errorf("%s before byte %d: %w", b[:min(len(b), 40)], r.Offset(), errors.Unwrap(err))
	}
	return v, nil
}

// shortDigits is how many digits float64 holds exactly, as a whole number.
const shortDigits = 15

var powersOfTen = [shortDigits + 1]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// short reads a number of few digits without an exponent, as nearly all are: a division of two exact numbers rounds correctly.
// It returns how many bytes it took, 0 if it is not such a number or may go on behind b.
func short(b []byte) (v float64, n int) {
	var whole uint64
	point, digits, i := -1, 0, 0
	if b[0] == '-' {
		i++
	}
	first := i
	for ; i < len(b) && numeric[b[i]]; i++ {
		switch c := b[i]; {
		case c >= '0' && c <= '9':
			whole = 10*whole + uint64(c-'0')
			digits++
		case c == '.' && point < 0 && digits > 0:
			point = digits
		default:
			return 0, 0
		}
		if digits > shortDigits {
			return 0, 0
		}
	}
	if i == len(b) || digits == 0 || point == digits || b[first] == '0' && digits > 1 && point != 1 {
		return 0, 0
	}
	v = float64(whole)
	if point >= 0 {
		v /= powersOfTen[digits-point]
	}
	if first == 1 {
		v = -v
	}
	return v, i
}

// Int reads a whole number; 7.0 and 7e0 are some too.
func (r *Reader) Int() (int64, error) {
	b, err := r.number()
	if err != nil {
		return 0, err
	}
	if v, err := strconv.ParseInt(string(b), 10, 64); err == nil {
		return v, nil
	}
	v, err := strconv.ParseFloat(string(b), 64)
	if err != nil || v != math.Trunc(v) || math.Abs(v) > 1<<53 {
		return 0, fmt.Errorf("%s before byte %d is not a whole number of 64 bits", b[:min(len(b), 40)], r.Offset())
	}
	return int64(v), nil
}

// Bool reads true or false.
func (r *Reader) Bool() (bool, error) {
	if err := r.want(Bool); err != nil {
		return false, err
	}
	if r.buf[r.at] == 't' {
		return true, r.literal("true")
	}
	return false, r.literal("false")
}

// Null reads null.
func (r *Reader) Null() error {
	if err := r.want(Null); err != nil {
		return err
	}
	return r.literal("null")
}

func (r *Reader) literal(word string) error {
	for i := range len(word) {
		if !r.fill() {
			return r.ended()
		}
		if r.buf[r.at] != word[i] {
			return fmt.Errorf("%q at byte %d within the word %s", r.buf[r.at], r.Offset(), word)
		}
		r.at++
	}
	return nil
}
