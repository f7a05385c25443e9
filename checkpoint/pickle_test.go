// SPDX-License-Identifier: MIT

package checkpoint_test

import (
	"archive/zip"
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/checkpoint"
)

// Every layout of the same tensors must give what PyTorch itself wrote to the
// safetensors file beside it.
func TestPickleEqualsSafetensors(t *testing.T) {
	tests := []struct{ file, golden, format string }{
		{"state.pth", "state", checkpoint.PyTorchZip},
		{"state_deflate.pth", "state", checkpoint.PyTorchZip},
		{"state_protocol4.pth", "state", checkpoint.PyTorchZip},
		{"state_unsummed.pth", "state", checkpoint.PyTorchZip},
		{"state_legacy.pth", "state", checkpoint.PyTorchLegacy},
		{"vissl.pth", "vissl", checkpoint.PyTorchZip},
		{"vissl_legacy.pth", "vissl", checkpoint.PyTorchLegacy},
	}
	for _, tt := range tests {
		t.Run(tt.file, func(t *testing.T) {
			f, err := checkpoint.Open(filepath.Join("testdata", tt.file))
			require.NoError(t, err)
			defer f.Close()
			assert.Equal(t, tt.format, f.Format())
			got, err := f.ReadAll()
			require.NoError(t, err)
			want, _, err := checkpoint.ReadSafetensors(filepath.Join("testdata", tt.golden+".safetensors"))
			require.NoError(t, err)
			require.Len(t, got, len(want))
			found := byName(got)
			for _, w := range want {
				assert.Equal(t, w, found[w.Name])
			}
		})
	}
}

func TestPickleKeepsOrderTextsAndNotes(t *testing.T) {
	f, err := checkpoint.Open("testdata/vissl.pth")
	require.NoError(t, err)
	defer f.Close()
	assert.Equal(t, "loss.queue", f.Infos()[0].Name, "the order of the dicts is kept")
	assert.Equal(t, "1200", f.Texts()["iteration"])
	assert.Empty(t, f.Metadata(), "what another program calls mean or arch is not this program's")
	assert.Equal(t, "swav", f.Texts()["config.NAME"], "entries of a dict subclass are read")
	assert.Equal(t, []string{"left out meter: object of class __main__.Meter"}, f.Notes())
}

// A pickle that calls os.system must not run it, and must say that it was there.
func TestPickleRunsNothing(t *testing.T) {
	f, err := checkpoint.Open("testdata/foreign.pth")
	require.NoError(t, err)
	defer f.Close()
	require.Len(t, f.Infos(), 2)
	assert.Equal(t, "good F32 [2]", f.Infos()[0].String())
	assert.Equal(t, "complex C64 [2]", f.Infos()[1].String(), "listed, and read as bytes")
	complex, err := f.Read("complex")
	require.NoError(t, err)
	assert.Len(t, complex.Data, 16)
	assert.Equal(t, []string{"left out bad: object of class posix.system"}, f.Notes())
	assert.NoFileExists(t, "exploited")
	assert.NoFileExists(t, "testdata/exploited")
}

func TestPickleSpecialForms(t *testing.T) {
	tensors, _, err := checkpoint.ReadPickle("testdata/bare_tensor.pth")
	require.NoError(t, err)
	assert.Equal(t, "tensor F32 [3]", tensors[0].Info().String())

	tensors, _, err = checkpoint.ReadPickle("testdata/untyped.pth")
	require.NoError(t, err)
	assert.Equal(t, "unsigned U16 [5]", tensors[0].Info().String())
	assert.Equal(t, []byte{0, 0, 1, 0, 2, 0, 3, 0, 4, 0}, tensors[0].Data)

	tensors, _, err = checkpoint.ReadPickle("testdata/expanded.pth")
	require.NoError(t, err)
	values, err := tensors[0].Float32()
	require.NoError(t, err)
	assert.Equal(t, []float32{1, 1, 1, 1}, values, "an expanded tensor repeats its element")
}

