// SPDX-License-Identifier: MIT

package checkpoint

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"seer/checkpoint/pickle"
)

// Limits on what is looked at: containers can contain themselves, and one
// container can be entered by many ways.
const (
	maxTreeDepth = 128
	maxTensors   = 1 << 18
	maxPlain     = 1 << 16 // entries that are looked at for texts and notes
	maxTexts     = 256     // numbers and texts kept as metadata
	maxTextBytes = 256
	maxNotes     = 20
	longList     = 1000 // items of a list or dict that deserve a note
)

// tree collects the tensors of nested dicts, lists and objects under dotted names.
type tree struct {
	infos    []Info
	tensors  []*pickledTensor
	position map[string]int
	texts    map[string]string
	notes    []string
	// holding tells which containers have a tensor somewhere below them. The
	// others, be they large or without end, are not entered for tensors.
	holding map[any]bool
	open    map[any]bool // the containers around the one that is walked
	plain   int          // entries without tensors seen so far
}

// flatten walks an unpickled object. The names of nested containers are joined
// with dots, as state_dict itself does.
func flatten(root any) (*tree, error) {
	t := &tree{position: map[string]int{}, texts: map[string]string{}, holding: map[any]bool{}, open: map[any]bool{}}
	if err := t.walk("", root, 0); err != nil {
		return nil, err
	}
	if len(t.infos) > 0 {
		return t, nil
	}
	if o, ok := root.(*object); ok {
		return nil, fmt.Errorf("holds a Python object of class %s and no tensors: "+
			"in Python, save model.state_dict() instead of the model", o.class)
	}
	return nil, errors.New("holds no tensors; a state dict is needed")
}

// module attributes that hold the tensors of a torch.nn.Module and its parts. Their
// entries have the names that state_dict gives them.
var moduleAttributes = map[string]bool{"_parameters": true, "_buffers": true, "_modules": true}

func (o *object) isModule() bool {
	for _, a := range o.attributes() {
		if name, ok := a.Key.(string); ok && moduleAttributes[name] {
			return true
		}
	}
	return false
}

// children are the entries of a container, nil for anything else.
func children(value any) []pickle.Entry {
	switch v := value.(type) {
	case *pickle.Dict:
		return v.Entries
	case *pickle.List:
		return numbered(v.Items)
	case *pickle.Tuple:
		return numbered(v.Items)
	case *object:
		if !v.isModule() {
			return append(append(numbered(v.list.Items), v.dict.Entries...), v.attributes()...)
		}
		var all []pickle.Entry
		for _, a := range v.attributes() {
			if name, ok := a.Key.(string); ok && moduleAttributes[name] {
				all = append(all, children(a.Value)...)
			}
		}
		return all
	}
	return nil
}

// numbered gives the items of a list their positions as keys. Plain items, like an
// optimizer's betas, say nothing about weights.
func numbered(items []any) []pickle.Entry {
	var entries []pickle.Entry
	for i, item := range items {
		switch item.(type) {
		case *pickledTensor, *pickle.Dict, *pickle.List, *pickle.Tuple, *object:
			entries = append(entries, pickle.Entry{Key: int64(i), Value: item})
		}
	}
	return entries
}

// holds tells whether there is a tensor in value. Each container is searched once.
func (t *tree) holds(value any, depth int) bool {
	if _, ok := value.(*pickledTensor); ok {
		return true
	}
	switch value.(type) {
	case *pickle.Dict, *pickle.List, *pickle.Tuple, *object:
	default:
		return false
	}
	if found, known := t.holding[value]; known || depth > maxTreeDepth {
		return found
	}
	t.holding[value] = false // where it contains itself, that way leads nowhere
	found := false
	for _, c := range children(value) {
		found = t.holds(c.Value, depth+1) || found
	}
	t.holding[value] = found
	return found
}

