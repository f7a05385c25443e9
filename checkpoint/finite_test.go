// SPDX-License-Identifier: MIT

package checkpoint_test

import (
	"encoding/binary"
	"math"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/checkpoint"
)

func TestNotFiniteCountsNaNAndInfinity(t *testing.T) {
	double := func(values ...float64) (data []byte) {
		for _, v := range values {
			data = binary.LittleEndian.AppendUint64(data, math.Float64bits(v))
		}
		return data
	}
	single := func(values ...float64) (data []byte) {
		for _, v := range values {
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(v)))
		}
		return data
	}
	nan, inf := math.NaN(), math.Inf(1)
	tests := []struct {
		dtype checkpoint.DType
		data  []byte
		want  int64
	}{
		{checkpoint.F64, double(0, 1, -1e300, nan, -inf), 2},
		{checkpoint.F32, single(0, -1, 3e38, nan, inf, -inf), 3},
		{checkpoint.BF16, []byte{0x80, 0x3f, 0x80, 0x7f, 0x80, 0xff, 0xc0, 0x7f, 0x7f, 0x7f}, 3},
		{checkpoint.F16, []byte{0, 0x3c, 0, 0x7c, 0, 0xfc, 1, 0x7c, 0xff, 0x7b}, 3},
		{checkpoint.I64, []byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, 0},
		{checkpoint.F32, nil, 0},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.want, checkpoint.NotFinite(tt.dtype, tt.data), tt.dtype)
	}
}

// A tensor is looked through in parts, whatever its size.
func TestFileNotFinite(t *testing.T) {
	values := make([]float32, 5<<20) // 20 MB: more than one part
	values[0], values[len(values)-1] = float32(math.NaN()), float32(math.Inf(-1))
	large, err := checkpoint.FromFloat32("large", values, int64(len(values)))
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "w.safetensors")
	require.NoError(t, checkpoint.WriteSafetensors(path, []checkpoint.Tensor{large}, nil))
	f, err := checkpoint.Open(path)
	require.NoError(t, err)
	defer f.Close()
	n, err := f.NotFinite("large")
	require.NoError(t, err)
	assert.EqualValues(t, 2, n)
	_, err = f.NotFinite("absent")
	require.ErrorContains(t, err, "is not in this file")
}

// Every layout of a tensor in a pickle gives the same parts as the whole.
func TestPiecesAreTheTensor(t *testing.T) {
	for _, name := range []string{"state.pth", "state_deflate.pth", "state_legacy.pth", "state.safetensors", "expanded.pth"} {
		f, err := checkpoint.Open("testdata/" + name)
		require.NoError(t, err)
		defer f.Close()
		for _, info := range f.Infos() {
			want, err := f.Read(info.Name)
			require.NoError(t, err)
			var got []byte
			require.NoError(t, f.Pieces(info.Name, 16, func(piece []byte) error {
				got = append(got, piece...)
				return nil
			}))
			assert.Equal(t, string(want.Data), string(got), "%s in %s", info.Name, name)
		}
	}
}
