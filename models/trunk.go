// SPDX-License-Identifier: MIT

// Package models holds the contract of trunks and the table of architectures. A trunk turns images into features; what
// is trained, probed or detected with sees nothing else of it.
package models

import (
	"seer/models/sketch"
	"seer/nn"
	"seer/torch"
)

// Trunk is a network that turns images into features, as a chain of segments.
type Trunk interface {
	// Module's Forward maps images [N,3,H,W] to pooled features [N,Width], or to logits where the trunk was built with a
	// classifier.
	nn.Module
	// Segments lists stem, blocks and whatever follows them in order. Only one tensor passes from one to the next, so
	// that a trunk can be cut, recomputed and frozen at each. All parameters but a classifier's are in a segment.
	Segments() []nn.Module
	// Pool turns the last segment's output into features [N,Width].
	Pool(x *torch.Tensor) *torch.Tensor
	// Ends are the indices of the segments that end a stage: their outputs are the maps of a pyramid, finest first
	// ([N,C,H,W]; [N,1+H·W,C] of a transformer).
	Ends() []int
	// Stages computes those maps for images [N,3,H,W].
	Stages(ctx *nn.Context, images *torch.Tensor) []*torch.Tensor
	// StageWidths are the channels behind each stage, in the order of Ends.
	StageWidths() []int64
	// Width is the number of pooled features.
	Width() int64
	// Cost is the work and memory of each segment for an image of height×width pixels.
	Cost(height, width int) []SegmentCost
}

// SegmentCost is the work and memory of one segment for one image.
type SegmentCost = sketch.SegmentCost
