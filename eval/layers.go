// SPDX-License-Identifier: MIT

package eval

import (
	"errors"
	"fmt"
	"strings"

	"seer/config"
	"seer/models"
	"seer/models/vit"
	"seer/nn"
	"seer/torch"
)

// layer is an output of the trunk in its place among the columns of the features.
type layer struct {
	config.Layer
	offset, width int64
}

// Reading is b with the outputs of some layers as features, beside each other, and the width of each. One pass through
// the trunk computes them all. It shares the trunk with b: one of the two is closed.
func (b *Backbone) Reading(layers []config.Layer) (*Backbone, []int64, error) {
	out, offset := *b, int64(0)
	out.layers = nil
	var widths []int64
	for _, l := range layers {
		width, err := layerWidth(b.Trunk, l)
		if err != nil {
			return nil, nil, fmt.Errorf("layer %q of %s: %w", l, b.Origin.Arch, err)
		}
		out.layers = append(out.layers, layer{l, offset, width})
		widths, offset = append(widths, width), offset+width
	}
	if len(layers) == 1 && layers[0] == (config.Layer{}) {
		out.layers = nil // the trunk's own output
	}
	return &out, widths, nil
}

// Layers names the layers that b reads, and is empty for the trunk's own output.
func (b *Backbone) Layers() string {
	names := make([]string, len(b.layers))
	for i, l := range b.layers {
		names[i] = l.String()
	}
	return strings.Join(names, ",")
}

// Width is the number of features of an image.
func (b *Backbone) Width() int64 {
	if len(b.layers) == 0 {
		return b.Trunk.Width()
	}
	last := b.layers[len(b.layers)-1]
	return last.offset + last.width
}

// layerWidth is the number of features of a layer, if the trunk has it.
func layerWidth(trunk models.Trunk, l config.Layer) (int64, error) {
	_, tokens := trunk.(*vit.ViT)
	stages, blocks := trunk.StageWidths(), len(trunk.Segments())-2 // without stem and normalisation
	switch {
	case l.Stage > 0 && tokens:
		return 0, errors.New("a transformer's stage has tokens in place of maps: take \"pool\", \"blocks4\" or \"blocks4+mean\"")
	case l.Stage > len(stages):
		return 0, fmt.Errorf("the trunk has %d stages, %d to %d", len(stages), 1, len(stages))
	case l.Stage > 0:
		return stages[l.Stage-1] * int64(l.Rows*l.Columns), nil
	case l.Blocks > 0 && !tokens:
		return 0, errors.New("only transformers have class tokens: take \"pool\" or a stage such as \"stage4:2x1\"")
	case l.Blocks > blocks:
		return 0, fmt.Errorf("the trunk has %d blocks", blocks)
	case l.Mean:
		return int64(l.Blocks+1) * trunk.Width(), nil
	}
	return int64(max(l.Blocks, 1)) * trunk.Width(), nil
}

// read computes the layers of images [N,3,H,W] into out [N, Width].
func (b *Backbone) read(out, images *torch.Tensor) {
	segments, x := b.Trunk.Segments(), images
	for i, s := range segments {
		y := s.Forward(&nn.Context{}, x)
		if x != images {
			x.Close()
		}
		x = y
		for _, l := range b.layers {
			if features := b.featuresBehind(segments, i, l, x); features != nil {
				at := l.offset
				if l.Blocks > 0 { // its tokens come one block after the other
					at += int64(i-(len(segments)-1-l.Blocks)) * b.Trunk.Width()
				}
				out.Narrow(1, at, features.Size(1)).CopyInPlace(features)
			}
		}
	}
}

// featuresBehind is what x, the output of segment i, gives to a layer; nil for nothing.
func (b *Backbone) featuresBehind(segments []nn.Module, i int, l layer, x *torch.Tensor) *torch.Tensor {
	last := len(segments) - 1
	switch {
	case l.Stage > 0:
		if b.Trunk.Ends()[l.Stage-1] != i {
			return nil
		}
		return x.AdaptiveAvgPool2d(int64(l.Rows), int64(l.Columns)).Flatten(1, 3)
	case l.Blocks > 0:
		if i < last-l.Blocks || i == last {
			return nil
		}
		tokens := segments[last].Forward(&nn.Context{}, x)
		class := b.Trunk.Pool(tokens)
		if l.Mean && i == last-1 {
			return torch.Cat(1, class, tokens.Narrow(1, 1, tokens.Size(1)-1).MeanDims(false, 1))
		}
		return class
	case i == last:
		return b.Trunk.Pool(x)
	}
	return nil
}
