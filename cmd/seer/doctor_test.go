// SPDX-License-Identifier: MIT

package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/bench"
	"seer/data/datatest"
)

func TestDoctorFindsAllWell(t *testing.T) {
	dir := t.TempDir()
	out := mustInvoke(t, "doctor", "--device", "cpu", "--data", coloured(t, 9), "--dir", dir, "--disk-mb", "2")
	for _, what := range []string{"libtorch", "device", "processor", "memory", "disk", "training", "data"} {
		assert.Contains(t, out, "✓ "+what)
	}
	assert.Contains(t, out, "2.11.0 from /")
	assert.Contains(t, out, "9 images")
	left, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Empty(t, left, "the file that measures the disk goes")
}

func TestDoctorNamesWhatIsMissing(t *testing.T) {
	dir := t.TempDir()
	for i := range 8 {
		content := datatest.JPEG(20, 20, uint64(i))
		if i < 5 {
			content = []byte("no image")
		}
		datatest.Write(t, filepath.Join(dir, string(rune('a'+i))+".jpg"), content)
	}
	out, _, err := invoke(t, "doctor", "--device", "tpu", "--data", dir, "--dir", filepath.Join(dir, "none"))
	assert.ErrorContains(t, err, "4 of 7 checks")
	for _, want := range []string{"✗ device", `"tpu"`, "✗ disk", "--dir DIR", "✗ training", "✗ data", "5 of 8 cannot be used"} {
		assert.Contains(t, out, want)
	}
	out, _, err = invoke(t, "doctor", "--device", "tpu", "--data", filepath.Join(dir, "none"), "--dir", dir, "--disk-mb", "1")
	assert.ErrorContains(t, err, "3 of 7 checks")
	assert.Contains(t, out, "no such file")
}

func TestBenchLoader(t *testing.T) {
	out := mustInvoke(t, "bench", "loader", "--images", coloured(t, 9), "--crops", "2x32,1x16", "--batch", "4", "--seconds", "0.2", "--json")
	var r bench.LoaderResult
	require.NoError(t, json.Unmarshal([]byte(out), &r))
	assert.Positive(t, r.ImgS)
	assert.InEpsilon(t, float64(r.Images)/r.Seconds, r.ImgS, 0.5)
	assert.Positive(t, r.DecodeMs)
	assert.Contains(t, mustInvoke(t, "bench", "loader", "--images", coloured(t, 3), "--crops", "1x16", "--seconds", "0.1"), "images/s with 1 workers")
	for name, tt := range map[string]struct{ args, want string }{
		"crops":   {"--images x --crops 2-224", "is not COUNTxSIZE"},
		"workers": {"--images x --workers -1", "--workers -1: must be at least 0"},
		"seconds": {"--images x --seconds 0", "--seconds 0: must be over 0"},
		"images":  {"--images /nowhere", "/nowhere"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := invoke(t, append([]string{"bench", "loader"}, strings.Fields(tt.args)...)...)
			assert.ErrorContains(t, err, tt.want)
		})
	}
}
