// SPDX-License-Identifier: MIT

package checkpoint_test

import (
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/checkpoint"
)

func TestInfoArithmetic(t *testing.T) {
	tests := []struct {
		info            checkpoint.Info
		elements, bytes int64
		text            string
	}{
		{checkpoint.Info{Name: "n", DType: checkpoint.I64}, 1, 8, "n I64 []"},
		{checkpoint.Info{Name: "w", DType: checkpoint.F16, Shape: []int64{3, 5}}, 15, 30, "w F16 [3 5]"},
		{checkpoint.Info{Name: "e", DType: checkpoint.Bool, Shape: []int64{4, 0}}, 0, 0, "e BOOL [4 0]"},
		{checkpoint.Info{Name: "x", DType: "F8", Shape: []int64{2}}, 2, 0, "x F8 [2]"},
	}
	for _, tt := range tests {
		assert.Equal(t, tt.elements, tt.info.Elements(), tt.text)
		assert.Equal(t, tt.bytes, tt.info.Bytes(), tt.text)
		assert.Equal(t, tt.text, tt.info.String())
	}
}

func TestFromFloat32RoundTrip(t *testing.T) {
	values := []float32{1, -0.5, float32(math.Inf(1)), math.SmallestNonzeroFloat32, 3e38, 0}
	tensor, err := checkpoint.FromFloat32("w", values, 2, 3)
	require.NoError(t, err)
	got, err := tensor.Float32()
	require.NoError(t, err)
	assert.Equal(t, values, got)

	_, err = checkpoint.FromFloat32("w", values, 2, 2)
	require.ErrorContains(t, err, `tensor "w": F32 [2 2] needs 16 bytes, its data have 24`)
}

func TestFloat32OfOtherTypes(t *testing.T) {
	tests := []struct {
		dtype checkpoint.DType
		data  []byte
		want  float32
	}{
		{checkpoint.F16, []byte{0x00, 0x3c}, 1},
		{checkpoint.F16, []byte{0x00, 0xc0}, -2},
		{checkpoint.F16, []byte{0xff, 0x7b}, 65504},
		{checkpoint.F16, []byte{0x01, 0x00}, float32(math.Pow(2, -24))}, // smallest subnormal
		{checkpoint.F16, []byte{0xff, 0x03}, float32(1023 * math.Pow(2, -24))},
		{checkpoint.F16, []byte{0x00, 0x04}, float32(math.Pow(2, -14))}, // smallest normal
		{checkpoint.F16, []byte{0x00, 0x7c}, float32(math.Inf(1))},
		{checkpoint.F16, []byte{0x00, 0x80}, 0},
		{checkpoint.BF16, []byte{0x80, 0xbf}, -1},
		{checkpoint.BF16, []byte{0x49, 0x40}, 3.140625},
		{checkpoint.F64, []byte{0, 0, 0, 0, 0, 0, 0xe0, 0x3f}, 0.5},
	}
	for _, tt := range tests {
		got, err := checkpoint.Tensor{DType: tt.dtype, Data: tt.data}.Float32()
		require.NoError(t, err)
		assert.Equal(t, []float32{tt.want}, got, "%s %x", tt.dtype, tt.data)
	}
	nan, err := checkpoint.Tensor{DType: checkpoint.F16, Data: []byte{0x01, 0x7e}}.Float32()
	require.NoError(t, err)
	assert.True(t, math.IsNaN(float64(nan[0])))

	_, err = checkpoint.Tensor{Name: "n", DType: checkpoint.I64, Data: make([]byte, 8)}.Float32()
	require.ErrorContains(t, err, `tensor "n" has dtype I64; F32, F16, BF16 or F64 is needed`)
}
