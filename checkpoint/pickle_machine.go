// SPDX-License-Identifier: MIT

package checkpoint

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/nlpodyssey/gopickle/pickle"
	"github.com/nlpodyssey/gopickle/types"
)

// storageType stands for a class such as torch.FloatStorage. An empty dtype is
// one that cannot be read, like a quantised or complex one.
type storageType struct {
	class string
	dtype DType
}

// storage is a block of elements that tensors are views of. PyTorch refers to it
// by key and keeps its bytes outside the pickle.
type storage struct {
	storageType
	key      string
	elements int64
}

// pickledTensor is a strided view of a storage; all numbers count elements.
type pickledTensor struct {
	storage       *storage
	dtype         DType
	offset        int64
	shape, stride []int64
}

// opaque stands for every class that is not known here and for its objects. It
// takes part in the pickle's construction and does nothing, so that foreign
// objects cannot run code. Entries of a dict subclass are kept.
type opaque struct {
	class   string
	entries types.Dict
}

func (o *opaque) Call(...any) (any, error)    { return &opaque{class: o.class}, nil }
func (o *opaque) PyNew(...any) (any, error)   { return &opaque{class: o.class}, nil }
func (o *opaque) PySetState(any) error        { return nil }
func (o *opaque) Append(any)                  {}
func (o *opaque) Add(any)                     {}
func (o *opaque) Set(key, value any)          { o.entries.Set(key, value) }
func (o *opaque) PyDictSet(any, any) error    { return nil }
func (o *opaque) PySetAttr(string, any) error { return nil }

// function is a known Python callable.
type function func(args []any) (any, error)

func (f function) Call(args ...any) (any, error) { return f(args) }

// tensorFunction is one that makes a tensor from a storage. The type of its own
// keeps rebuildFromType from calling itself, as deep as a file likes.
type tensorFunction func(args []any) (*pickledTensor, error)

func (f tensorFunction) Call(args ...any) (any, error) { return f(args) }

// storageClasses maps torch's storage classes to types; torch.dtype objects have
// the same names in another spelling, see dtypeNames.
var storageClasses = map[string]DType{
	"torch.DoubleStorage": F64, "torch.FloatStorage": F32, "torch.HalfStorage": F16, "torch.BFloat16Storage": BF16,
	"torch.LongStorage": I64, "torch.IntStorage": I32, "torch.ShortStorage": I16, "torch.CharStorage": I8,
	"torch.ByteStorage": U8, "torch.BoolStorage": Bool, "torch.storage.UntypedStorage": U8,
}

var dtypeNames = map[string]DType{
	"torch.float64": F64, "torch.float32": F32, "torch.float16": F16, "torch.bfloat16": BF16,
	"torch.int64": I64, "torch.int32": I32, "torch.int16": I16, "torch.int8": I8,
	"torch.uint64": U64, "torch.uint32": U32, "torch.uint16": U16, "torch.uint8": U8, "torch.bool": Bool,
}

// findClass answers the pickle's references to Python names.
func findClass(module, name string) (any, error) {
	full := module + "." + name
	if dtype, ok := storageClasses[full]; ok {
		return storageType{full, dtype}, nil
	}
	if dtype, ok := dtypeNames[full]; ok {
		return dtype, nil
	}
	switch full {
	case "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor":
		return tensorFunction(rebuildTensor), nil
	case "torch._utils._rebuild_tensor_v3":
		return tensorFunction(rebuildTensorV3), nil
	case "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state":
		return function(firstArgument), nil // (data, requires_grad, hooks, …)
	case "torch._tensor._rebuild_from_type_v2":
		return function(rebuildFromType), nil
	case "torch.Size":
		return function(firstArgument), nil
	case "collections.defaultdict":
		return function(func([]any) (any, error) { return types.NewDict(), nil }), nil
	}
	if module == "torch" && strings.HasSuffix(name, "Storage") {
		return storageType{class: full}, nil
	}
	return &opaque{class: full}, nil
}

