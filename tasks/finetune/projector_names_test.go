// SPDX-License-Identifier: MIT

package finetune

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/checkpoint"
	"seer/eval"
)

// zeros is a float32 tensor of zeros.
func zeros(name string, shape ...int64) checkpoint.Tensor {
	n := int64(4)
	for _, d := range shape {
		n *= d
	}
	return checkpoint.Tensor{Name: name, DType: checkpoint.F32, Shape: shape, Data: make([]byte, n)}
}

// VISSL's checkpoints have the head below heads.0, and with batch norm a counter that is nothing's weight.
func TestProjectorsOfVISSLAreRead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "vissl.safetensors")
	head := func(prefix string) []checkpoint.Tensor {
		return []checkpoint.Tensor{
			zeros(prefix+"projection_head.0.weight", 6, 4), zeros(prefix+"projection_head.0.bias", 6),
			zeros(prefix+"projection_head.1.weight", 6), zeros(prefix+"projection_head.1.running_mean", 6), zeros(prefix + "projection_head.1.num_batches_tracked"),
			zeros(prefix+"projection_head.3.weight", 5, 6), zeros(prefix+"projection_head.6.weight", 2, 5), zeros(prefix+"prototypes0.weight", 9, 2),
		}
	}
	require.NoError(t, checkpoint.WriteSafetensors(file, head("heads.0."), nil))
	p, err := readProjector(eval.TrunkSource{Weights: file}, 2)
	require.NoError(t, err)
	assert.Equal(t, []int{6, 5}, p.widths)
	var names []string
	for _, tensor := range p.tensors {
		names = append(names, tensor.Name)
	}
	assert.ElementsMatch(t, []string{"hidden.0.0.weight", "hidden.0.0.bias", "hidden.0.1.weight", "hidden.0.1.running_mean", "hidden.1.0.weight"}, names)

	two := append(head("student.heads.0."), head("teacher.heads.0.")...)
	require.NoError(t, checkpoint.WriteSafetensors(file, two, nil))
	_, err = readProjector(eval.TrunkSource{Weights: file}, 1)
	assert.ErrorContains(t, err, "several projection heads: student.heads.0.projection_head., teacher.heads.0.projection_head.; choose with --prefix")
	p, err = readProjector(eval.TrunkSource{Weights: file, Prefix: "student."}, 1)
	require.NoError(t, err)
	assert.Equal(t, []int{6}, p.widths)
}
