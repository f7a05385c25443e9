// SPDX-License-Identifier: MIT

package pickle

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"strconv"
	"strings"
)

// opcodes is indexed by opcode, with the meanings of Python's pickletools.py,
// protocols 0 to 5. Missing are references by text, extension codes and buffers
// outside the pickle: only the program that wrote them can resolve those.
var opcodes [256]func(*machine) error

func init() {
	for _, group := range []map[byte]func(*machine) error{constants, texts, containers, objects, bookkeeping} {
		for opcode, run := range group {
			opcodes[opcode] = run
		}
	}
}

func pushes(value any) func(*machine) error {
	return func(m *machine) error { return m.push(value) }
}

// constants push numbers, None and booleans.
var constants = map[byte]func(*machine) error{
	'N': pushes(nil), 0x88: pushes(true), 0x89: pushes(false),
	'K': unsigned(1), 'M': unsigned(2), 'J': signed32, 'G': float,
	'I': lineNumber, 'L': lineNumber, 'F': lineFloat,
	0x8a: long(1), 0x8b: long(4),
}

func unsigned(width int) func(*machine) error {
	return func(m *machine) error {
		n, err := m.uint(width)
		if err != nil {
			return err
		}
		return m.push(int64(n))
	}
}

func signed32(m *machine) error {
	n, err := m.uint(4)
	if err != nil {
		return err
	}
	return m.push(int64(int32(n)))
}

// float is the one big-endian number of the format.
func float(m *machine) error {
	n, err := m.uint(8)
	if err != nil {
		return err
	}
	return m.push(math.Float64frombits(bits.ReverseBytes64(n)))
}

// lineNumber reads decimal digits; "00" and "01" are protocol 0's booleans, and
// Python 2 writes an L behind a long.
func lineNumber(m *machine) error {
	text, err := m.line()
	if err != nil {
		return err
	}
	digits := strings.TrimSuffix(text, "L")
	switch {
	case text == "00", text == "01":
		return m.push(text == "01")
	case len(digits) > 1000: // reading them would take the square of their number
		return m.push(Skipped{"integer", uint64(len(digits))})
	}
	if n, err := strconv.ParseInt(digits, 10, 64); err == nil {
		return m.push(n)
	}
	n, ok := new(big.Int).SetString(digits, 10)
	if !ok {
		return fmt.Errorf("malformed pickle: %.40q is no integer", text)
	}
	return m.push(longOf(n))
}

// longOf writes a number as two's complement, as LONG1 has it.
func longOf(n *big.Int) Long {
	width := n.BitLen()/8 + 1
	if n.Sign() < 0 {
		n = new(big.Int).Add(n, new(big.Int).Lsh(big.NewInt(1), uint(8*width)))
	}
	out := make(Long, width)
	n.FillBytes(out)
	for i, j := 0, width-1; i < j; i, j = i+1, j-1 {
		out[i], out[j] = out[j], out[i]
	}
	return out
}

func lineFloat(m *machine) error {
	text, err := m.line()
	if err != nil {
		return err
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return fmt.Errorf("malformed pickle: %.40q is no number", text)
	}
	return m.push(f)
}

// long reads an integer of counted bytes, of which none means 0.
func long(width int) func(*machine) error {
	return func(m *machine) error {
		n, err := m.uint(width)
		switch {
		case err != nil:
			return err
		case width == 4 && n > math.MaxInt32:
			return errors.New("malformed pickle: an integer of a negative number of bytes")
		case n > maxKept:
			return m.pushSkipped("integer", n)
		}
		data, err := m.bytes(n)
		if err != nil {
			return err
		}
		return m.push(integer(data))
	}
}

// integer is int64 where that holds the number.
func integer(data []byte) any {
	if len(data) > 8 {
		return Long(data)
	}
	n := int64(0)
	for i, b := range data {
		n |= int64(b) << (8 * i)
	}
	unused := 64 - 8*len(data)
	return n << unused >> unused
}

func (m *machine) pushSkipped(kind string, n uint64) error {
	if err := m.skip(n); err != nil {
		return err
	}
	return m.push(Skipped{kind, n})
}

// texts push texts and byte strings. Python 2's texts ('S', 'T', 'U') are bytes
// in Python 3, but names and keys all the same.
var texts = map[byte]func(*machine) error{
	'X': counted("text", 4), 0x8c: counted("text", 1), 0x8d: counted("text", 8),
	'T': counted("text", 4), 'U': counted("text", 1),
	'B': counted("bytes", 4), 'C': counted("bytes", 1), 0x8e: counted("bytes", 8), 0x96: counted("bytes", 8),
	'S': quoted, 'V': escaped,
}

func counted(kind string, width int) func(*machine) error {
	return func(m *machine) error {
		n, err := m.uint(width)
		if err != nil {
			return err
		}
		if n > maxKept {
			return m.pushSkipped(kind, n)
		}
		data, err := m.bytes(n)
		switch {
		case err != nil:
			return err
		case kind == "text":
			return m.push(string(data))
		}
		return m.push(data)
	}
}