// Generators, settings, arrays and objects beside the weights: the tensors are
// found, and what is no tensor is said.
func TestPickleAmongStrangers(t *testing.T) {
	for _, name := range []string{"strangers.pth", "strangers_legacy.pth"} {
		f, err := checkpoint.Open("testdata/" + name)
		require.NoError(t, err)
		defer f.Close()
		var listed []string
		for _, info := range f.Infos() {
			listed = append(listed, info.String())
			_, err := f.Read(info.Name)
			require.NoError(t, err)
		}
		assert.Equal(t, []string{"model.0.weight F32 [2 1 1 1]", "model.0.bias F32 [2]", "settings.scale F32 [3]", "parameter F32 [2]",
			"eight_bits F8_E4M3 [3]", "complex C64 [2]"}, listed)
		scale, err := f.Read("settings.scale")
		require.NoError(t, err)
		values, err := scale.Float32()
		require.NoError(t, err)
		assert.Equal(t, []float32{0.5, 0.5, 0.5}, values)
		assert.Equal(t, "71.25", f.Texts()["best"])
		assert.Equal(t, "regnet_y_16gf", f.Texts()["args.arch"])
		assert.Equal(t, []string{
			"left out array: object of class numpy.ndarray", "left out paths: list of 1001 items",
			"left out args: object of class argparse.Namespace", "left out quantised: quantised tensor",
			"left out sparse: sparse tensor", "left out meta: tensor without data"}, f.Notes())
	}
}

// torch.save(model) holds the tensors under the names of state_dict.
func TestPickleOfAWholeModule(t *testing.T) {
	f, err := checkpoint.Open("testdata/module_object.pth")
	require.NoError(t, err)
	defer f.Close()
	assert.Equal(t, "[weight F32 [1 2] bias F32 [1]]", fmt.Sprint(f.Infos()))
}

func TestPickleRefuses(t *testing.T) {
	tests := map[string]string{
		"no_tensors.pth": "holds no tensors",
		"torchscript.pt": "is a TorchScript archive",
	}
	for name, want := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := checkpoint.Open(filepath.Join("testdata", name))
			require.ErrorContains(t, err, want)
			assert.ErrorContains(t, err, name)
		})
	}
}

// rezip copies an archive of the testdata with its records changed; nil drops one.
func rezip(t *testing.T, source string, change func(name string, data []byte) []byte) string {
	t.Helper()
	old, err := zip.OpenReader(filepath.Join("testdata", source))
	require.NoError(t, err)
	defer old.Close()
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	for _, record := range old.File {
		r, err := record.Open()
		require.NoError(t, err)
		data, err := io.ReadAll(r)
		require.NoError(t, err)
		if data = change(record.Name, data); data == nil {
			continue
		}
		w, err := archive.CreateHeader(&zip.FileHeader{Name: record.Name, Method: zip.Store})
		require.NoError(t, err)
		_, err = w.Write(data)
		require.NoError(t, err)
	}
	require.NoError(t, archive.Close())
	path := filepath.Join(t.TempDir(), "changed.pth")
	require.NoError(t, os.WriteFile(path, out.Bytes(), 0o644))
	return path
}

func TestZipRefuses(t *testing.T) {
	replace := func(suffix string, with []byte) func(string, []byte) []byte {
		return func(name string, data []byte) []byte {
			if strings.HasSuffix(name, suffix) {
				return with
			}
			return data
		}
	}
	patch := func(old, new string) func(string, []byte) []byte {
		return func(name string, data []byte) []byte {
			if strings.HasSuffix(name, "data.pkl") {
				require.Contains(t, string(data), old)
				return bytes.ReplaceAll(data, []byte(old), []byte(new))
			}
			return data
		}
	}
	tests := map[string]struct {
		change func(string, []byte) []byte
		want   string
	}{
		"no pickle":      {replace("data.pkl", nil), "zip archive without data.pkl"},
		"no storage":     {replace("data/0", nil), "storage data/0: is missing from the archive"},
		"short storage":  {replace("data/0", []byte{1, 2, 3, 4}), "storage data/0: has 4 bytes, 3 elements of F32 are needed"},
		"big endian":     {replace("byteorder", []byte("big")), `byte order is "big"`},
		"cut pickle":     {replace("data.pkl", []byte{0x80, 2, '}'}), "pickle ends early"},
		"empty pickle":   {replace("data.pkl", []byte{}), "pickle ends early"},
		"stack empty":    {replace("data.pkl", []byte{0x80, 2, '.'}), "malformed pickle"},
		"odd dict":       {replace("data.pkl", []byte{0x80, 2, '}', '(', 'N', 'u', '.'}), "malformed pickle"},
		"bad shape":      {patch("K\x03\x85", "K\xff\x85"), "shape [255] at offset 0 reaches element 254 of a storage of 3"},
		"beyond storage": {patch("QK\x00", "QK\x02"), "reaches element 4 of a storage of 3"},
		"bad stride":     {patch("K\x01\x85", "K\x09\x85"), "reaches element 18 of a storage of 3"},
		"shape of texts": {patch("K\x03\x85", "N\x85"), "integers are needed"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := checkpoint.Open(rezip(t, "bare_tensor.pth", tt.change))
			require.ErrorContains(t, err, tt.want)
		})
	}
}

