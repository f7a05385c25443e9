// SPDX-License-Identifier: MIT

package pickle

import (
	"errors"
	"fmt"
	"strconv"
)

// objects refer to Python names, and make and fill objects.
var objects = map[byte]func(*machine) error{
	'c': global, 0x93: stackGlobal, 'Q': persistent,
	'R': reduce, 0x81: reduce, 0x92: newObjectEx, 'o': object, 'i': instance, 'b': state,
}

func (m *machine) name(module, name string) error {
	value, err := m.opt.Name(module, name)
	if err != nil {
		return err
	}
	return m.pushNew(value, containerCost)
}

// lines reads the two lines of a name.
func (m *machine) lines() (module, name string, err error) {
	if module, err = m.line(); err != nil {
		return "", "", err
	}
	name, err = m.line()
	return module, name, err
}

func global(m *machine) error {
	module, name, err := m.lines()
	if err != nil {
		return err
	}
	return m.name(module, name)
}

func stackGlobal(m *machine) error {
	module, name, err := m.pop2()
	if err != nil {
		return err
	}
	moduleText, ok := module.(string)
	nameText, ok2 := name.(string)
	if !ok || !ok2 {
		return fmt.Errorf("malformed pickle: a name of %T and %T", module, name)
	}
	return m.name(moduleText, nameText)
}

func persistent(m *machine) error {
	id, err := m.pop()
	if err != nil {
		return err
	}
	if m.opt.Persistent == nil {
		return errors.New("pickle refers to something outside of it")
	}
	value, err := m.opt.Persistent(id)
	if err != nil {
		return err
	}
	return m.pushNew(value, containerCost)
}

// call lets a callable make a value.
func (m *machine) call(callable any, args []any) error {
	c, ok := callable.(Callable)
	if !ok {
		return fmt.Errorf("malformed pickle: it calls %T", callable)
	}
	value, err := c.Call(args)
	if err != nil {
		return err
	}
	return m.pushNew(value, containerCost)
}

// reduce calls a function, or a class: to those who execute nothing the two are
// the same.
func reduce(m *machine) error {
	callable, args, err := m.pop2()
	if err != nil {
		return err
	}
	tuple, ok := args.(*Tuple)
	if !ok {
		return fmt.Errorf("malformed pickle: a call with arguments %T", args)
	}
	return m.call(callable, tuple.Items)
}

// newObjectEx has a dict of named arguments, which no class here looks at.
func newObjectEx(m *machine) error {
	if _, err := m.pop(); err != nil {
		return err
	}
	return reduce(m)
}

// object finds its class below its arguments, above the mark.
func object(m *machine) error {
	items, err := m.take()
	if err != nil {
		return err
	}
	if len(items) == 0 {
		return errStack
	}
	return m.call(items[0], items[1:])
}

func instance(m *machine) error {
	module, name, err := m.lines()
	if err != nil {
		return err
	}
	class, err := m.opt.Name(module, name)
	if err != nil {
		return err
	}
	args, err := m.take()
	if err != nil {
		return err
	}
	return m.call(class, args)
}

// state gives an object its attributes. What has none, such as a dict with
// attributes of its own, ignores them.
func state(m *machine) error {
	value, err := m.pop()
	if err != nil {
		return err
	}
	target, err := m.top()
	if err != nil {
		return err
	}
	if o, ok := target.(Object); ok {
		o.SetState(value)
	}
	return nil
}

// bookkeeping serves the machine itself.
var bookkeeping = map[byte]func(*machine) error{
	'.': func(m *machine) error { m.stopped = true; return nil },
	'0': popOne, '1': popMarked, '2': duplicate,
	0x80: protocol, 0x95: frame,
	'p': putLine, 'q': put(1), 'r': put(4), 0x94: memoize,
	'g': getLine, 'h': get(1), 'j': get(4),
}

// popOne drops a mark where one is topmost, as Python does.
func popOne(m *machine) error {
	if len(m.marks) > 0 && len(m.stack) == m.floor() {
		return popMarked(m)
	}
	_, err := m.pop()
	return err
}

func popMarked(m *machine) error {
	_, err := m.popMark()
	return err
}

func duplicate(m *machine) error {
	value, err := m.top()
	if err != nil {
		return err
	}
	return m.push(value)
}

func protocol(m *machine) error {
	version, err := m.byte()
	if err == nil && version > 5 {
		err = fmt.Errorf("pickle of protocol %d; known are 0 to 5", version)
	}
	return err
}

// frame announces the length of what follows, which is read as it comes.
func frame(m *machine) error {
	_, err := m.uint(8)
	return err
}

func (m *machine) indexLine() (uint64, error) {
	text, err := m.line()
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("malformed pickle: %.40q is no number of a stored value", text)
	}
	return n, nil
}

func putLine(m *machine) error {
	n, err := m.indexLine()
	if err != nil {
		return err
	}
	return m.remember(n)
}

func getLine(m *machine) error {
	n, err := m.indexLine()
	if err != nil {
		return err
	}
	return m.recall(n)
}

func put(width int) func(*machine) error {
	return func(m *machine) error {
		n, err := m.uint(width)
		if err != nil {
			return err
		}
		return m.remember(n)
	}
}

func get(width int) func(*machine) error {
	return func(m *machine) error {
		n, err := m.uint(width)
		if err != nil {
			return err
		}
		return m.recall(n)
	}
}

// memoize stores under the next free number.
func memoize(m *machine) error { return m.remember(uint64(len(m.memo) + len(m.far))) }
