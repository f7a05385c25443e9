// SPDX-License-Identifier: MIT

package checkpoint

import (
	"fmt"
	"math"
	"slices"

	"seer/checkpoint/pickle"
)

// storageType stands for a class such as torch.FloatStorage. An empty dtype is
// one that cannot be read, like a quantised one.
type storageType struct {
	class string
	dtype DType
	size  int64 // bytes of an element, 0 where not even that is known
}

// storage is a block of elements that tensors are views of. PyTorch refers to it
// by key and keeps its bytes outside the pickle.
type storage struct {
	storageType
	key      string
	elements int64
	start    int64 // where it begins in the block of the key: views of before PyTorch 0.4
	whole    bool  // it is all of that block
}

// pickledTensor is a strided view of a storage; all numbers count elements.
type pickledTensor struct {
	storage       *storage
	dtype         DType
	offset        int64
	shape, stride []int64
}

// storages hands out one storage for each key that a pickle refers to.
type storages map[string]*storage

// load answers ("storage", class, key, location, elements[, view]).
func (s storages) load(id any) (any, error) {
	tuple, ok := id.(*pickle.Tuple)
	if !ok || len(tuple.Items) < 2 {
		return nil, fmt.Errorf("reference %T; a tuple is needed", id)
	}
	items := tuple.Items
	if items[0] == "module" { // legacy files wrap classes with their source code
		return items[1], nil
	}
	if len(items) < 5 || items[0] != "storage" {
		return nil, fmt.Errorf("reference of %d parts to %.40v; a storage is needed", len(items), items[0])
	}
	class, classOK := items[1].(storageType)
	key, keyOK := items[2].(string)
	elements, elementsOK := items[4].(int64)
	if !classOK || !keyOK || !elementsOK || elements < 0 {
		return nil, fmt.Errorf("storage with class %T, key %T, size %T", items[1], items[2], items[4])
	}
	made, ok := s[key]
	if !ok {
		made = &storage{storageType: class, key: key, elements: elements, whole: true}
		s[key] = made
	}
	if made.storageType != class || made.elements != elements {
		return nil, fmt.Errorf("storage %q is described twice, differently", key)
	}
	if len(items) > 5 && items[5] != nil {
		return made.view(items[5])
	}
	return made, nil
}

// view is a part of a storage: (key, offset, elements).
func (s *storage) view(metadata any) (*storage, error) {
	items := itemsOf(metadata)
	if len(items) == 3 {
		offset, ok := items[1].(int64)
		elements, ok2 := items[2].(int64)
		if ok && ok2 && offset >= 0 && elements >= 0 && offset <= s.elements && elements <= s.elements-offset {
			return &storage{storageType: s.storageType, key: s.key, elements: elements, start: offset}, nil
		}
	}
	return nil, fmt.Errorf("storage %q has a view that does not lie in its %d elements", s.key, s.elements)
}

// rebuildTensor: (storage, offset, size, stride, …). Later arguments are
// requires_grad and hooks.
func rebuildTensor(args []any) (*pickledTensor, error) {
	if len(args) < 4 {
		return nil, fmt.Errorf("tensor with %d arguments; at least 4 are needed", len(args))
	}
	s, ok := args[0].(*storage)
	offset, offsetOK := args[1].(int64)
	if !ok || !offsetOK {
		return nil, fmt.Errorf("tensor of %T at %T; a storage and an integer are needed", args[0], args[1])
	}
	shape, err := integers(args[2])
	if err != nil {
		return nil, fmt.Errorf("shape of a tensor: %w", err)
	}
	stride, err := integers(args[3])
	if err != nil {
		return nil, fmt.Errorf("stride of a tensor: %w", err)
	}
	t := &pickledTensor{s, s.dtype, offset, shape, stride}
	if lazy(args, 6) {
		t.dtype = ""
	}
	return t, nil
}

