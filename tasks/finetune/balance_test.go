// SPDX-License-Identifier: MIT

package finetune

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Balanced weights are scikit-learn's compute_class_weight("balanced", …) of 6, 3 and 1 images; every class then counts
// alike in a pass over the images.
func TestWeightsThatBalanceClasses(t *testing.T) {
	assert.Equal(t, []float32{10. / 18, 10. / 9, 1, 10. / 3}, classWeights([]int64{6, 3, 0, 1}, 10))
	assert.Equal(t, []float32{3, 0.25, 1, 1}, positiveWeights([]int64{2, 4, 0, 5}, []int64{8, 5, 9, 5}))
}

func TestWeightsOfAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "weights.csv")
	write := func(text string) { require.NoError(t, os.WriteFile(path, []byte(text), 0o600)) }
	classes := []string{"ape", "owl, barn"}
	write("\"owl, barn\",2.5\nape,1\n")
	weights, err := readWeights(path, classes)
	require.NoError(t, err)
	assert.Equal(t, []float32{1, 2.5}, weights)
	for text, want := range map[string]string{
		"ape,1\n":                    `no weight for the class "owl, barn"; give each of the 2 classes one`,
		"ape,1\nyak,2\n":             `weights.csv:2: "yak" is none of the 2 classes of data.source, such as "ape"`,
		"ape,0\n":                    `weights.csv:1: the weight of "ape" is "0"; allowed are numbers over 0`,
		"ape,heavy\n":                `"heavy"; allowed are`,
		"ape,1\nape,1\n":             `weights.csv:2: the class "ape" has a weight already`,
		"ape,1,2\n":                  "a line is a class, a comma and its weight",
		"ape,inf\n\"owl, barn\",1\n": "allowed are numbers over 0",
	} {
		write(text)
		_, err := readWeights(path, classes)
		assert.ErrorContains(t, err, want)
	}
	_, err = readWeights(path+"x", classes)
	assert.ErrorContains(t, err, "weights.csvx")
}
