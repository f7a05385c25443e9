// SPDX-License-Identifier: MIT

package arch

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/models/sketch"
)

// The head, one whole block and the tail of torchvision's
// regnet_y_400mf().state_dict(), name and shape.
func TestManifestIsTorchvisionsStateDict(t *testing.T) {
	p, err := Lookup("regnet_y_400mf")
	require.NoError(t, err)
	m := p.Manifest()
	text := func(e sketch.Entry) string { return fmt.Sprint(e.Name, " ", e.Shape, " ", e.Kind) }
	for i, want := range []string{
		"stem.0.weight [32 3 3 3] param",
		"stem.1.weight [32] param",
		"stem.1.bias [32] param",
		"stem.1.running_mean [32] buffer",
		"stem.1.running_var [32] buffer",
		"stem.1.num_batches_tracked [] buffer",
		"trunk_output.block1.block1-0.proj.0.weight [48 32 1 1] param",
		"trunk_output.block1.block1-0.proj.1.weight [48] param",
		"trunk_output.block1.block1-0.proj.1.bias [48] param",
		"trunk_output.block1.block1-0.proj.1.running_mean [48] buffer",
		"trunk_output.block1.block1-0.proj.1.running_var [48] buffer",
		"trunk_output.block1.block1-0.proj.1.num_batches_tracked [] buffer",
		"trunk_output.block1.block1-0.f.a.0.weight [48 32 1 1] param",
		"trunk_output.block1.block1-0.f.a.1.weight [48] param",
		"trunk_output.block1.block1-0.f.a.1.bias [48] param",
		"trunk_output.block1.block1-0.f.a.1.running_mean [48] buffer",
		"trunk_output.block1.block1-0.f.a.1.running_var [48] buffer",
		"trunk_output.block1.block1-0.f.a.1.num_batches_tracked [] buffer",
		"trunk_output.block1.block1-0.f.b.0.weight [48 8 3 3] param",
		"trunk_output.block1.block1-0.f.b.1.weight [48] param",
		"trunk_output.block1.block1-0.f.b.1.bias [48] param",
		"trunk_output.block1.block1-0.f.b.1.running_mean [48] buffer",
		"trunk_output.block1.block1-0.f.b.1.running_var [48] buffer",
		"trunk_output.block1.block1-0.f.b.1.num_batches_tracked [] buffer",
		"trunk_output.block1.block1-0.f.se.fc1.weight [8 48 1 1] param",
		"trunk_output.block1.block1-0.f.se.fc1.bias [8] param",
		"trunk_output.block1.block1-0.f.se.fc2.weight [48 8 1 1] param",
		"trunk_output.block1.block1-0.f.se.fc2.bias [48] param",
		"trunk_output.block1.block1-0.f.c.0.weight [48 48 1 1] param",
		"trunk_output.block1.block1-0.f.c.1.weight [48] param",
	} {
		assert.Equal(t, want, text(m[i]), "entry %d", i)
	}
	assert.Equal(t, "trunk_output.block4.block4-5.f.c.1.num_batches_tracked [] buffer", text(m[len(m)-1]))
	c := p.Classifier(1000)
	assert.Equal(t, "fc.weight [1000 440] param", text(c[0]))
	assert.Equal(t, "fc.bias [1000] param", text(c[1]))
}

func TestManifestProperties(t *testing.T) {
	for _, name := range Names() {
		p, err := Lookup(name)
		require.NoError(t, err)
		seen := map[string]bool{}
		counters := 0
		for _, e := range p.Manifest() {
			assert.False(t, seen[e.Name], "%s twice in %s", e.Name, name)
			seen[e.Name] = true
			assert.Positive(t, e.Numel(), e.Name)
			if e.Integer {
				counters++
				assert.Equal(t, sketch.Buffer, e.Kind)
				assert.Empty(t, e.Shape)
			}
		}
		// One batch norm behind the stem, three a block and one a projection.
		assert.Equal(t, 1+3*p.Depth+4, counters, name)
	}
}