// Archives that hold something else say so.
func TestZipExplainsOtherArchives(t *testing.T) {
	tests := map[string]struct {
		members []string
		want    string
	}{
		"numpy":        {[]string{"stem.npy", "fc.npy"}, "is a NumPy archive (.npz)"},
		"torch.export": {[]string{"m/archive_format", "m/models/model.json"}, "is a program by torch.export"},
		"keras":        {[]string{"config.json", "model.weights.h5"}, "is a Keras model"},
		"zipped":       {[]string{"README.md", "out/regnet.pth"}, "is a zip archive around out/regnet.pth: unpack it"},
		"pictures":     {[]string{"a.jpg"}, "is a zip archive without data.pkl"},
		"script":       {[]string{"m/data.pkl", "m/constants.pkl"}, "is a TorchScript archive"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			archive := zip.NewWriter(&out)
			for _, member := range tt.members {
				_, err := archive.Create(member)
				require.NoError(t, err)
			}
			require.NoError(t, archive.Close())
			path := filepath.Join(t.TempDir(), "weights.pth")
			require.NoError(t, os.WriteFile(path, out.Bytes(), 0o644))
			_, err := checkpoint.Open(path)
			require.ErrorContains(t, err, path+": "+tt.want)
		})
	}
}

// A download that was cut lacks the archive's directory, which lies at its end.
func TestZipCut(t *testing.T) {
	whole, err := os.ReadFile("testdata/state.pth")
	require.NoError(t, err)
	for _, n := range []int{40, len(whole) / 2, len(whole) - 10} {
		path := filepath.Join(t.TempDir(), "cut.pth")
		require.NoError(t, os.WriteFile(path, whole[:n], 0o644))
		_, err := checkpoint.Open(path)
		require.ErrorContains(t, err, fmt.Sprintf("zip archive of %d bytes is damaged or cut", n))
		require.ErrorContains(t, err, "download or copy it again")
	}
}

// Bits that flip in a storage are found by the archive's checksum.
func TestZipChecksum(t *testing.T) {
	data, err := os.ReadFile("testdata/bare_tensor.pth")
	require.NoError(t, err)
	at := bytes.Index(data, []byte("\x00\x00\x80\x3f\x00\x00\x80\x3f"))
	require.Positive(t, at)
	data[at] ^= 1
	path := filepath.Join(t.TempDir(), "flipped.pth")
	require.NoError(t, os.WriteFile(path, data, 0o644))
	_, _, err = checkpoint.ReadPickle(path)
	require.ErrorContains(t, err, "checksum")
}

func TestLegacyRefuses(t *testing.T) {
	whole, err := os.ReadFile("testdata/vissl_legacy.pth")
	require.NoError(t, err)
	change := func(edit func([]byte) []byte) []byte { return edit(bytes.Clone(whole)) }
	tests := map[string]struct {
		data []byte
		want string
	}{
		"cut storage":    {change(func(b []byte) []byte { return b[:len(b)-4] }), "in the last"},
		"cut count":      {change(func(b []byte) []byte { return b[:len(b)-8-4*4] }), "file ends"},
		"cut pickle":     {whole[:200], "part 4 of 5: pickle ends early"},
		"other pickle":   {[]byte{0x80, 2, 'K', 1, '.'}, "it is a plain pickle that begins with integer, not a file by torch.save"},
		"wrong protocol": {change(func(b []byte) []byte { return bytes.Replace(b, []byte("M\xe9\x03."), []byte("M\xe8\x03."), 1) }), "protocol is 1000"},
		"big endian": {change(func(b []byte) []byte {
			i := bytes.Index(b, []byte("little_endian"))
			j := i + bytes.IndexByte(b[i:], 0x88)
			b[j] = 0x89
			return b
		}), "byte order is big"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "x.pth")
			require.NoError(t, os.WriteFile(path, tt.data, 0o644))
			_, err := checkpoint.Open(path)
			require.ErrorContains(t, err, tt.want)
		})
	}
}

