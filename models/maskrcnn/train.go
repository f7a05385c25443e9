// SPDX-License-Identifier: MIT

package maskrcnn

import (
	"fmt"
	"slices"

	"seer/models/maskrcnn/boxes"
	"seer/nn"
	"seer/torch"
)

// Object is a thing to find.
type Object struct {
	Class int // from 0, without the background
	Box   boxes.Box
	// Mask is what the mask head should say of a region of it: side × side shares of 1, row after row. It is called from
	// several goroutines.
	Mask func(region boxes.Box, side int) ([]float32, error)
}

// Example is an image of a batch with what is in it.
type Example struct {
	Size
	Objects []Object
	// Permute has the random numbers that choose what the losses of this image are made of.
	Permute boxes.Permutation
}

// Losses are the five whose sum is learned from (Mask R-CNN, section 3): float32 scalars.
type Losses struct {
	Objectness, Proposals *torch.Tensor // of anchors: is there an object, and where
	Classes, Boxes, Masks *torch.Tensor // of regions
}

// Sum is the loss.
func (l Losses) Sum() *torch.Tensor {
	return l.Objectness.Add(l.Proposals).Add(l.Classes).Add(l.Boxes).Add(l.Masks)
}

// Losses of images [N,3,H,W], of which each fills an upper left corner. Every parameter has a gradient, also where an image
// holds nothing.
func (m *Model) Losses(ctx *nn.Context, images *torch.Tensor, examples []Example) (Losses, error) {
	maps := m.features(ctx, images)
	logits, codes := m.proposals.forward(ctx, maps)
	anchors := m.anchorsOf(maps, int(images.Size(2)), int(images.Size(3)))
	var l Losses
	l.Objectness, l.Proposals = m.proposalLosses(slices.Concat(anchors...), logits, codes, examples)

	sizes := make([]Size, len(examples))
	for i, e := range examples {
		sizes[i] = e.Size
	}
	chosen := m.sample(m.propose(anchors, logits, codes, sizes, true), examples)
	l.Classes, l.Boxes = m.boxLosses(ctx, maps, chosen)
	var err error
	l.Masks, err = m.maskLoss(ctx, maps, chosen)
	return l, err
}

// beta of the smooth L1 losses.
func (m *Model) beta() float64 {
	if m.Convention == boxes.Detectron2 {
		return 0
	}
	return 1. / 9
}

// proposalLosses compare what the network says of sampled anchors with the objects (Faster R-CNN, equation 1).
func (m *Model) proposalLosses(anchors []boxes.Box, logits, codes *torch.Tensor, examples []Example) (objectness, proposals *torch.Tensor) {
	n := len(anchors)
	type choice struct{ objects, background, matched []int }
	choices := make([]choice, len(examples))
	parallel(len(examples), func(i int) {
		matches := boxes.ProposalMatcher.Match(anchors, boxesOf(examples[i].Objects))
		c := &choices[i]
		c.objects, c.background = boxes.ProposalSampler.Choose(matches, examples[i].Permute)
		for _, k := range c.objects {
			c.matched = append(c.matched, int(matches[k]))
		}
	})
	var places, positive []int64 // among the anchors of all images
	var targets, wanted []float32
	for i, c := range choices {
		for j, k := range c.objects {
			at := int64(i*n + k)
			places, targets, positive = append(places, at), append(targets, 1), append(positive, at)
			code := boxes.ProposalCoder.Encode(anchors[k], examples[i].Objects[c.matched[j]].Box)
			wanted = append(wanted, code[:]...)
		}
		for _, k := range c.background {
			places, targets = append(places, int64(i*n+k)), append(targets, 0)
		}
	}
	divisor := float64(len(places))
	if m.Convention == boxes.Detectron2 {
		divisor = float64(boxes.ProposalSampler.Size * len(examples))
	}
	divisor = max(divisor, 1)
	said := at(logits.Reshape(-1), places)
	objectness = torch.BinaryCrossEntropy(said, like(said, targets, int64(len(targets)))).DivScalar(divisor)
	code := at(codes.Reshape(-1, 4), positive)
	return objectness, code.SmoothL1(like(code, wanted, int64(len(positive)), 4), m.beta()).DivScalar(divisor)
}

// at picks rows.
func at(x *torch.Tensor, rows []int64) *torch.Tensor {
	return x.IndexSelect(0, torch.FromInt64(rows, int64(len(rows))).ToDevice(x.Device()))
}

// like puts numbers where a tensor is.
func like(x *torch.Tensor, values []float32, shape ...int64) *torch.Tensor {
	return torch.FromFloat32(values, shape...).ToDevice(x.Device())
}

