// SPDX-License-Identifier: MIT

package checkpoint_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/checkpoint"
)

// A few opcodes, enough to write pickles that no current PyTorch writes. See
// Python's pickletools.py for their meaning.

func global(module, name string) string { return "c" + module + "\n" + name + "\n" }

func call(function string, args ...string) string {
	return function + "(" + strings.Join(args, "") + "tR"
}

func text(s string) string { return fmt.Sprintf("U%c%s", len(s), s) }

func number(n byte) string { return "K" + string([]byte{n}) }

func tuple(items ...string) string { return "(" + strings.Join(items, "") + "t" }

func dict(items ...string) string { return "}(" + strings.Join(items, "") + "u" }

// reference to storage "0", which the archive holds with 12 bytes.
func reference(class string, elements byte) string {
	return tuple(text("storage"), class, text("0"), text("cpu"), number(elements)) + "Q"
}

var (
	rebuild   = global("torch._utils", "_rebuild_tensor_v2")
	rebuildV3 = global("torch._utils", "_rebuild_tensor_v3")
	fromType  = global("torch._tensor", "_rebuild_from_type_v2")
	floats    = global("torch", "FloatStorage")
	untyped   = global("torch.storage", "UntypedStorage")
)

// arguments of a tensor of 3 floats.
func arguments(storage string) []string {
	return []string{storage, number(0), tuple(number(3)), tuple(number(1)), "\x89", "N"}
}

func tensor() string { return call(rebuild, arguments(reference(floats, 3))...) }

func openPickle(t *testing.T, pickle string) (*checkpoint.File, error) {
	t.Helper()
	path := rezip(t, "bare_tensor.pth", func(name string, data []byte) []byte {
		if strings.HasSuffix(name, "data.pkl") {
			return []byte("\x80\x02" + pickle + ".")
		}
		return data
	})
	f, err := checkpoint.Open(path)
	if err == nil {
		t.Cleanup(func() { f.Close() })
	}
	return f, err
}

func TestPickleForms(t *testing.T) {
	parameter := call(global("torch._utils", "_rebuild_parameter"), tensor(), "\x88", "N")
	size := call(global("torch", "Size"), tuple(number(3)))
	tests := map[string]struct {
		pickle string
		want   []string
		notes  string
	}{
		"plain":             {tensor(), []string{"tensor F32 [3]"}, ""},
		"constructor of v1": {call(global("torch._utils", "_rebuild_tensor"), arguments(reference(floats, 3))[:4]...), []string{"tensor F32 [3]"}, ""},
		"parameter":         {dict(text("w"), parameter), []string{"w F32 [3]"}, ""},
		"parameter with state": {dict(text("w"), call(global("torch._utils", "_rebuild_parameter_with_state"), tensor(), "\x88", "N", "}")),
			[]string{"w F32 [3]"}, ""},
		"tensor subclass": {dict(text("w"), call(fromType, rebuild, global("my", "Tensor"), tuple(arguments(reference(floats, 3))...), "}")),
			[]string{"w F32 [3]"}, ""},
		"subclass made by unknown code": {dict(text("w"), tensor(), text("x"), call(fromType, global("my", "make"), global("my", "Tensor"), ")", "}")),
			[]string{"w F32 [3]"}, "left out x: object of class my.make"},
		"untyped storage": {dict(text("w"), call(rebuildV3, append(arguments(reference(untyped, 12)), global("torch", "float32"))...)),
			[]string{"w F32 [3]"}, ""},
		"untyped storage of an unknown type": {dict(text("w"), tensor(), text("x"),
			call(rebuildV3, append(arguments(reference(floats, 3)), global("torch", "float8_e4m3fn"))...)),
			[]string{"w F32 [3]"}, "left out x: tensor of torch.FloatStorage, a kind that is not supported"},
		"negated view": {dict(text("w"), tensor(), text("x"), call(rebuild, append(arguments(reference(floats, 3)), dict(text("neg"), "\x88"))...)),
			[]string{"w F32 [3]"}, "left out x: tensor of torch.FloatStorage, a kind that is not supported"},
		"shape as torch.Size":     {call(rebuild, reference(floats, 3), number(0), size, tuple(number(1)), "\x89", "N"), []string{"tensor F32 [3]"}, ""},
		"scalar with its storage": {call(rebuild, reference(floats, 3), number(2), ")", ")", "\x89", "N"), []string{"tensor F32 []"}, ""},
		"default dict": {call(global("collections", "defaultdict"), global("builtins", "list")) + "(" + text("a") + tensor() + "u",
			[]string{"a F32 [3]"}, ""},
		"lists and tuples":  {tuple(tensor(), "]"+tensor()+"a", number(7), "N"), []string{"0 F32 [3]", "1.0 F32 [3]"}, ""},
		"numbers as keys":   {dict(number(5), dict(text("m"), tensor())), []string{"5.m F32 [3]"}, ""},
		"other keys":        {dict(text("a"), tensor(), ")", tensor()), []string{"a F32 [3]"}, "left out : entry with a key of type"},
		"the later one":     {dict(text("a.b"), tensor(), text("a"), dict(text("b"), call(rebuild, reference(floats, 3), number(0), ")", ")"))), []string{"a.b F32 []"}, ""},
		"class with state":  {dict(text("w"), tensor(), text("x"), global("my", "Class")+")\x81}"+"b"), []string{"w F32 [3]"}, "object of class my.Class"},
		"unknown container": {dict(text("w"), tensor(), text("x"), call(global("my", "List"))+"("+number(1)+"e"), []string{"w F32 [3]"}, "object of class my.List"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f, err := openPickle(t, tt.pickle)
			require.NoError(t, err)
			var got []string
			for _, info := range f.Infos() {
				got = append(got, info.String())
				x, err := f.Read(info.Name)
				require.NoError(t, err)
				values, err := x.Float32()
				require.NoError(t, err)
				for _, v := range values {
					assert.Equal(t, float32(1), v)
				}
			}
			assert.Equal(t, tt.want, got)
			assert.Contains(t, strings.Join(f.Notes(), "\n"), tt.notes)
		})
	}
}

