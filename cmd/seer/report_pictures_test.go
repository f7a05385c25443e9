// SPDX-License-Identifier: MIT

package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Points of a line in space lie in order on the first component, which holds all.
func TestPrincipalComponents(t *testing.T) {
	var rows [][]float32
	for i := range 6 {
		rows = append(rows, []float32{float32(i) * 2, 5, float32(i) * -1})
	}
	plane, share, err := principal(rows)
	require.NoError(t, err)
	assert.InDelta(t, 1, share, 1e-9)
	step := plane[1][0] - plane[0][0]
	for i := range 5 {
		assert.InDelta(t, step, plane[i+1][0]-plane[i][0], 1e-9)
		assert.InDelta(t, 0, plane[i][1], 1e-9)
	}
	assert.InDelta(t, 5, step*step, 1e-9)
}

func TestReportShowsWhatARunSees(t *testing.T) {
	images := coloured(t, 12)
	path, run := experimentFile(t, images)
	mustInvoke(t, "pretrain", path)
	out := filepath.Join(t.TempDir(), "page.html")
	mustInvoke(t, "report", run, "--images", images, "--size", "32", "--out", out)
	page, err := os.ReadFile(out)
	require.NoError(t, err)
	assert.Contains(t, string(page), "Map of the features")
	assert.Contains(t, string(page), "12 images at the first two principal components")
	assert.Contains(t, string(page), "Nearest neighbours")
	assert.Equal(t, 2, strings.Count(string(page), "data:image/png;base64,"))

	for want, args := range map[string][]string{
		"--size is about --images":     {"report", run, "--size", "32"},
		"--images are seen by one run": {"report", run, run, "--images", images, "--out", out},
		"--size 4: must be at least 8": {"report", run, "--images", images, "--size", "4"},
		"--images: ":                   {"report", run, "--images", "/nowhere"},
		"leave --images away":          {"report", run, "--watch", "--images", images},
	} {
		_, _, err := invoke(t, args...)
		assert.ErrorContains(t, err, want)
	}
}
