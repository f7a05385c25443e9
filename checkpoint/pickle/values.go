// SPDX-License-Identifier: MIT

package pickle

// What a pickle's values become: None is nil, numbers are bool, int64, float64
// or [Long], texts are string, byte strings []byte; containers and the rest are
// the types below. Containers are shared, not copied, where the pickle shares
// them, and may contain themselves.

// Long is an integer beyond int64: two's complement, little endian.
type Long []byte

// Skipped stands for a text, byte string or integer that is too long to keep.
type Skipped struct {
	Kind  string // "text", "bytes" or "integer"
	Bytes uint64
}

// Tuple is a Python tuple.
type Tuple struct{ Items []any }

// List is a Python list, or a set or frozenset, whose order means nothing.
type List struct {
	Items []any
	// Plain counts the None, numbers, texts and byte strings that were appended
	// after the first few and not kept: a list of a million paths is no weight.
	Plain int64
}

// Dict is a Python dict: its entries as they were set, of which a later one
// replaces an earlier one of the same key.
type Dict struct{ Entries []Entry }

// Entry is a key and its value.
type Entry struct{ Key, Value any }

// Set adds an entry.
func (d *Dict) Set(key, value any) { d.Entries = append(d.Entries, Entry{key, value}) }

// Get finds the newest value of a text as key.
func (d *Dict) Get(key string) (any, bool) {
	for i := len(d.Entries) - 1; i >= 0; i-- {
		if d.Entries[i].Key == any(key) {
			return d.Entries[i].Value, true
		}
	}
	return nil, false
}

// Callable is what a Python name may stand for: a class or a function.
type Callable interface {
	Call(args []any) (any, error)
}

// Object is what a caller's own values implement to take part in a pickle. What
// does not implement it cannot be changed by one.
type Object interface {
	SetState(state any)
	SetItem(key, value any)
	Append(item any)
}

// keptPlain is how many items a list has before it only counts plain ones.
const keptPlain = 64

// Append adds an item, or counts a plain one.
func (l *List) Append(item any) { l.append(item, false) }

func (l *List) append(item any, keep bool) {
	if !keep && len(l.Items) >= keptPlain && plain(item) {
		l.Plain++
		return
	}
	l.Items = append(l.Items, item)
}

func plain(item any) bool {
	switch item.(type) {
	case nil, bool, int64, float64, string, []byte, Long, Skipped:
		return true
	}
	return false
}
