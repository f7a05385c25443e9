// SPDX-License-Identifier: MIT

package checkpoint

import (
	"encoding/binary"
	"fmt"
	"math"
	"strings"

	"seer/checkpoint/pickle"
)

// object stands for every class that is not known here and for its objects. It
// takes part in the pickle's construction and does nothing, so that foreign
// objects cannot run code. What they hold is kept: a model that was saved whole
// has its tensors in there.
type object struct {
	class string
	args  []any
	dict  pickle.Dict // of a subclass of dict
	list  pickle.List // of a subclass of list or set
	state any
}

func (o *object) Call(args []any) (any, error) { return &object{class: o.class, args: args}, nil }
func (o *object) SetState(state any)           { o.state = state }
func (o *object) SetItem(key, value any)       { o.dict.Set(key, value) }
func (o *object) Append(item any)              { o.list.Append(item) }

// attributes are the object's own, by name. Objects with slots have a second dict.
func (o *object) attributes() []pickle.Entry {
	switch s := o.state.(type) {
	case *pickle.Dict:
		return s.Entries
	case *pickle.Tuple:
		var all []pickle.Entry
		for _, item := range s.Items {
			if d, ok := item.(*pickle.Dict); ok {
				all = append(all, d.Entries...)
			}
		}
		return all
	}
	return nil
}

// function is a known Python callable.
type function func(args []any) (any, error)

func (f function) Call(args []any) (any, error) { return f(args) }

// tensorFunction is one that makes a tensor from a storage. The type of its own
// keeps rebuildFromType from calling itself, as deep as a file likes.
type tensorFunction func(args []any) (*pickledTensor, error)

func (f tensorFunction) Call(args []any) (any, error) { return f(args) }

// storageClasses maps torch's storage classes to types; torch.dtype objects have
// the same names in another spelling, see dtypeNames.
var storageClasses = map[string]DType{
	"DoubleStorage": F64, "FloatStorage": F32, "HalfStorage": F16, "BFloat16Storage": BF16,
	"LongStorage": I64, "IntStorage": I32, "ShortStorage": I16, "CharStorage": I8,
	"ByteStorage": U8, "BoolStorage": Bool, "UntypedStorage": U8,
	"ComplexFloatStorage": C64, "ComplexDoubleStorage": C128,
}

// quantised are storages whose numbers mean something only with a scale. Each
// element has this many bytes.
var quantised = map[string]int64{
	"QInt8Storage": 1, "QUInt8Storage": 1, "QInt32Storage": 4, "QUInt4x2Storage": 1, "QUInt2x4Storage": 1,
}

var dtypeNames = map[string]DType{
	"float64": F64, "float32": F32, "float16": F16, "bfloat16": BF16,
	"int64": I64, "int32": I32, "int16": I16, "int8": I8,
	"uint64": U64, "uint32": U32, "uint16": U16, "uint8": U8, "bool": Bool,
	"complex32": C32, "complex64": C64, "complex128": C128,
	"float8_e4m3fn": F8E4M3, "float8_e5m2": F8E5M2, "float8_e8m0fnu": F8E8M0,
	"float8_e4m3fnuz": F8E4M3FNUZ, "float8_e5m2fnuz": F8E5M2FNUZ,
}

// known are the Python names that mean something here; every other one becomes an
// inert object.
var known = map[string]any{
	"torch._utils._rebuild_tensor_v2":              tensorFunction(rebuildTensor),
	"torch._utils._rebuild_tensor":                 tensorFunction(rebuildTensor),
	"torch._utils._rebuild_tensor_v3":              tensorFunction(rebuildTensorV3),
	"torch._utils._rebuild_parameter":              function(firstArgument), // (data, requires_grad, hooks, …)
	"torch._utils._rebuild_parameter_with_state":   function(firstArgument),
	"torch._tensor._rebuild_from_type_v2":          function(rebuildFromType),
	"torch._tensor._rebuild_from_type":             function(rebuildFromType),
	"torch._utils._rebuild_qtensor":                &object{class: "quantised tensor"},
	"torch._utils._rebuild_sparse_tensor":          &object{class: "sparse tensor"},
	"torch._utils._rebuild_sparse_csr_tensor":      &object{class: "sparse tensor"},
	"torch._utils._rebuild_nested_tensor":          &object{class: "nested tensor"},
	"torch._utils._rebuild_meta_tensor_no_storage": &object{class: "tensor without data"},
	"torch._utils._rebuild_wrapper_subclass":       &object{class: "distributed tensor"},
	"torch.Size":                                   function(firstArgument),
	"collections.OrderedDict":                      function(newDict),
	"collections.defaultdict":                      function(func([]any) (any, error) { return &pickle.Dict{}, nil }),
	"collections.Counter":                          function(newDict),
	"builtins.dict":                                function(newDict),
	"builtins.set":                                 function(newList),
	"builtins.frozenset":                           function(newList),
	"builtins.list":                                function(newList),
	"copyreg._reconstructor":                       function(reconstruct),
	"_codecs.encode":                               function(encode),
	"numpy.core.multiarray._reconstruct":           &object{class: "numpy.ndarray"},
	"numpy._core.multiarray._reconstruct":          &object{class: "numpy.ndarray"},
	"numpy.core.multiarray.scalar":                 function(numpyScalar),
	"numpy._core.multiarray.scalar":                function(numpyScalar),
	"torch.serialization._get_layout":              &object{class: "torch.layout"},
}