func TestPickleFormsRefused(t *testing.T) {
	ref := reference(floats, 3)
	one := tuple(number(1))
	tests := map[string]struct{ pickle, want string }{
		"few arguments":        {call(rebuild, ref), "tensor with 1 arguments; at least 4 are needed"},
		"no storage":           {call(rebuild, "N", number(0), one, one), "a storage and an integer are needed"},
		"no offset":            {call(rebuild, ref, "N", one, one), "a storage and an integer are needed"},
		"shape is a number":    {call(rebuild, ref, number(0), number(1), one), "shape of a tensor"},
		"stride of texts":      {call(rebuild, ref, number(0), one, tuple(text("a"))), "stride of a tensor"},
		"ranks differ":         {call(rebuild, ref, number(0), tuple(number(1), number(1)), one), "shape [1 1], stride [1]"},
		"negative shape":       {call(rebuild, ref, number(0), tuple("J\xff\xff\xff\xff"), one), "negative dimension"},
		"negative stride":      {call(rebuild, ref, number(0), tuple(number(2)), tuple("J\xff\xff\xff\xff")), "stride [-1] does not fit shape [2]"},
		"negative offset":      {call(rebuild, ref, "J\xff\xff\xff\xff", one, one), "offset -1"},
		"huge stride":          {call(rebuild, ref, number(0), tuple(number(3)), tuple("\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f")), "does not fit shape [3]"},
		"huge shape":           {call(rebuild, ref, number(0), tuple("\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f"), one), "larger than any memory"},
		"no arguments":         {call(global("torch", "Size")), "call without arguments"},
		"subclass of little":   {call(fromType, rebuild), "tensor subclass with 1 arguments"},
		"subclass of no tuple": {call(fromType, rebuild, "N", "N", "N"), "a tuple is needed"},
		"subclass by number":   {call(fromType, number(1), "N", ")", "N"), "a function is needed"},
		"subclass of subclass": {call(fromType, fromType, "N", ")", "N"), "a function is needed"},
		"v3 of little":         {call(rebuildV3, ref), "tensor with 1 arguments"},
		"reference is a text":  {text("x") + "Q", "reference string; a tuple is needed"},
		"reference to a thing": {tuple(text("thing"), number(1), number(1), number(1), number(1)) + "Q", "to thing; a storage is needed"},
		"storage of a number":  {tuple(text("storage"), number(1), text("0"), text("cpu"), number(3)) + "Q", "storage with class int"},
		"two sizes":            {tuple(ref, reference(floats, 2)), `storage "0" is described twice, differently`},
		"view of no storage":   {tuple(text("storage"), floats, text("0"), text("cpu"), number(3), tuple(number(1))) + "Q", "view that does not lie in its 3 elements"},
		"view beyond the end":  {tuple(text("storage"), floats, text("0"), text("cpu"), number(3), tuple(text("v"), number(2), number(2))) + "Q", "view that does not lie"},
		"text as reference":    {"Px\n", "opcode 0x50"},
		"call of a number":     {call(number(1)), "malformed pickle"},
		"long line":            {"c" + strings.Repeat("x", 70_000), "line of more than"},
		"cut line":             {"ctorch", "pickle ends early"},
		"cut second line":      {"ctorch\nSi", "pickle ends early"},
		"cut number":           {"J\x01", "pickle ends early"},
		"cut text":             {"U\xffabc", "pickle ends early"},
		"cut length":           {"X\x01", "pickle ends early"},
		"cut float":            {"G\x01", "pickle ends early"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := openPickle(t, tt.pickle)
			require.ErrorContains(t, err, tt.want)
			var format *checkpoint.FormatError
			require.ErrorAs(t, err, &format)
			assert.Less(t, len(err.Error()), 1000)
		})
	}
}

// Notes and texts stay few, however much a file holds beside its tensors.
func TestPickleKeepsFewNotesAndTexts(t *testing.T) {
	items := []string{text("w"), tensor()}
	for i := range 400 {
		items = append(items, text(fmt.Sprint("object", i)), global("my", "Class"), text(fmt.Sprint("text", i)), text("x"))
	}
	f, err := openPickle(t, dict(items...))
	require.NoError(t, err)
	assert.Len(t, f.Notes(), 21)
	assert.Equal(t, "left out more", f.Notes()[20])
	assert.Len(t, f.Texts(), 256)
}

// Large legacy files do not fit the first window that is read for the pickle.
func TestLegacyPickleLongerThanTheFirstWindow(t *testing.T) {
	whole, err := os.ReadFile("testdata/vissl_legacy.pth")
	require.NoError(t, err)
	at := bytes.Index(whole, []byte("phase_idx")) - 5 // its X opcode
	require.Equal(t, byte('X'), whole[at])
	var filler bytes.Buffer
	for i := range 20_000 {
		fmt.Fprintf(&filler, "U\x0akey%07dK\x01", i)
	}
	path := filepath.Join(t.TempDir(), "long.pth")
	require.NoError(t, os.WriteFile(path, bytes.Join([][]byte{whole[:at], filler.Bytes(), whole[at:]}, nil), 0o644))
	tensors, _, err := checkpoint.ReadPickle(path)
	require.NoError(t, err)
	want, _, err := checkpoint.ReadPickle("testdata/vissl_legacy.pth")
	require.NoError(t, err)
	assert.Equal(t, want, tensors)
}
