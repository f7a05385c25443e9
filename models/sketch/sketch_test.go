// SPDX-License-Identifier: MIT

package sketch_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"

	"seer/models/sketch"
)

// pair is a convolution with batch norm, and a linear layer on its pixels.
type pair struct{}

func (pair) Draw(s *sketch.Sketch, images sketch.Map) {
	s.Segment("stem")
	x := s.Conv("conv", images, sketch.Conv{Out: 6, Kernel: 3, Stride: 2, Groups: 3, Bias: true})
	s.BatchNorm("bn", x)
	s.EndSegment(x)
	s.EndStage(x)
	s.Segment("mix")
	y := s.Linear("mix.", x, 4)
	s.Product(7)
	s.Keep(y)
	s.KeepBytes(3)
	s.EndSegment(y)
	s.EndStage(y)
}
func (pair) Width() int                    { return 4 }
func (pair) Stride() int                   { return 2 }
func (pair) Multiple() int                 { return 1 }
func (pair) Classifier(int) []sketch.Entry { return nil }

func TestWhatIsDrawnIsCounted(t *testing.T) {
	s := sketch.Draw(pair{}, 5, 8) // 3×4 pixels behind the stride
	assert.Equal(t, []sketch.SegmentCost{
		{Name: "stem", MACs: 6 * 12 * 9, Activations: 6 * 12, Bytes: 4 * 6 * 12, Output: 4 * 6 * 12, Largest: 4 * 6 * 12, Parameters: 6*9 + 6 + 6 + 6},
		{Name: "mix", MACs: 4*12*6 + 7, Activations: 4 * 12, Bytes: 4*4*12 + 3, Output: 4 * 4 * 12, Largest: 4 * 4 * 12, Parameters: 24 + 4},
	}, s.Segments)
	assert.Equal(t, []int{0, 1}, s.Ends)
	assert.Equal(t, []int64{6, 4}, s.Widths)
	assert.Equal(t, sketch.SegmentCost{Name: "all", MACs: 6*12*9 + 4*12*6 + 7, Activations: 120, Bytes: 4*120 + 3, Output: 4 * 4 * 12, Largest: 4 * 6 * 12, Parameters: 100}, sketch.Total(s.Segments))
	assert.Equal(t, int64(6*9+6+6+6+24+4), sketch.Parameters(s.Entries))
}

func TestUnpaddedConvolutionsRoundDown(t *testing.T) {
	var s sketch.Sketch
	s.Segment("stem")
	patches := sketch.Conv{Out: 8, Kernel: 16, Stride: 16, Unpadded: true}
	assert.Equal(t, sketch.Map{Channels: 8, Height: 2, Width: 3}, s.Conv("conv", sketch.Map{Channels: 3, Height: 47, Width: 48}, patches))
	assert.Equal(t, sketch.Map{Channels: 8}, s.Conv("none", sketch.Map{Channels: 3}, patches))
}

func ExampleManifest() {
	for _, e := range sketch.Manifest(pair{}) {
		fmt.Println(e.Name, e.Shape, e.Kind)
	}
	// Output:
	// conv.weight [6 1 3 3] param
	// conv.bias [6] param
	// bn.weight [6] param
	// bn.bias [6] param
	// bn.running_mean [6] buffer
	// bn.running_var [6] buffer
	// bn.num_batches_tracked [] buffer
	// mix.weight [4 6] param
	// mix.bias [4] param
}