// python3 are the modules that Python 2 has under other names.
var python3 = map[string]string{"__builtin__": "builtins", "copy_reg": "copyreg"}

// findName answers the pickle's references to Python names.
func findName(module, name string) (any, error) {
	if renamed, ok := python3[module]; ok {
		module = renamed
	}
	if value, ok := known[module+"."+name]; ok {
		return value, nil
	}
	switch module {
	case "torch":
		if dtype, ok := dtypeNames[name]; ok {
			return dtype, nil
		}
		fallthrough
	case "torch.cuda", "torch.storage":
		if strings.HasSuffix(name, "Storage") {
			return storageType{module + "." + name, storageClasses[name], elementBytes(name)}, nil
		}
	}
	return &object{class: module + "." + name}, nil
}

func elementBytes(class string) int64 {
	if dtype, ok := storageClasses[class]; ok {
		return dtype.Size()
	}
	return quantised[class]
}

// newDict makes a dict, of pairs where Python 2's OrderedDict gives them.
func newDict(args []any) (any, error) {
	d := &pickle.Dict{}
	if len(args) == 0 {
		return d, nil
	}
	if other, ok := args[0].(*pickle.Dict); ok {
		return &pickle.Dict{Entries: append(d.Entries, other.Entries...)}, nil
	}
	for _, item := range itemsOf(args[0]) {
		if pair := itemsOf(item); len(pair) == 2 {
			d.Set(pair[0], pair[1])
		}
	}
	return d, nil
}

func newList(args []any) (any, error) {
	l := &pickle.List{}
	if len(args) > 0 {
		if other, ok := args[0].(*pickle.List); ok {
			l.Items, l.Plain = append(l.Items, other.Items...), other.Plain
		}
	}
	return l, nil
}

func itemsOf(v any) []any {
	switch c := v.(type) {
	case *pickle.List:
		return c.Items
	case *pickle.Tuple:
		return c.Items
	}
	return nil
}

// reconstruct: (class, base, state), how protocols 0 and 1 make objects.
func reconstruct(args []any) (any, error) {
	if len(args) == 0 {
		return nil, fmt.Errorf("object without a class")
	}
	made := &object{class: fmt.Sprintf("%T", args[0])}
	if class, ok := args[0].(*object); ok {
		made.class = class.class
	}
	if len(args) > 2 {
		if d, ok := args[2].(*pickle.Dict); ok {
			made.dict = *d
		}
	}
	return made, nil
}

// encode makes the byte strings of protocol 2: a text of the code points 0 to 255,
// and "latin1".
func encode(args []any) (any, error) {
	if len(args) == 0 {
		return nil, fmt.Errorf("byte string without a text")
	}
	switch t := args[0].(type) {
	case pickle.Skipped:
		return pickle.Skipped{Kind: "bytes", Bytes: t.Bytes}, nil
	case string:
		data := make([]byte, 0, len(t))
		for _, r := range t {
			data = append(data, byte(r))
		}
		return data, nil
	}
	return &object{class: "_codecs.encode"}, nil
}

// numpyScalar: (dtype, bytes). Numbers such as the best accuracy so far are often
// NumPy's.
func numpyScalar(args []any) (any, error) {
	inert := &object{class: "numpy.generic"}
	if len(args) < 2 {
		return inert, nil
	}
	dtype, ok := args[0].(*object)
	data, ok2 := args[1].([]byte)
	if !ok || !ok2 || len(dtype.args) == 0 {
		return inert, nil
	}
	switch code, _ := dtype.args[0].(string); {
	case code == "f8" && len(data) == 8:
		return math.Float64frombits(binary.LittleEndian.Uint64(data)), nil
	case code == "f4" && len(data) == 4:
		return float64(math.Float32frombits(binary.LittleEndian.Uint32(data))), nil
	case code == "i8" && len(data) == 8:
		return int64(binary.LittleEndian.Uint64(data)), nil
	case code == "i4" && len(data) == 4:
		return int64(int32(binary.LittleEndian.Uint32(data))), nil
	case code == "b1" && len(data) == 1:
		return data[0] != 0, nil
	}
	return inert, nil
}