// pickled puts a raw pickle into an archive.
func pickled(t *testing.T, pickle string) string {
	return rezip(t, "no_tensors.pth", func(name string, data []byte) []byte {
		if strings.HasSuffix(name, "data.pkl") {
			return []byte(pickle)
		}
		return data
	})
}

// One tensor that two trillion names lead to.
func TestPickleOfSharedContainers(t *testing.T) {
	laughs := dict(text("t"), tensor()) + "q\x00"
	for i := range 40 { // dict i+1 = {"a": dict i, "b": dict i}
		laughs += "}q" + string([]byte{byte(i + 1)}) + "(U\x01ah" + string([]byte{byte(i)}) + "U\x01bh" + string([]byte{byte(i)}) + "u"
	}
	_, err := openPickle(t, laughs)
	require.ErrorContains(t, err, "more than 262144 tensors")
}

// What is strange beside the weights does not keep them from being read.
func TestPickleReadsPastStrangers(t *testing.T) {
	laughs := "}q\x00"  // dict 0
	for i := range 40 { // dict i+1 = {"a": dict i, "b": dict i}
		laughs += "0}q" + string([]byte{byte(i + 1)}) + "(U\x01ah" + string([]byte{byte(i)}) + "U\x01bh" + string([]byte{byte(i)}) + "u"
	}
	paths := "]("
	for i := range 5000 {
		paths += text(fmt.Sprintf("/data/%05d.jpg", i))
	}
	blob := strings.Repeat("x", 1<<20)
	tests := map[string]struct{ value, note string }{
		"integer of 128 bits":    {"\x8a\x11" + strings.Repeat("\xff", 16) + "\x00", ""},
		"integer of no bytes":    {"\x8a\x00", ""},
		"integer of 300 digits":  {"L" + strings.Repeat("9", 300) + "L\n", ""},
		"integer of 9000 digits": {"I" + strings.Repeat("9", 9000) + "\n", "left out x: integer of 9000 bytes"},
		"integer of 1 MB":        {"\x8b\x00\x00\x10\x00" + blob, "left out x: integer of 1048576 bytes"},
		"text of 1 MB":           {"X\x00\x00\x10\x00" + blob, "left out x: text of 1048576 bytes"},
		"bytes of 1 MB":          {"B\x00\x00\x10\x00" + blob, "left out x: bytes of 1048576 bytes"},
		"bytes of protocol 2":    {call(global("_codecs", "encode"), "X\x00\x00\x10\x00"+blob, text("latin1")), "left out x: bytes of 1048576 bytes"},
		"many paths":             {paths + "e", "left out x: list of 5000 items"},
		"many numbers":           {"}(" + strings.Repeat("K\x01K\x02", 1001) + "u", "left out x: dict of 1001 entries"},
		"dict that holds itself": {"}q\x00(U\x01ah\x00u", ""},
		"weights and itself":     {"}q\x00(U\x01ah\x00U\x01w" + tensor() + "u", "left out x.a: it contains itself"},
		"billion laughs":         {laughs, ""},
		"set":                    {call(global("builtins", "set"), "]("+number(1)+number(2)+"e"), ""},
		"frozen set":             {"(" + number(1) + "\x91", ""},
		"path":                   {call(global("pathlib", "PosixPath"), text("a")), "left out x: object of class pathlib.PosixPath"},
		"device":                 {call(global("torch", "device"), text("cpu")), ""},
		"dtype":                  {global("torch", "float16"), ""},
		"array":                  {call(global("numpy.core.multiarray", "_reconstruct"), "N") + "(" + number(1) + "tb", "left out x: object of class numpy.ndarray"},
		"quantised tensor":       {call(global("torch._utils", "_rebuild_qtensor"), number(1)), "left out x: quantised tensor"},
		"sparse tensor":          {call(global("torch._utils", "_rebuild_sparse_tensor"), number(1)), "left out x: sparse tensor"},
		"object of protocol 0": {call(global("copy_reg", "_reconstructor"), global("my", "Class"), global("__builtin__", "object"), "N") + "}b",
			"left out x: object of class my.Class"},
		"object of Python 2": {"(imy\nClass\n}b", "left out x: object of class my.Class"},
		"object by name":     {"\x8c\x02my\x8c\x05Class\x93)}\x92", "left out x: object of class my.Class"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			f, err := openPickle(t, dict(text("w"), tensor(), text("x"), tt.value))
			require.NoError(t, err)
			assert.Equal(t, "w F32 [3]", f.Infos()[0].String())
			assert.Contains(t, strings.Join(f.Notes(), "\n"), tt.note)
			if tt.note == "" {
				assert.Empty(t, f.Notes())
			}
		})
	}
}