func (t *tree) walk(name string, value any, depth int) error {
	if p, ok := value.(*pickledTensor); ok {
		return t.add(name, p)
	}
	if !t.holds(value, depth) {
		t.leaveOut(name, value, depth)
		return nil
	}
	if t.open[value] || depth > maxTreeDepth {
		t.note("%s: it contains itself", name)
		return nil
	}
	t.open[value] = true
	defer delete(t.open, value)
	for _, c := range children(value) {
		key, ok := t.join(name, c.Key)
		if !ok {
			continue
		}
		if err := t.walk(key, c.Value, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// join is the dotted name of an entry.
func (t *tree) join(name string, key any) (string, bool) {
	var last string
	switch k := key.(type) {
	case string:
		last = k
	case []byte: // a Python 2 text, or a bytes key
		last = string(k)
	case int64: // optimizer state is keyed by parameter number
		last = strconv.FormatInt(k, 10)
	default:
		t.note("%s: entry with a key of type %s", name, describe(key))
		return "", false
	}
	if name != "" {
		last = name + "." + last
	}
	return last, true
}

// leaveOut keeps the numbers and texts of what holds no tensor, and notes the rest.
func (t *tree) leaveOut(name string, value any, depth int) {
	if t.plain++; t.plain > maxPlain || depth > maxTreeDepth {
		return
	}
	switch v := value.(type) {
	case int64, float64, bool, string:
		t.text(name, v)
	case *object:
		t.leaveOutObject(name, v, depth)
	case *pickle.Dict:
		if n := len(v.Entries); n > longList {
			t.note("%s: dict of %d entries", name, n)
			return
		}
		t.leaveOutEntries(name, v.Entries, depth)
	case *pickle.List:
		if n := int64(len(v.Items)) + v.Plain; n > longList {
			t.note("%s: list of %d items", name, n)
		}
		t.leaveOutEntries(name, numbered(v.Items), depth)
	case *pickle.Tuple:
		t.leaveOutEntries(name, numbered(v.Items), depth)
	case pickle.Skipped, *storage:
		t.note("%s: %s", name, describe(v))
	}
}

func (t *tree) leaveOutEntries(name string, entries []pickle.Entry, depth int) {
	for _, e := range entries {
		if key, ok := t.join(name, e.Key); ok {
			t.leaveOut(key, e.Value, depth+1)
		}
	}
}

// leaveOutObject notes an object, and keeps the texts of what only groups them,
// like argparse's Namespace. Layers without parameters go without saying.
func (t *tree) leaveOutObject(name string, o *object, depth int) {
	switch {
	case o.isModule(), o.class == "torch.device", o.class == "torch.layout":
		return
	case len(o.dict.Entries) == 0:
		t.note("%s: %s", name, describe(o))
	}
	t.leaveOutEntries(name, o.dict.Entries, depth)
	for _, a := range o.attributes() {
		key, ok := a.Key.(string)
		if _, isObject := a.Value.(*object); ok && !isObject && name != "" {
			t.text(name+"."+key, a.Value)
		}
	}
}

// describe says what a value is, for a note.
func describe(value any) string {
	switch v := value.(type) {
	case *object:
		if !strings.Contains(v.class, ".") {
			return v.class // one of our own descriptions
		}
		return "object of class " + v.class
	case pickle.Skipped:
		return fmt.Sprintf("%s of %d bytes", v.Kind, v.Bytes)
	case *storage:
		return "storage of " + v.class
	case *pickle.Tuple:
		return "tuple"
	case *pickle.List:
		return "list"
	case *pickle.Dict:
		return "dict"
	case string:
		return "text"
	case int64, pickle.Long:
		return "integer"
	case nil:
		return "None"
	}
	return fmt.Sprintf("%T", value)
}

// add checks a tensor's geometry, so that reading it needs no more checks.
func (t *tree) add(name string, p *pickledTensor) error {
	if name == "" {
		name = "tensor" // torch.save of a bare tensor
	}
	if p.dtype == "" || p.dtype != p.storage.dtype && !slices.Contains(writable, p.dtype) {
		t.note("%s: tensor of %s, a kind that is not supported", name, p.storage.class)
		return nil
	}
	info := Info{Name: name, DType: p.dtype, Shape: p.shape}
	if err := p.check(info); err != nil {
		return fmt.Errorf("tensor %q: %w", name, err)
	}
	if i, twice := t.position[name]; twice { // as in Python, the later entry wins
		t.infos[i], t.tensors[i] = info, p
		return nil
	}
	if len(t.infos) == maxTensors {
		return fmt.Errorf("has more than %d tensors: its containers contain each other", maxTensors)
	}
	t.position[name] = len(t.infos)
	t.infos, t.tensors = append(t.infos, info), append(t.tensors, p)
	return nil
}

// text keeps a number or a short text as metadata.
func (t *tree) text(name string, value any) {
	switch value.(type) {
	case int64, float64, bool, string:
	default:
		return
	}
	text := fmt.Sprint(value)
	if len(text) > maxTextBytes || len(t.texts) >= maxTexts || name == "" {
		return
	}
	t.texts[name] = text
}

func (t *tree) note(format string, args ...any) {
	switch {
	case len(t.notes) < maxNotes:
		t.notes = append(t.notes, "left out "+fmt.Sprintf(format, args...))
	case len(t.notes) == maxNotes:
		t.notes = append(t.notes, "left out more")
	}
}
