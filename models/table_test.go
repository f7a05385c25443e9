// SPDX-License-Identifier: MIT

package models_test

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/internal/golden"
	"seer/models"
	"seer/models/arch"
	"seer/models/sketch"
	"seer/nn"
	"seer/torch"
	"seer/torch/torchtest"
)

// others tells the architectures that trunks.safetensors holds from RegNetY.
func others(name string) bool { return !strings.HasPrefix(name, "regnet_y_") }

// counted is what the golden file says of a whole network.
type counted struct {
	Parameters, MACs int64
	Names            string
	Ops              float64
	Kept             int64
	Seed             uint64
}

func countedOf(t *testing.T, file *golden.File, name string) (c counted) {
	t.Helper()
	require.NoError(t, json.Unmarshal([]byte(file.Meta[name]), &c), "the golden file lacks %s", name)
	return c
}

// Names, shapes and order of the state dict are the library's, in the description and in the model built from it. On the
// meta device that costs no memory.
func TestStateDictOfEveryArchitecture(t *testing.T) {
	file, err := golden.Load("trunks.safetensors")
	require.NoError(t, err)
	for _, name := range arch.Names() {
		torchtest.NoLeaks(t)
		n, err := arch.Lookup(name)
		require.NoError(t, err)
		manifest := sketch.Manifest(n)
		if others(name) {
			want := countedOf(t, file, name)
			assert.Equal(t, want.Names, digest(manifest), name)
			assert.Equal(t, want.Parameters, sketch.Parameters(manifest), name)
		}
		m, err := models.New(n, torch.Meta, 10)
		require.NoError(t, err)
		assert.Equal(t, lines(append(manifest, n.Classifier(10)...), true), ofModel(m), name)
		nn.Close(m)
	}
}

func digest(entries []sketch.Entry) string {
	sum := sha256.Sum256([]byte(strings.Join(lines(entries, false), "\n")))
	return hex.EncodeToString(sum[:])
}

// lines are "name d0,d1"; of a model, which keeps no counters, floating means to leave those out and to say the kind.
func lines(entries []sketch.Entry, floating bool) []string {
	var all []string
	for _, e := range entries {
		switch {
		case !floating:
			all = append(all, line(e.Name, e.Shape))
		case !e.Integer:
			all = append(all, line(e.Name, e.Shape)+fmt.Sprint(" buffer ", e.Kind == sketch.Buffer))
		}
	}
	return all
}

func ofModel(w nn.Walker) []string {
	var all []string
	for _, e := range nn.Entries(w) {
		all = append(all, line(e.Name, e.Tensor.Shape())+fmt.Sprint(" buffer ", e.Kind == nn.Buffer))
	}
	return all
}

func line(name string, shape []int64) string {
	return name + " " + strings.ReplaceAll(strings.Trim(fmt.Sprint(shape), "[]"), " ", ",")
}

// The multiply-adds are those that PyTorch counts, and within a hundredth what torchvision publishes.
func TestCostIsThePublishedOne(t *testing.T) {
	file, err := golden.Load("trunks.safetensors")
	require.NoError(t, err)
	for _, name := range arch.Names() {
		if !others(name) {
			continue
		}
		n, err := arch.Lookup(name)
		require.NoError(t, err)
		want := countedOf(t, file, name)
		got := sketch.Total(sketch.Draw(n, 224, 224).Segments).MACs + 1000*int64(n.Width())
		assert.InEpsilon(t, want.MACs, got, 1e-3, name)
		if want.Ops > 0 {
			assert.InEpsilon(t, want.Ops, float64(got)/1e9, 0.01, name)
		}
	}
}

// The bytes are those that autograd keeps of torchvision's model, which is computed as ours is.
func TestBytesAreWhatAutogradKeeps(t *testing.T) {
	file, err := golden.Load("trunks.safetensors")
	require.NoError(t, err)
	checked := 0
	for _, name := range arch.Names() {
		if file.Meta[name] == "" {
			continue
		}
		n, err := arch.Lookup(name)
		require.NoError(t, err)
		n, side := reduced(n)
		if side < 64 {
			side = 128 // at 40 pixels the statistics of batch norm, one set a batch, would count
		}
		if want := countedOf(t, file, name); want.Kept > 0 {
			got := 2 * sketch.Total(sketch.Draw(n, int(side), int(side)).Segments).Bytes
			assert.InEpsilon(t, want.Kept, got, 0.03, name)
			checked++
		}
	}
	assert.Equal(t, 17, checked, "two RegNetY, seven RegNetX, six ResNets, two ViTs")
}

// every builds a small trunk of each kind.
func every(t *testing.T) map[string]models.Trunk {
	t.Helper()
	all := map[string]models.Trunk{}
	for _, name := range []string{"regnet_y_200mf", "regnet_x_400mf", "resnet50", "resnext50_32x4d", "simclrv2_r152_3x_sk1", "vit_s_16"} {
		n, err := arch.Lookup(name)
		require.NoError(t, err)
		n, _ = reduced(n)
		m, err := models.New(n, torchtest.Device, 0)
		require.NoError(t, err)
		t.Cleanup(func() { nn.Close(m) })
		all[name] = m
	}
	return all
}