// Numbers and texts of the settings that a program keeps beside its weights.
func TestPickleTexts(t *testing.T) {
	namespace := call(global("copyreg", "_reconstructor"), global("argparse", "Namespace"), global("builtins", "object"), "N") +
		dict(text("lr"), "G\x3f\xe0\x00\x00\x00\x00\x00\x00", text("arch"), text("regnet_y_16gf")) + "b"
	accuracy := call(global("numpy.core.multiarray", "scalar"), call(global("numpy", "dtype"), text("f8"), "\x89", "\x88"),
		"C\x08\x00\x00\x00\x00\x00\x00\xf0\x3f")
	pairs := call(global("collections", "OrderedDict"), "]("+"]("+text("a")+number(5)+"e"+"e")
	f, err := openPickle(t, dict(text("w"), tensor(), text("args"), namespace, text("best"), accuracy, text("o"), pairs, text("n"), "I01\n"))
	require.NoError(t, err)
	assert.Equal(t, map[string]string{"args.lr": "0.5", "args.arch": "regnet_y_16gf", "best": "1", "o.a": "5", "n": "true"}, f.Texts())
}

// A view of a storage, as PyTorch before 0.4 wrote.
func TestPickleViewOfAStorage(t *testing.T) {
	view := tuple(text("storage"), floats, text("0"), text("cpu"), number(3), tuple(text("1"), number(1), number(2))) + "Q"
	f, err := openPickle(t, call(rebuild, view, number(0), tuple(number(2)), tuple(number(1)), "\x89", "N"))
	require.NoError(t, err)
	x, err := f.Read("tensor")
	require.NoError(t, err)
	assert.Equal(t, "tensor F32 [2]", x.Info().String())
}

// A tensor that repeats one element is as large as its reader wants, not as the
// file says.
func TestExpandedTensorIsNoBomb(t *testing.T) {
	huge := "\x8a\x05\x00\x00\x00\x00\x10" // 2^36
	f, err := openPickle(t, call(rebuild, reference(floats, 3), number(0), tuple(huge), tuple(number(0)), "\x89", "N"))
	require.NoError(t, err)
	_, err = f.Read("tensor")
	require.ErrorContains(t, err, "is expanded from 12 bytes to 274877906944")
	_, err = f.ReadAll()
	require.ErrorContains(t, err, "is expanded from 12 bytes")
	require.ErrorContains(t, f.Pieces("tensor", 1<<20, func([]byte) error { return nil }), "is expanded from 12 bytes")
	n, err := f.NotFinite("tensor")
	require.NoError(t, err)
	assert.Zero(t, n)
}

