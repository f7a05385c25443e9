// SPDX-License-Identifier: MIT

package pickle

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
)

// ReadOptions are a caller's part in a pickle.
type ReadOptions struct {
	// Name answers a reference to a Python class or function. It must not be nil.
	Name func(module, name string) (any, error)
	// Persistent answers a reference to something that lies outside the pickle;
	// nil refuses them.
	Persistent func(id any) (any, error)
	// KeepPlain keeps every item of every list, however plain.
	KeepPlain bool
	// Memory bounds, roughly, what the values take in bytes; 0 means a gigabyte, which
	// no file of weights comes near.
	Memory int64
}

const (
	defaultMemory = 1 << 30
	// maxKept is the longest text or byte string that is kept.
	maxKept = 64 << 10
	// maxLine is the longest line of protocol 0's numbers and names.
	maxLine = 64 << 10
)

// Rough costs in bytes, from the size of Go's values.
const (
	slotCost      = 16 // an interface value in a slice
	containerCost = 64
)

// ErrShort says that the bytes end before the pickle does.
var ErrShort = errors.New("pickle ends early")

// Decode reads one pickle and returns its value and its length in bytes. It may
// read ahead.
func Decode(r io.Reader, opt ReadOptions) (value any, length int64, err error) {
	m := &machine{r: bufio.NewReaderSize(r, 64<<10), opt: opt}
	m.opt.Memory = cmp.Or(opt.Memory, defaultMemory)
	for !m.stopped {
		if err := m.step(); err != nil {
			return nil, m.at, err
		}
	}
	value, err = m.pop()
	return value, m.at, err
}

// machine is the stack machine that a pickle is a program for.
type machine struct {
	r       *bufio.Reader
	at      int64 // bytes read
	opt     ReadOptions
	stack   []any
	marks   []int // heights of the stack at which a container was begun
	memo    []any
	far     map[uint64]any // memo entries out of order
	memory  int64
	stopped bool
}

// step runs one opcode.
func (m *machine) step() error {
	opcode, err := m.byte()
	if err != nil {
		return err
	}
	run := opcodes[opcode]
	if run == nil {
		return fmt.Errorf("pickle has opcode 0x%02x, which no file of weights needs", opcode)
	}
	return run(m)
}

// charge counts memory before it is used.
func (m *machine) charge(bytes int64) error {
	if m.memory += bytes; m.memory > m.opt.Memory {
		return fmt.Errorf("holds Python objects of more than %d MB beside its tensors: in Python, save the state dict alone", m.opt.Memory>>20)
	}
	return nil
}

func (m *machine) push(value any) error {
	m.stack = append(m.stack, value)
	if grown := int64(len(m.stack)) * slotCost; grown > m.opt.Memory {
		return fmt.Errorf("pickle has more than %d unfinished values", len(m.stack))
	}
	return nil
}

// pushNew pushes a value that takes memory of its own.
func (m *machine) pushNew(value any, bytes int64) error {
	if err := m.charge(bytes); err != nil {
		return err
	}
	return m.push(value)
}

// floor is the height below which the stack belongs to an outer container.
func (m *machine) floor() int {
	if len(m.marks) == 0 {
		return 0
	}
	return m.marks[len(m.marks)-1]
}

var errStack = errors.New("malformed pickle: it takes more values than it has")

func (m *machine) pop() (any, error) {
	last := len(m.stack) - 1
	if last < m.floor() {
		return nil, errStack
	}
	value := m.stack[last]
	m.stack[last] = nil
	m.stack = m.stack[:last]
	return value, nil
}

// pop2 returns the two topmost values, the deeper one first.
func (m *machine) pop2() (below, top any, err error) {
	if top, err = m.pop(); err != nil {
		return nil, nil, err
	}
	below, err = m.pop()
	return below, top, err
}

// top is the topmost value, which stays.
func (m *machine) top() (any, error) {
	if len(m.stack) <= m.floor() {
		return nil, errStack
	}
	return m.stack[len(m.stack)-1], nil
}

// popMark removes and returns what was pushed since the last mark. The values lie
// in the stack's own memory, until the next push.
func (m *machine) popMark() ([]any, error) {
	if len(m.marks) == 0 {
		return nil, errors.New("malformed pickle: it ends a container that it did not begin")
	}
	from := m.floor()
	m.marks = m.marks[:len(m.marks)-1]
	items := m.stack[from:]
	m.stack = m.stack[:from]
	return items, nil
}

// take is popMark with memory of its own.
func (m *machine) take() ([]any, error) {
	items, err := m.popMark()
	if err != nil {
		return nil, err
	}
	return append([]any(nil), items...), m.charge(containerCost + int64(len(items))*slotCost)
}

// remember puts the topmost value into the memo. Picklers count from 0, and those
// of Python 2 from 1.
func (m *machine) remember(index uint64) error {
	value, err := m.top()
	if err != nil {
		return err
	}
	switch n := uint64(len(m.memo)); {
	case index < n:
		m.memo[index] = value
		return nil
	case index == n:
		m.memo = append(m.memo, value)
		return m.charge(slotCost)
	}
	if m.far == nil {
		m.far = map[uint64]any{}
	}
	m.far[index] = value
	return m.charge(containerCost)
}

func (m *machine) recall(index uint64) error {
	if index < uint64(len(m.memo)) {
		return m.push(m.memo[index])
	}
	value, ok := m.far[index]
	if !ok {
		return fmt.Errorf("malformed pickle: it repeats value %d, which it did not store", index)
	}
	return m.push(value)
}