// quoted reads a text as Python's repr writes it.
func quoted(m *machine) error {
	line, err := m.line()
	if err != nil {
		return err
	}
	line = strings.TrimRight(line, " \r")
	if len(line) < 2 || line[0] != line[len(line)-1] || line[0] != '\'' && line[0] != '"' {
		return errors.New("malformed pickle: a text of protocol 0 is not quoted")
	}
	return m.push(unescape(line[1:len(line)-1], line[0]))
}

// escaped reads a text whose only escapes are \uXXXX and \UXXXXXXXX.
func escaped(m *machine) error {
	line, err := m.line()
	if err != nil {
		return err
	}
	return m.push(unescape(line, 0))
}

// unescape resolves the escapes that Go and Python share; a text with others is
// kept as it is, because a name of a tensor has none.
func unescape(text string, quote byte) string {
	var b strings.Builder
	for rest := text; rest != ""; {
		r, multibyte, tail, err := strconv.UnquoteChar(rest, quote)
		if err != nil {
			return text
		}
		if rest = tail; r < 0x80 || multibyte {
			b.WriteRune(r)
		} else {
			b.WriteByte(byte(r))
		}
	}
	return b.String()
}

// containers make tuples, lists, dicts and sets and fill them.
var containers = map[byte]func(*machine) error{
	'(': mark, ')': func(m *machine) error { return m.pushNew(&Tuple{}, containerCost) },
	'}': func(m *machine) error { return m.pushNew(&Dict{}, containerCost) },
	']': newList, 0x8f: newList,
	't': func(m *machine) error { return m.build(func(items []any) any { return &Tuple{items} }) },
	'l': listOf, 0x91: listOf, 'd': dictOf,
	0x85: tupleOf(1), 0x86: tupleOf(2), 0x87: tupleOf(3),
	'a': appendOne, 'e': appendAll, 0x90: appendAll, 's': setItem, 'u': setItems,
}

func newList(m *machine) error { return m.pushNew(&List{}, containerCost) }

func mark(m *machine) error {
	m.marks = append(m.marks, len(m.stack))
	return m.charge(8)
}

// build makes one value of everything since the last mark.
func (m *machine) build(make func(items []any) any) error {
	items, err := m.take()
	if err != nil {
		return err
	}
	return m.push(make(items))
}

func listOf(m *machine) error { return m.build(func(items []any) any { return &List{Items: items} }) }

func dictOf(m *machine) error {
	items, err := m.popMark()
	if err != nil {
		return err
	}
	d := &Dict{}
	if err := m.fill(d.Set, items); err != nil {
		return err
	}
	return m.pushNew(d, containerCost)
}

func tupleOf(n int) func(*machine) error {
	return func(m *machine) error {
		from := len(m.stack) - n
		if from < m.floor() {
			return errStack
		}
		t := &Tuple{append([]any(nil), m.stack[from:]...)}
		m.stack = m.stack[:from]
		return m.pushNew(t, containerCost+int64(n)*slotCost)
	}
}

// append adds to a list or to an object that stands for one.
func (m *machine) append(target any, items []any) error {
	switch c := target.(type) {
	case *List:
		before := len(c.Items)
		for _, item := range items {
			c.append(item, m.opt.KeepPlain)
		}
		return m.charge(int64(len(c.Items)-before) * slotCost)
	case Object:
		for _, item := range items {
			c.Append(item)
		}
		return m.charge(int64(len(items)) * slotCost)
	}
	return fmt.Errorf("malformed pickle: it appends to %T", target)
}

func appendOne(m *machine) error {
	item, err := m.pop()
	if err != nil {
		return err
	}
	target, err := m.top()
	if err != nil {
		return err
	}
	return m.append(target, []any{item})
}

func appendAll(m *machine) error {
	items, err := m.popMark()
	if err != nil {
		return err
	}
	target, err := m.top()
	if err != nil {
		return err
	}
	return m.append(target, items)
}

// fill sets alternating keys and values.
func (m *machine) fill(set func(key, value any), items []any) error {
	if len(items)%2 != 0 {
		return errors.New("malformed pickle: a dict with a key that has no value")
	}
	for i := 0; i < len(items); i += 2 {
		set(items[i], items[i+1])
	}
	return m.charge(int64(len(items)) * 2 * slotCost)
}

func setter(target any) (func(key, value any), error) {
	switch c := target.(type) {
	case *Dict:
		return c.Set, nil
	case Object:
		return c.SetItem, nil
	}
	return nil, fmt.Errorf("malformed pickle: it sets an item of %T", target)
}

func setItem(m *machine) error {
	key, value, err := m.pop2()
	if err != nil {
		return err
	}
	return m.setItems([]any{key, value})
}

func setItems(m *machine) error {
	items, err := m.popMark()
	if err != nil {
		return err
	}
	return m.setItems(items)
}

func (m *machine) setItems(items []any) error {
	target, err := m.top()
	if err != nil {
		return err
	}
	set, err := setter(target)
	if err != nil {
		return err
	}
	return m.fill(set, items)
}