func boxesOf(objects []Object) []boxes.Box {
	all := make([]boxes.Box, len(objects))
	for i, o := range objects {
		all[i] = o.Box
	}
	return all
}

// sampled are the regions of an image that the heads learn from.
type sampled struct {
	regions []boxes.Box
	objects []*Object // of each; nil: background
}

// sample chooses regions among the proposals and the objects' own boxes, in their order.
func (m *Model) sample(proposals [][]boxes.Box, examples []Example) []sampled {
	all := make([]sampled, len(examples))
	sampler := boxes.Sampler{Size: m.Regions, Share: boxes.DetectionSampler.Share}
	parallel(len(examples), func(i int) {
		e := examples[i]
		own := boxesOf(e.Objects)
		candidates := slices.Concat(proposals[i], own)
		if len(candidates) == 0 {
			candidates = []boxes.Box{{0, 0, float32(e.W), float32(e.H)}} // background, so that there is something to look at
		}
		matches := boxes.DetectionMatcher.Match(candidates, own)
		objects, background := sampler.Choose(matches, e.Permute)
		places := slices.Concat(objects, background)
		slices.Sort(places)
		for _, k := range places {
			all[i].regions = append(all[i].regions, candidates[k])
			var o *Object
			if matches[k] >= 0 {
				o = &e.Objects[matches[k]]
			}
			all[i].objects = append(all[i].objects, o)
		}
	})
	return all
}

func regionsOf(chosen []sampled) [][]boxes.Box {
	all := make([][]boxes.Box, len(chosen))
	for i, s := range chosen {
		all[i] = s.regions
	}
	return all
}

// boxLosses compare what the head says of regions with their objects.
func (m *Model) boxLosses(ctx *nn.Context, maps []*torch.Tensor, chosen []sampled) (classes, places *torch.Tensor) {
	logits, codes := m.boxes.forward(ctx, m.lookUp(maps, regionsOf(chosen), boxSide))
	var labels, rows []int64 // rows: of an object's code among those of all regions and classes
	var wanted []float32
	for _, s := range chosen {
		for k, o := range s.objects {
			if o == nil {
				labels = append(labels, 0)
				continue
			}
			label := int64(o.Class) + 1
			rows = append(rows, int64(len(labels))*int64(m.Classes+1)+label)
			labels = append(labels, label)
			code := boxes.DetectionCoder.Encode(s.regions[k], o.Box)
			wanted = append(wanted, code[:]...)
		}
	}
	n := int64(len(labels))
	classes = torch.CrossEntropy(logits, torch.FromInt64(labels, n).ToDevice(logits.Device()))
	code := at(codes.Reshape(-1, 4), rows)
	return classes, code.SmoothL1(like(code, wanted, int64(len(rows)), 4), m.beta()).DivScalar(float64(n))
}

// maskLoss compares what the mask head draws of the regions that are objects, as their own class, with their masks.
func (m *Model) maskLoss(ctx *nn.Context, maps []*torch.Tensor, chosen []sampled) (*torch.Tensor, error) {
	regions := make([][]boxes.Box, len(chosen))
	var all []boxes.Box
	var objects []*Object
	var classes []int64
	for i, s := range chosen {
		for k, o := range s.objects {
			if o != nil {
				regions[i] = append(regions[i], s.regions[k])
				all, objects, classes = append(all, s.regions[k]), append(objects, o), append(classes, int64(o.Class)+1)
			}
		}
	}
	if len(all) == 0 { // one region that counts for nothing gives the head its gradients, which are zeros
		regions[0] = []boxes.Box{chosen[0].regions[0]}
		return m.masks.forward(ctx, m.lookUp(maps, regions, maskCell)).Sum().MulScalar(0), nil
	}
	targets, err := drawn(all, objects)
	if err != nil {
		return nil, err
	}
	said := m.masks.of(m.masks.forward(ctx, m.lookUp(maps, regions, maskCell)), classes)
	return torch.BinaryCrossEntropy(said, like(said, targets, said.Shape()...)).DivScalar(float64(len(targets))), nil
}

// drawn are the masks of objects in their regions.
func drawn(regions []boxes.Box, objects []*Object) ([]float32, error) {
	const size = maskSide * maskSide
	targets, errs := make([]float32, len(regions)*size), make([]error, len(regions))
	parallel(len(regions), func(i int) {
		t, err := objects[i].Mask(regions[i], maskSide)
		if err == nil && len(t) != size {
			err = fmt.Errorf("maskrcnn: a mask of %d shares, where %d × %d are needed", len(t), maskSide, maskSide)
		}
		errs[i] = err
		copy(targets[i*size:], t)
	})
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return targets, nil
}