// rebuildTensor: (storage, offset, size, stride, …). Later arguments are
// requires_grad and hooks.
func rebuildTensor(args []any) (*pickledTensor, error) {
	if len(args) < 4 {
		return nil, fmt.Errorf("tensor with %d arguments; at least 4 are needed", len(args))
	}
	s, ok := args[0].(*storage)
	offset, offsetOK := args[1].(int)
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
	return &pickledTensor{s, s.dtype, int64(offset), shape, stride}, nil
}

// rebuildTensorV3 adds the dtype as argument 6 and counts the storage in bytes.
func rebuildTensorV3(args []any) (*pickledTensor, error) {
	t, err := rebuildTensor(args)
	if err != nil {
		return nil, err
	}
	t.dtype = "" // unless it is one of ours
	if len(args) > 6 {
		t.dtype, _ = args[6].(DType)
	}
	if size := t.dtype.Size(); size > 0 && t.storage.dtype == U8 && t.dtype != U8 {
		copied := *t.storage
		copied.dtype, copied.elements = t.dtype, copied.elements/size
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
	inner, ok := args[2].(*types.Tuple)
	if !ok {
		return nil, fmt.Errorf("tensor subclass with arguments %T; a tuple is needed", args[2])
	}
	switch f := args[0].(type) {
	case tensorFunction:
		return f(*inner)
	case *opaque:
		return f.Call()
	default:
		return nil, fmt.Errorf("tensor subclass made by %T; a function is needed", args[0])
	}
}

func integers(v any) ([]int64, error) {
	tuple, ok := v.(*types.Tuple)
	if !ok {
		return nil, fmt.Errorf("%T; a tuple of integers is needed", v)
	}
	values := make([]int64, tuple.Len())
	for i := range values {
		n, ok := tuple.Get(i).(int)
		if !ok {
			return nil, fmt.Errorf("holds %T; integers are needed", tuple.Get(i))
		}
		values[i] = int64(n)
	}
	return values, nil
}

// unpickle runs the machine over exactly one scanned pickle. The machine panics
// on some malformed input; here that becomes an error.
func unpickle(data []byte, persistent func(any) (any, error)) (value any, err error) {
	defer func() {
		if p := recover(); p != nil {
			value, err = nil, fmt.Errorf("malformed pickle: %v", p)
		}
	}()
	machine := pickle.NewUnpickler(bytes.NewReader(data))
	machine.FindClass = findClass
	machine.PersistentLoad = persistent
	value, err = machine.Load()
	if err != nil {
		// Its errors print whole objects.
		text := err.Error()
		return nil, fmt.Errorf("malformed pickle: %s", text[:min(len(text), 300)])
	}
	return value, nil
}

// storages hands out one storage for each key that a pickle refers to.
type storages map[string]*storage

// load answers ("storage", class, key, location, elements[, view]).
func (s storages) load(id any) (any, error) {
	tuple, ok := id.(*types.Tuple)
	if !ok || tuple.Len() < 2 {
		return nil, fmt.Errorf("reference %T; a tuple is needed", id)
	}
	if tuple.Get(0) == "module" { // legacy files wrap classes with their source code
		return tuple.Get(1), nil
	}
	if tuple.Len() < 5 || tuple.Get(0) != "storage" {
		return nil, fmt.Errorf("reference of %d parts to %v; a storage is needed", tuple.Len(), tuple.Get(0))
	}
	class, classOK := tuple.Get(1).(storageType)
	key, keyOK := tuple.Get(2).(string)
	elements, elementsOK := tuple.Get(4).(int)
	if !classOK || !keyOK || !elementsOK || elements < 0 {
		return nil, fmt.Errorf("storage with class %T, key %T, size %v", tuple.Get(1), tuple.Get(2), tuple.Get(4))
	}
	if tuple.Len() > 5 && tuple.Get(5) != nil {
		return nil, fmt.Errorf("storage %q is a view of another, as PyTorch before 0.4 wrote: save it again with a newer one", key)
	}
	if known, ok := s[key]; ok {
		if known.storageType != class || known.elements != int64(elements) {
			return nil, fmt.Errorf("storage %q is described twice, differently", key)
		}
		return known, nil
	}
	made := &storage{class, key, int64(elements)}
	s[key] = made
	return made, nil
}
