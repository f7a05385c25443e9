// SPDX-License-Identifier: MIT

package maskrcnn

import (
	"seer/data/mask"
	"seer/models/maskrcnn/boxes"
	"seer/models/maskrcnn/masks"
	"seer/nn"
	"seer/torch"
)

// Detection is an object that was found.
type Detection struct {
	Class int // from 0, without the background
	Score float32
	Box   boxes.Box // in pixels of the network's input; [Detection.In] moves it
	// shares are the mask within the box, 28 × 28.
	shares []float32
}

// What counts as found.
const (
	MinScore      = .05 // under it nothing is reported
	maxOverlap    = .5  // of two boxes of one class
	MaxDetections = 100 // of an image
	// torchvision leaves out boxes with a side under it.
	leastSide = 1e-2
)

// Detect finds the objects in images [N,3,H,W], of which each fills an upper left corner, the best first.
func (m *Model) Detect(images *torch.Tensor, sizes []Size) (found [][]Detection) {
	torch.NoGrad(func() { found = m.detect(images, sizes) })
	return found
}

func (m *Model) detect(images *torch.Tensor, sizes []Size) [][]Detection {
	ctx := &nn.Context{}
	maps := m.features(ctx, images)
	logits, codes := m.proposals.forward(ctx, maps)
	anchors := m.anchorsOf(maps, int(images.Size(2)), int(images.Size(3)))
	regions := m.propose(anchors, logits, codes, sizes, false)
	found := m.classify(ctx, maps, regions, sizes)
	m.draw(ctx, maps, found)
	return found
}

// classify looks at regions, and keeps the best of what overlaps.
func (m *Model) classify(ctx *nn.Context, maps []*torch.Tensor, regions [][]boxes.Box, sizes []Size) [][]Detection {
	found := make([][]Detection, len(regions))
	if count(regions) == 0 {
		return found
	}
	logits, codes := m.boxes.forward(ctx, m.lookUp(maps, regions, boxSide))
	scores, code := logits.Softmax(1).Float32s(), codes.Float32s()
	width := m.Classes + 1
	begins := make([]int, len(regions))
	for i := range regions[1:] {
		begins[i+1] = begins[i] + len(regions[i])
	}
	parallel(len(regions), func(i int) {
		from, to := begins[i]*width, (begins[i]+len(regions[i]))*width
		found[i] = m.best(regions[i], scores[from:to], code[4*from:4*to], sizes[i])
	})
	return found
}

func count[T any](lists [][]T) (n int) {
	for _, l := range lists {
		n += len(l)
	}
	return n
}

// best are the detections of an image, given scores and codes of each region and class.
func (m *Model) best(regions []boxes.Box, scores, codes []float32, size Size) []Detection {
	var all []boxes.Box
	var values []float32
	var classes []int
	width := m.Classes + 1
	for k, region := range regions {
		for class := 1; class < width; class++ {
			at := k*width + class
			if !(scores[at] > MinScore) {
				continue
			}
			b := boxes.DetectionCoder.Decode(region, [4]float32(codes[4*at:])).Clip(size.W, size.H)
			if m.Convention == boxes.Torchvision && (b[2]-b[0] < leastSide || b[3]-b[1] < leastSide) {
				continue
			}
			all, values, classes = append(all, b), append(values, scores[at]), append(classes, class)
		}
	}
	kept := boxes.SuppressGroups(all, values, classes, maxOverlap)
	kept = kept[:min(MaxDetections, len(kept))]
	found := make([]Detection, len(kept))
	for i, k := range kept {
		found[i] = Detection{Class: classes[k] - 1, Score: values[k], Box: all[k]}
	}
	return found
}

// draw adds the masks.
func (m *Model) draw(ctx *nn.Context, maps []*torch.Tensor, found [][]Detection) {
	if count(found) == 0 {
		return
	}
	regions, classes := make([][]boxes.Box, len(found)), []int64{}
	for i, own := range found {
		for _, d := range own {
			regions[i], classes = append(regions[i], d.Box), append(classes, int64(d.Class)+1)
		}
	}
	logits := m.masks.forward(ctx, m.lookUp(maps, regions, maskCell))
	shares := m.masks.of(logits, classes).SigmoidInPlace().Float32s()
	const size = maskSide * maskSide
	for _, own := range found {
		for i := range own {
			own[i].shares, shares = shares[:size], shares[size:]
		}
	}
}

// In moves the box of a detection from the network's input to an image of width × height that was resized for it, and cuts
// it at the borders.
func (d Detection) In(input Size, width, height int) boxes.Box {
	x, y := float32(width)/float32(input.W), float32(height)/float32(input.H)
	return boxes.Box{d.Box[0] * x, d.Box[1] * y, d.Box[2] * x, d.Box[3] * y}
}

// Mask is that of a detection in an image of width × height.
func (d Detection) Mask(input Size, width, height int, c boxes.Convention) (mask.RLE, error) {
	return masks.Paste(d.shares, maskSide, d.In(input, width, height), height, width, c)
}
