// SPDX-License-Identifier: MIT

// Package evaltest makes features and labelled pictures for tests of evaluations.
package evaltest

import (
	"bytes"
	"image"
	"image/png"
	"math/rand/v2"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"seer/config"
	"seer/data/datatest"
	"seer/eval"
	"seer/models/regnet/arch"
	"seer/torch"
)

// Tiny is the smallest RegNetY that has four stages.
var Tiny = arch.Params{Depth: 4, W0: 8, WA: 8, WM: 2, GroupWidth: 8}

// Experiment has the tiny trunk and a normalisation of its own.
func Experiment() *config.Experiment {
	e := config.Default()
	e.Version, e.Run.Device = config.Version, "cpu"
	e.Model = config.Model{Arch: "regnet_y", Depth: Tiny.Depth, W0: Tiny.W0, WA: Tiny.WA, WM: Tiny.WM, GroupWidth: Tiny.GroupWidth}
	e.Augment.Mean, e.Augment.Std = [3]float64{0.1, 0.2, 0.3}, [3]float64{0.4, 0.5, 0.6}
	return e
}

// Cloud draws n points around one centre a class.
func Cloud(n, width, classes int, spread float64, seed uint64) ([]float32, []int64) {
	rng := rand.New(rand.NewPCG(seed, 1))
	centre := rand.New(rand.NewPCG(7, 7))
	centres := make([]float64, classes*width)
	for i := range centres {
		centres[i] = centre.NormFloat64()
	}
	values, labels := make([]float32, n*width), make([]int64, n)
	for i := range n {
		labels[i] = int64(i % classes)
		for d := range width {
			values[i*width+d] = float32(centres[i%classes*width+d] + spread*rng.NormFloat64())
		}
	}
	return values, labels
}

// Features makes features of rows of values.
func Features(values []float32, labels []int64) *eval.Features {
	indices := make([]int64, len(labels))
	for i := range indices {
		indices[i] = int64(i)
	}
	n := int64(len(labels))
	return &eval.Features{X: torch.FromFloat32(values, n, int64(len(values))/n), Labels: labels, Indices: indices}
}

// Coloured writes n pictures in three folders, of one colour each.
func Coloured(t *testing.T, n int) string {
	t.Helper()
	dir := t.TempDir()
	for i := range n {
		img := datatest.Draw(40, 36, uint64(i))
		for p := 0; p < len(img.Pix); p += 4 {
			for c := range 3 {
				img.Pix[p+c] = img.Pix[p+c]/8 + uint8(200*(boolInt(c == i%3)))
			}
		}
		WritePNG(t, filepath.Join(dir, []string{"red", "green", "blue"}[i%3], string(rune('a'+i))+".png"), img)
	}
	return dir
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

// WritePNG writes a picture.
func WritePNG(t *testing.T, path string, img image.Image) {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, img))
	datatest.Write(t, path, b.Bytes())
}
