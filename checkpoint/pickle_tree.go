// SPDX-License-Identifier: MIT

package checkpoint

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"

	"github.com/nlpodyssey/gopickle/types"
)

// Limits on what a pickle may hold: containers can contain themselves, and one
// container can be entered by many ways.
const (
	maxTreeDepth = 64
	maxTreeNodes = 1 << 20
	maxTexts     = 256 // numbers and texts kept as metadata
	maxTextBytes = 256
	maxNotes     = 20
)

// tree collects the tensors of nested dicts and lists under dotted names.
type tree struct {
	infos    []Info
	tensors  []*pickledTensor
	position map[string]int
	texts    map[string]string
	notes    []string
	nodes    int
}

// flatten walks an unpickled object. The names of nested containers are joined
// with dots, as state_dict itself does.
func flatten(root any) (*tree, error) {
	t := &tree{position: map[string]int{}, texts: map[string]string{}}
	if o, ok := root.(*opaque); ok && len(o.entries) == 0 {
		return nil, fmt.Errorf("holds a Python object of class %s, not a state dict: "+
			"in Python, save model.state_dict() instead of the model", o.class)
	}
	if err := t.walk("", root, 0); err != nil {
		return nil, err
	}
	if len(t.infos) == 0 {
		return nil, errors.New("holds no tensors; a state dict is needed")
	}
	return t, nil
}

func (t *tree) walk(name string, value any, depth int) error {
	if t.nodes++; t.nodes > maxTreeNodes || depth > maxTreeDepth {
		return fmt.Errorf("is nested deeper than %d, or has more than %d entries: it contains itself?", maxTreeDepth, maxTreeNodes)
	}
	switch v := value.(type) {
	case *pickledTensor:
		return t.add(name, v)
	case *types.OrderedDict:
		for e := v.List.Front(); e != nil; e = e.Next() {
			entry := e.Value.(*types.OrderedDictEntry)
			if err := t.entry(name, entry.Key, entry.Value, depth); err != nil {
				return err
			}
		}
	case *types.Dict:
		return t.dict(name, *v, depth)
	case *types.List:
		return t.list(name, *v, depth)
	case *types.Tuple:
		return t.list(name, *v, depth)
	case *opaque:
		if len(v.entries) == 0 {
			t.note("%s: object of class %s", name, v.class)
		}
		return t.dict(name, v.entries, depth)
	default:
		t.text(name, v)
	}
	return nil
}

func (t *tree) dict(name string, entries types.Dict, depth int) error {
	for _, e := range entries {
		if err := t.entry(name, e.Key, e.Value, depth); err != nil {
			return err
		}
	}
	return nil
}

func (t *tree) list(name string, items []any, depth int) error {
	for i, item := range items {
		switch item.(type) {
		case int, float64, bool, string, nil: // lists of numbers, like an optimizer's betas, say nothing about weights
			continue
		}
		if err := t.entry(name, i, item, depth); err != nil {
			return err
		}
	}
	return nil
}

func (t *tree) entry(name string, key, value any, depth int) error {
	var last string
	switch k := key.(type) {
	case string:
		last = k
	case int: // optimizer state is keyed by parameter number
		last = strconv.Itoa(k)
	default:
		t.note("%s: entry with a key of type %T", name, key)
		return nil
	}
	if name != "" {
		last = name + "." + last
	}
	return t.walk(last, value, depth+1)
}

// add checks a tensor's geometry, so that reading it needs no more checks.
func (t *tree) add(name string, p *pickledTensor) error {
	if name == "" {
		name = "tensor" // torch.save of a bare tensor
	}
	if p.dtype == "" {
		t.note("%s: tensor of %s, a type that is not supported", name, p.storage.class)
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
	t.position[name] = len(t.infos)
	t.infos, t.tensors = append(t.infos, info), append(t.tensors, p)
	return nil
}

func (t *tree) text(name string, value any) {
	switch value.(type) {
	case int, float64, bool, string:
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

// check proves that every element lies inside the storage and that the tensor is
// no larger than it, so that memory is bounded by the file.
func (p *pickledTensor) check(info Info) error {
	if err := info.check(); err != nil {
		return err
	}
	if len(p.shape) != len(p.stride) || p.offset < 0 || p.dtype != p.storage.dtype {
		return fmt.Errorf("shape %v, stride %v, offset %d, %s in a storage of %s", p.shape, p.stride, p.offset, p.dtype, p.storage.dtype)
	}
	n := info.Elements()
	if n == 0 {
		return nil
	}
	if n > p.storage.elements {
		return fmt.Errorf("shape %v is expanded from a storage of %d elements: save a contiguous copy", p.shape, p.storage.elements)
	}
	last, err := p.lastElement()
	if err != nil {
		return err
	}
	if last >= p.storage.elements {
		return fmt.Errorf("shape %v at offset %d reaches element %d of a storage of %d", p.shape, p.offset, last, p.storage.elements)
	}
	return nil
}

// lastElement is the position of the last element in the storage.
func (p *pickledTensor) lastElement() (int64, error) {
	last := p.offset
	for i, d := range p.shape {
		s := p.stride[i]
		if d == 1 {
			continue // its stride is never used, and may be anything
		}
		if s < 0 || s > (math.MaxInt64-last)/(d-1) {
			return 0, fmt.Errorf("stride %v does not fit shape %v", p.stride, p.shape)
		}
		last += s * (d - 1)
	}
	return last, nil
}

// contiguous tells whether the elements lie in row-major order without gaps.
func (p *pickledTensor) contiguous() bool {
	expected := int64(1)
	for i, d := range slices.Backward(p.shape) {
		if d != 1 && p.stride[i] != expected {
			return false
		}
		expected *= d
	}
	return true
}

// gather copies the elements from their places in source into row-major order;
// source begins at the tensor's first element. Networks saved in channels-last
// layout need it.
func (p *pickledTensor) gather(dst, source []byte) {
	size := int(p.dtype.Size())
	index := make([]int64, len(p.shape))
	at := int64(0)
	for out := 0; out < len(dst); out += size {
		copy(dst[out:out+size], source[at*int64(size):])
		for i := len(index) - 1; i >= 0; i-- {
			index[i]++
			at += p.stride[i]
			if index[i] < p.shape[i] {
				break
			}
			at -= p.stride[i] * p.shape[i]
			index[i] = 0
		}
	}
}
