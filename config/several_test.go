// SPDX-License-Identifier: MIT

package config

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestSeveralAreOneValueOrAList(t *testing.T) {
	for text, want := range map[string]Several[int]{"k = 20": {20}, "k = [20]": {20}, "k = [10, 200]": {10, 200}, "k = []": {}} {
		e, err := load(t, "version = 1\n[knn]\n"+text)
		require.NoError(t, err)
		assert.Equal(t, want, e.KNN.K)
		again, err := e.Text()
		require.NoError(t, err)
		assert.Regexp(t, `(?m)^\s*k = \d+$|^\s*k = \[.*\]$`, again)
		e, err = load(t, again)
		require.NoError(t, err)
		assert.Equal(t, want, e.KNN.K)
	}
	e := Default()
	for set, want := range map[string]Several[int]{"knn.k=7": {7}, "knn.k=[7]": {7}, "knn.k=7,9": {7, 9}, "knn.k=[7, 9]": {7, 9}} {
		require.NoError(t, e.Set([]string{set}))
		assert.Equal(t, want, e.KNN.K, set)
	}
	assert.ErrorContains(t, e.Set([]string{"knn.k=many"}), "wanted is a whole number, or a list of them")
	assert.ErrorContains(t, e.Set([]string{"knn.k=0.5"}), "wanted is a whole number, or a list of them")
	_, err := load(t, "version = 1\n[knn]\nk = \"many\"")
	assert.ErrorContains(t, err, "knn.k")
}
