// SPDX-License-Identifier: MIT

package regnet_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/models/regnet"
	"seer/models/regnet/arch"
	"seer/models/sketch"
	"seer/nn"
	"seer/torch"
	"seer/torch/torchtest"
)

// described is what must agree between a built model and the arithmetic.
type described struct {
	Name  string
	Shape []int64
	Kind  nn.Kind
}

// fromManifest leaves num_batches_tracked out, as nn.BatchNorm does.
func fromManifest(entries []sketch.Entry) []described {
	var ds []described
	for _, e := range entries {
		if e.Integer {
			continue
		}
		kind := nn.Parameter
		if e.Kind == sketch.Buffer {
			kind = nn.Buffer
		}
		ds = append(ds, described{e.Name, e.Shape, kind})
	}
	return ds
}

func fromModel(m nn.Walker) []described {
	var ds []described
	for _, e := range nn.Entries(m) {
		ds = append(ds, described{e.Name, e.Tensor.Shape(), e.Kind})
	}
	return ds
}

// Names, shapes, kinds and order of every variant are the arithmetic's, with and without classifier. On the meta device
// even the ten billion parameters of regnet_y_10b cost nothing.
func TestStateDictOfEveryVariant(t *testing.T) {
	for _, name := range arch.Names() {
		t.Run(name, func(t *testing.T) {
			torchtest.NoLeaks(t)
			p, err := arch.Lookup(name)
			require.NoError(t, err)
			m, err := regnet.New(p, torch.Meta, 10)
			require.NoError(t, err)
			defer nn.Close(m)
			want := append(p.Manifest(), p.Classifier(10)...)
			require.Equal(t, fromManifest(want), fromModel(m))
			classifier := 10 * (int64(p.Width()) + 1)
			assert.Equal(t, p.TrunkParameters()+classifier, nn.CountParameters(m))
			assert.Equal(t, int64(p.Width()), m.Width())
		})
	}
}

// Counts that torchvision and timm publish, or that SEER's released files have, independent of the arithmetic.
func TestParameterCounts(t *testing.T) {
	for name, want := range map[string]int64{
		"regnet_y_400mf": 3_903_144, "regnet_y_1_6gf": 10_313_430, "regnet_y_16gf": 80_565_140,
		"regnet_y_128gf": 637_419_894, "regnet_y_256gf": 1_272_156_138, "regnet_y_10b": 9_323_934_872,
	} {
		p, err := arch.Lookup(name)
		require.NoError(t, err)
		m, err := regnet.New(p, torch.Meta, 0)
		require.NoError(t, err)
		assert.Equal(t, want, nn.CountParameters(m), name)
		nn.Close(m)
	}
}

// A prefix is put before every name, for systems that hold a trunk among other things.
func TestWalkWithPrefix(t *testing.T) {
	torchtest.NoLeaks(t)
	m := load(t, "regnet_y_200mf", 3)
	var first, last string
	m.Walk("trunk", func(e nn.Entry) {
		if first == "" {
			first = e.Name
		}
		last = e.Name
	})
	assert.Equal(t, "trunk.stem.0.weight", first)
	assert.Equal(t, "trunk.fc.bias", last)
}

func TestImpossibleParameters(t *testing.T) {
	_, err := regnet.New(arch.Params{Depth: -1}, torchtest.Device, 0)
	require.Error(t, err)
}