// lazy tells a view whose values are the negated or conjugated ones of its storage.
func lazy(args []any, at int) bool {
	if len(args) <= at {
		return false
	}
	metadata, ok := args[at].(*pickle.Dict)
	if !ok {
		return false
	}
	neg, _ := metadata.Get("neg")
	conj, _ := metadata.Get("conj")
	return neg == any(true) || conj == any(true)
}

// rebuildTensorV3 adds the dtype as argument 6 and counts the storage in bytes.
func rebuildTensorV3(args []any) (*pickledTensor, error) {
	t, err := rebuildTensor(args)
	if err != nil {
		return nil, err
	}
	t.dtype = "" // unless it is one of ours
	if len(args) > 6 && !lazy(args, 7) {
		t.dtype, _ = args[6].(DType)
	}
	if size := t.dtype.Size(); size > 0 && t.storage.dtype == U8 && t.dtype != U8 {
		copied := *t.storage
		copied.dtype, copied.elements = t.dtype, copied.elements/size
		copied.whole = copied.whole && t.storage.elements%size == 0
		t.storage = &copied
	}
	return t, nil
}

func firstArgument(args []any) (any, error) {
	if len(args) == 0 {
		return nil, fmt.Errorf("call without arguments; one is needed")
	}
	return args[0], nil
}

// rebuildFromType: (function, type, arguments, state), for subclasses of Tensor
// and tensors with attributes.
func rebuildFromType(args []any) (any, error) {
	if len(args) < 3 {
		return nil, fmt.Errorf("tensor subclass with %d arguments; at least 3 are needed", len(args))
	}
	inner, ok := args[2].(*pickle.Tuple)
	if !ok {
		return nil, fmt.Errorf("tensor subclass with arguments %T; a tuple is needed", args[2])
	}
	switch f := args[0].(type) {
	case tensorFunction:
		return f(inner.Items)
	case *object:
		return f.Call(nil)
	default:
		return nil, fmt.Errorf("tensor subclass made by %T; a function is needed", args[0])
	}
}

func integers(v any) ([]int64, error) {
	tuple, ok := v.(*pickle.Tuple)
	if !ok {
		return nil, fmt.Errorf("%T; a tuple of integers is needed", v)
	}
	values := make([]int64, len(tuple.Items))
	for i, item := range tuple.Items {
		if values[i], ok = item.(int64); !ok {
			return nil, fmt.Errorf("holds %T; integers are needed", item)
		}
	}
	return values, nil
}

// check proves that every element lies inside the storage. The tensor may be
// larger than that: an expanded one repeats elements.
func (p *pickledTensor) check(info Info) error {
	if err := info.check(); err != nil {
		return err
	}
	if len(p.shape) != len(p.stride) || p.offset < 0 || p.dtype != p.storage.dtype {
		return fmt.Errorf("shape %v, stride %v, offset %d, %s in a storage of %s", p.shape, p.stride, p.offset, p.dtype, p.storage.dtype)
	}
	if info.Elements() == 0 {
		return nil
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

// blob reads part of a storage's bytes; whole says that dst is all of it.
type blob func(key string, dst []byte, offset int64, whole bool) error

// pickledTensors are the tensors of one file.
type pickledTensors struct {
	list []*pickledTensor
	read blob
}

func (t pickledTensors) scattered(i int) bool { return !t.list[i].contiguous() }

func (t pickledTensors) stored(i int) int64 {
	p := t.list[i]
	return p.storage.elements * p.dtype.Size()
}

func (t pickledTensors) readAt(i int, dst []byte, offset int64) error {
	p := t.list[i]
	size := p.dtype.Size()
	from := (p.storage.start+p.offset)*size + offset
	all := t.stored(i)
	if p.contiguous() {
		return t.read(p.storage.key, dst, from, p.storage.whole && int64(len(dst)) == all)
	}
	last, err := p.lastElement()
	if err != nil {
		return err
	}
	source := make([]byte, (last-p.offset+1)*size)
	if err := t.read(p.storage.key, source, from, p.storage.whole && int64(len(source)) == all); err != nil {
		return err
	}
	p.gather(dst, source)
	return nil
}
