// SPDX-License-Identifier: MIT

package golden

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/nlpodyssey/safetensors"
)

// Samples is how many values of a large tensor a golden file keeps.
const Samples = 16

// File is one golden file in memory.
type File struct {
	Path    string
	Meta    map[string]string // how it was made: script, versions, seed, what float32 loses
	tensors map[string]Ref
}

// Ref is a reference tensor: float32 values in row-major order.
type Ref struct {
	Shape []int64
	Data  []float32
}

// Row is row i of a reference of two or more dimensions, flattened.
func (r Ref) Row(i int) []float32 {
	n := int(product(r.Shape[1:]))
	return r.Data[i*n : (i+1)*n]
}

// Dir is the folder of the golden files: $SEER_GOLDEN, for test programs that run
// without the sources, or found from this source file so that tests of any package
// can use it.
func Dir() string {
	if dir := os.Getenv("SEER_GOLDEN"); dir != "" {
		return dir
	}
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..", "testdata", "golden")
}

// Load reads a golden file by its name in Dir ("larc.safetensors") or by an
// absolute path. Every tensor in it is float32.
func Load(name string) (*File, error) {
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(Dir(), name)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("golden file: %w", err)
	}
	st, err := safetensors.Deserialize(raw)
	if err != nil {
		return nil, fmt.Errorf("golden file %s: %w", path, err)
	}
	_, meta, err := safetensors.ReadMetadata(raw)
	if err != nil {
		return nil, fmt.Errorf("golden file %s: %w", path, err)
	}
	f := &File{Path: path, Meta: meta.Metadata(), tensors: map[string]Ref{}}
	for _, t := range st.Tensors() {
		if f.tensors[t.Name], err = decode(t.TensorView); err != nil {
			return nil, fmt.Errorf("golden file %s: tensor %q: %w", path, t.Name, err)
		}
	}
	return f, nil
}

// JSON fills v from a golden file of numbers that are not tensors.
func JSON(name string, v any) error {
	raw, err := os.ReadFile(filepath.Join(Dir(), name))
	if err != nil {
		return fmt.Errorf("golden file: %w", err)
	}
	if err := json.Unmarshal(raw, v); err != nil {
		return fmt.Errorf("golden file %s: %w", name, err)
	}
	return nil
}

// decode turns little-endian bytes into values.
func decode(v safetensors.TensorView) (Ref, error) {
	if v.DType() != safetensors.F32 {
		return Ref{}, fmt.Errorf("dtype %v, want F32", v.DType())
	}
	r := Ref{Data: make([]float32, len(v.Data())/4)}
	for _, d := range v.Shape() {
		r.Shape = append(r.Shape, int64(d))
	}
	for i := range r.Data {
		r.Data[i] = math.Float32frombits(binary.LittleEndian.Uint32(v.Data()[4*i:]))
	}
	return r, nil
}

// Has says whether the file holds a tensor of that name.
func (f *File) Has(name string) bool { _, ok := f.tensors[name]; return ok }

// Get returns a tensor. It panics where the file has none of that name: golden
// files are part of the source, so that is a mistake in the test.
func (f *File) Get(name string) Ref {
	r, ok := f.tensors[name]
	if !ok {
		panic(fmt.Sprintf("%s holds no tensor %q", f.Path, name))
	}
	return r
}

// List splits a metadata value that holds one name a line.
func (f *File) List(key string) []string {
	if f.Meta[key] == "" {
		panic(fmt.Sprintf("%s has no metadata %q", f.Path, key))
	}
	return strings.Split(f.Meta[key], "\n")
}

// Sample picks the values that a golden file keeps of a large tensor, at flat
// positions floor(j*n/16).
func Sample(data []float32) []float32 {
	out := make([]float32, Samples)
	for j := range out {
		out[j] = data[j*len(data)/Samples]
	}
	return out
}

// Floor is the share of a tensor's largest magnitude under which an element is small: what float32 loses on it depends
// on the large elements that were added up on the way, so its error is measured against the floor.
const Floor = 0.1

// MaxRel is the error measure of all numeric tests: the largest |got-want| over max(|want|, [Floor] · max |want|), element
// by element. Slices of different length, and NaN anywhere, are infinitely wrong.
func MaxRel(got, want []float32) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	var scale, worst float64
	for _, w := range want {
		scale = max(scale, math.Abs(float64(w)))
	}
	for i, w := range want {
		d := math.Abs(float64(got[i]) - float64(w))
		if math.IsNaN(d) {
			return math.Inf(1)
		}
		if d > 0 { // +Inf where the reference is all zeros and got is not
			worst = max(worst, d/max(math.Abs(float64(w)), Floor*scale))
		}
	}
	return worst
}

// MaxAbs is max |got-want|, infinite for different lengths or NaN.
func MaxAbs(got, want []float32) float64 {
	if len(got) != len(want) {
		return math.Inf(1)
	}
	var diff float64
	for i := range want {
		d := math.Abs(float64(got[i]) - float64(want[i]))
		if math.IsNaN(d) {
			return math.Inf(1)
		}
		diff = max(diff, d)
	}
	return diff
}
