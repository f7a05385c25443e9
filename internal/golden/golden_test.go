// SPDX-License-Identifier: MIT

package golden_test

import (
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"seer/internal/golden"
)

// The values that python tools/golden/gen.py prints.
func TestFillEqualsPython(t *testing.T) {
	for _, c := range []struct {
		name string
		seed uint64
		want []float32
	}{
		{"stem.0.weight", golden.Seed, []float32{0.25611329078674316, -0.19546043872833252, -0.7681559324264526, 0.603736162185669}},
		{"", 0, []float32{0.5273890495300293, -0.8746078014373779, -0.3377794027328491, -0.6531503200531006}},
		{"input", 1, []float32{-0.5589770078659058, 0.8368268013000488, 0.44405341148376465, -0.1346958875656128}},
	} {
		require.Equal(t, c.want, golden.Fill(c.name, c.seed, 4), "%q %d", c.name, c.seed)
	}
}

func TestFillIsUniformAndKeyed(t *testing.T) {
	const n = 1 << 16
	a := golden.Fill("a", 1, n)
	var sum, squares float64
	for _, v := range a {
		require.True(t, v >= -1 && v < 1)
		sum += float64(v)
		squares += float64(v) * float64(v)
	}
	require.InDelta(t, 0, sum/n, 0.01)
	require.InDelta(t, 1.0/3, squares/n, 0.01)
	require.Equal(t, a[:8], golden.Fill("a", 1, 8), "a prefix is a prefix")
	require.NotEqual(t, a, golden.Fill("b", 1, n))
	require.NotEqual(t, a, golden.Fill("a", 2, n))
}

// make_check.py wrote one tensor of every kind: all bits must be equal.
func TestParameterEqualsPython(t *testing.T) {
	f, err := golden.Load("generator.safetensors")
	require.NoError(t, err)
	for _, name := range f.List("parameters") {
		ref := f.Get(name)
		got, err := golden.Parameter(name, ref.Shape, golden.Seed)
		require.NoError(t, err)
		require.Equal(t, ref.Data, got, name)
	}
	_, err = golden.Parameter("x.gamma", []int64{3}, golden.Seed)
	require.ErrorContains(t, err, "x.gamma [3]: no rule")
}

func TestSample(t *testing.T) {
	ramp := make([]float32, 100)
	for i := range ramp {
		ramp[i] = float32(i)
	}
	require.Equal(t, []float32{0, 6, 12, 18, 25, 31, 37, 43, 50, 56, 62, 68, 75, 81, 87, 93}, golden.Sample(ramp))
	require.Len(t, golden.Sample(ramp[:3]), golden.Samples, "short tensors repeat values")
}

func TestErrors(t *testing.T) {
	nan := float32(math.NaN())
	require.Zero(t, golden.MaxRel([]float32{1, 2}, []float32{1, 2}))
	require.Zero(t, golden.MaxRel([]float32{0}, []float32{0}))
	require.InDelta(t, 0.25, golden.MaxRel([]float32{1, 5}, []float32{1, 4}), 1e-12)
	require.InDelta(t, 1, golden.MaxRel([]float32{8, 2}, []float32{8, 1}), 1e-12, "each element by itself")
	require.InDelta(t, 1.25, golden.MaxRel([]float32{8, 1.5}, []float32{8, 0.5}), 1e-6, "a small one by the floor")
	require.True(t, math.IsInf(golden.MaxRel([]float32{1}, []float32{0}), 1))
	require.True(t, math.IsInf(golden.MaxRel([]float32{nan}, []float32{1}), 1))
	require.True(t, math.IsInf(golden.MaxRel([]float32{1}, []float32{1, 2}), 1))
	require.InDelta(t, 1, golden.MaxAbs([]float32{1, 5}, []float32{1, 4}), 1e-12)
	require.True(t, math.IsInf(golden.MaxAbs([]float32{nan}, []float32{1}), 1))
	require.True(t, math.IsInf(golden.MaxAbs(nil, []float32{1}), 1))
}

func TestLoadRefusesWhatIsNotAGoldenFile(t *testing.T) {
	_, err := golden.Load("no-such.safetensors")
	require.ErrorContains(t, err, "no-such.safetensors")
	path := filepath.Join(t.TempDir(), "broken.safetensors")
	require.NoError(t, os.WriteFile(path, []byte("not a safetensors file"), 0o600))
	_, err = golden.Load(path)
	require.ErrorContains(t, err, path)
}

func TestJSONNamesTheFileThatItCannotRead(t *testing.T) {
	var v struct{ Made map[string]string }
	require.NoError(t, golden.JSON("probes.json", &v))
	require.NotEmpty(t, v.Made["scikit-learn"])
	require.ErrorContains(t, golden.JSON("missing.json", &v), "missing.json")
	require.ErrorContains(t, golden.JSON("larc.safetensors", &v), "larc.safetensors")
}

// Every golden file says how it was made, stays small, and can be read.
func TestGoldenFilesAreSmallAndDocumented(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(golden.Dir(), "*.safetensors"))
	require.NoError(t, err)
	require.NotEmpty(t, paths)
	var total int64
	for _, path := range paths {
		info, err := os.Stat(path)
		require.NoError(t, err)
		total += info.Size()
		f, err := golden.Load(path)
		require.NoError(t, err)
		for _, key := range []string{"script", "versions", "seed"} {
			require.NotEmpty(t, f.Meta[key], "%s: metadata %s", path, key)
		}
		script := filepath.Join(golden.Dir(), "..", "..", f.Meta["script"])
		require.FileExists(t, script)
	}
	require.Less(t, total, int64(1_500_000))
}
