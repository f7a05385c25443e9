// SPDX-License-Identifier: MIT

// Package arch describes vision transformers (arXiv 2010.11929) without tensors.
package arch

import (
	"errors"
	"fmt"

	"seer/models/sketch"
)

// ViT is one vision transformer with a class token.
type ViT struct {
	Patch  int // side of a patch, pixels
	Image  int // side of the images that the position embedding is for, pixels
	Layers int
	Heads  int
	Hidden int // channels of a token
	MLP    int // channels inside the perceptrons
}

// Variants are the published transformers, under torchvision's names. torchvision has no ViT-S: vit_s_16 has the sizes of
// timm's vit_small_patch16_224.
var Variants = map[string]sketch.Network{
	"vit_s_16": ViT{Patch: 16, Image: 224, Layers: 12, Heads: 6, Hidden: 384, MLP: 1536},
	"vit_b_16": ViT{Patch: 16, Image: 224, Layers: 12, Heads: 12, Hidden: 768, MLP: 3072},
	"vit_l_16": ViT{Patch: 16, Image: 224, Layers: 24, Heads: 16, Hidden: 1024, MLP: 4096},
}

// Validate says what is wrong with a description, or nil.
func (v ViT) Validate() error {
	var problems []error
	for _, n := range []int{v.Patch, v.Image, v.Layers, v.Heads, v.Hidden, v.MLP} {
		if n < 1 || n > 1<<20 {
			problems = append(problems, fmt.Errorf("a size of %d: all must be 1 or more", n))
		}
	}
	if len(problems) == 0 && (v.Image%v.Patch != 0 || v.Hidden%v.Heads != 0) {
		problems = append(problems, fmt.Errorf("an image of %d with patches of %d, %d channels with %d heads: both must divide", v.Image, v.Patch, v.Hidden, v.Heads))
	}
	return errors.Join(problems...)
}

// Grid is the number of patches on a side of the images that the position embedding is for.
func (v ViT) Grid() int { return v.Image / v.Patch }

// Width is the number of features: those of the class token.
func (v ViT) Width() int { return v.Hidden }

// Stride is the side of a patch, pixels.
func (v ViT) Stride() int { return v.Patch }

// Multiple is the side of a patch too: images are made of whole ones.
func (v ViT) Multiple() int { return v.Patch }

// Classifier lists the two tensors behind the trunk.
func (v ViT) Classifier(classes int) []sketch.Entry {
	return []sketch.Entry{
		{Name: "heads.head.weight", Shape: []int64{int64(classes), int64(v.Hidden)}},
		{Name: "heads.head.bias", Shape: []int64{int64(classes)}},
	}
}

// Draw draws patches, layers and the last normalisation under torchvision's names. All of it is one stage, at a
// resolution of one patch.
func (v ViT) Draw(s *sketch.Sketch, images sketch.Map) {
	s.Segment("stem")
	s.Add("class_token", sketch.Param, 1, 1, v.Hidden)
	patches := s.Conv("conv_proj", images, sketch.Conv{Out: v.Hidden, Kernel: v.Patch, Stride: v.Patch, Bias: true, Unpadded: true})
	s.Add("encoder.pos_embedding", sketch.Param, 1, v.Grid()*v.Grid()+1, v.Hidden)
	n := patches.Height * patches.Width
	x := sketch.Map{Channels: v.Hidden, Height: n + min(n, 1), Width: 1}
	s.Keep(x)
	s.EndSegment(x)
	for i := range v.Layers {
		v.layer(s, i, x)
	}
	s.EndStage(x)
	s.Segment("ln")
	s.Norm("encoder.ln", x)
	s.EndSegment(x)
}

// layer is attention and a perceptron, each normalised before and added to what it was computed from.
func (v ViT) layer(s *sketch.Sketch, i int, x sketch.Map) {
	name := fmt.Sprintf("encoder.layers.encoder_layer_%d", i)
	s.Segment(name)
	s.Norm(name+".ln_1", x)
	s.Keep(x) // normalised
	qkv := s.Linear(name+".self_attention.in_proj_", x, 3*v.Hidden)
	s.Keep(qkv)
	s.Product(2 * int64(x.Height) * int64(x.Height) * int64(v.Hidden))
	s.Keep(x) // attention
	s.Linear(name+".self_attention.out_proj.", x, v.Hidden)
	s.Keep(x) // the sum
	s.Norm(name+".ln_2", x)
	s.Keep(x) // normalised
	inside := s.Linear(name+".mlp.0.", x, v.MLP)
	s.Keep(inside)
	s.Keep(inside) // its GELU
	s.Linear(name+".mlp.3.", inside, v.Hidden)
	s.Keep(x) // the sum
	s.EndSegment(x)
}