// Tiny files that ask for huge memory or endless work.
func TestPickleBombs(t *testing.T) {
	laughs := "\x80\x02}q\x00" // dict 0
	for i := range 40 {        // dict i+1 = {"a": dict i, "b": dict i}
		laughs += "}q" + string([]byte{byte(i + 1)}) + "(U\x01ah" + string([]byte{byte(i)}) + "U\x01bh" + string([]byte{byte(i)}) + "u"
	}
	tests := map[string]struct{ pickle, want string }{
		"bytes of 4 GB":       {"\x80\x03B\xff\xff\xff\xff.", "pickle ends early"},
		"bytes of 2^62":       {"\x80\x04\x8e\x00\x00\x00\x00\x00\x00\x00\x40.", "pickle ends early"},
		"frame of 1 TB":       {"\x80\x04\x95\x00\x00\x00\x00\x00\x01\x00\x00.", "it takes more values than it has"},
		"bytes of 16 MB":      {"\x80\x03B\x00\x00\x00\x01.", "pickle ends early"},
		"long of 1 MB":        {"\x80\x02\x8b\x00\x00\x10\x00.", "pickle ends early"},
		"long of -1 bytes":    {"\x80\x02\x8b\xff\xff\xff\xff.", "negative number of bytes"},
		"line without end":    {"I" + strings.Repeat("9", 100_000), "line of more than 65536 bytes"},
		"marks":               {strings.Repeat("(", 20_000) + ".", "it takes more values than it has"},
		"opcode 255":          {"\xff.", "opcode 0xff"},
		"out-of-band buffer":  {"\x80\x05\x97.", "opcode 0x97"},
		"memo far away":       {"\x80\x02Nr\xff\xff\xff\xffj\xfe\xff\xff\xff.", "repeats value 4294967294, which it did not store"},
		"contains itself":     {"\x80\x02}q\x00(U\x01ah\x00u.", "holds no tensors"},
		"billion laughs":      {laughs + ".", "holds no tensors"},
		"list of itself":      {"\x80\x02]q\x00h\x00a.", "holds no tensors"},
		"lists within lists":  {"\x80\x02" + strings.Repeat("]", 1<<20) + strings.Repeat("a", 1<<20-1) + ".", "holds no tensors"},
		"frozen set of lists": {"\x80\x04(]\x91.", "holds no tensors"},
		"list as a key":       {"\x80\x02ccollections\nOrderedDict\n)R(]Nu.", "holds no tensors"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			_, err := checkpoint.Open(pickled(t, tt.pickle))
			require.ErrorContains(t, err, tt.want)
		})
	}
}

// A record of a deflated archive that claims far more than deflate can hold.
func TestZipBomb(t *testing.T) {
	data, err := os.ReadFile("testdata/state_deflate.pth")
	require.NoError(t, err)
	// Blow up the uncompressed size (offset 24) of every storage in the directory.
	for at := 0; ; {
		i := bytes.Index(data[at:], []byte("PK\x01\x02"))
		if i < 0 {
			break
		}
		at += i
		copy(data[at+24:], "\xff\xff\xff\x7f")
		at += 46
	}
	path := filepath.Join(t.TempDir(), "bomb.pth")
	require.NoError(t, os.WriteFile(path, data, 0o644))
	_, err = checkpoint.Open(path)
	require.Error(t, err)
}

func FuzzPickle(f *testing.F) {
	paths, err := filepath.Glob("testdata/*.pth")
	require.NoError(f, err)
	for _, path := range paths {
		data, err := os.ReadFile(path)
		require.NoError(f, err)
		if len(data) < 16<<10 { // larger ones take the fuzzer minutes to make smaller
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) { openAndReread(t, data) })
}

// FuzzPickleOpcodes reaches the machine itself: the archive around it is sound.
func FuzzPickleOpcodes(f *testing.F) {
	for _, name := range []string{"state", "vissl", "foreign", "state_protocol4"} {
		archive, err := zip.OpenReader("testdata/" + name + ".pth")
		require.NoError(f, err)
		r, err := archive.Open(name + "/data.pkl")
		require.NoError(f, err)
		data, err := io.ReadAll(r)
		require.NoError(f, err)
		require.NoError(f, archive.Close())
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var out bytes.Buffer
		archive := zip.NewWriter(&out)
		for _, record := range []struct {
			name string
			data []byte
		}{{"a/data.pkl", data}, {"a/data/0", make([]byte, 432)}, {"a/data/1", make([]byte, 8)}} {
			w, err := archive.CreateHeader(&zip.FileHeader{Name: record.name, Method: zip.Store})
			require.NoError(t, err)
			_, err = w.Write(record.data)
			require.NoError(t, err)
		}
		require.NoError(t, archive.Close())
		openAndReread(t, out.Bytes())
	})
}
