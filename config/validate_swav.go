// SPDX-License-Identifier: MIT

package config

import (
	"slices"

	"seer/models/sketch"
)

// maxPerImage is the most prototypes an image of the Sinkhorn batch that a released
// run used: SEER's 16GF, with 16000 at a batch of 4096.
const maxPerImage = 4

func (c *checker) crops(crops []Crop, m Model) {
	c.refuse(len(crops) == 0, "crops", len(crops), "at least one [[crops]] table is needed, with count, size and scale")
	total := 0
	for i, crop := range crops {
		c.crop(entry("crops", i), crop, m)
		total += max(crop.Count, 0)
	}
	c.refuse(len(crops) > 0 && total < 2, "crops", total, "SwAV predicts one crop's assignment from another; at least 2 crops an image are needed")
}

// crop checks a view against the trunk's stride, that of every published convolutional one where it is not known.
func (c *checker) crop(path string, crop Crop, m Model) {
	stride, multiple := 32, 1
	if trunk, err := m.Trunk(); err == nil {
		stride, multiple = trunk.Stride(), trunk.Multiple()
	}
	c.refuse(crop.Count == 0, path+".count", crop.Count, "say how many crops an image gets: 1 or more")
	c.refuse(crop.Scale == [2]float64{}, path+".scale", crop.Scale, "say which share of the image's area a crop has, such as [0.14, 1.0]")
	c.refuse(crop.Size%multiple != 0, path+".size", crop.Size, "must be a multiple of %d, the patch of %s", multiple, m.Arch)
	c.doubt(multiple == 1 && crop.Size > 0 && crop.Size%stride != 0, path+".size", crop.Size, "is no multiple of the trunk's stride of %d; it works, but computes more than it has to", stride)
}

func (c *checker) swav(e *Experiment) {
	s := e.SwAV
	for i, width := range s.Hidden {
		c.within(entry("swav.hidden", i), width, 1, maxWidth)
	}
	c.within("swav.out", s.Out, 1, maxWidth)
	c.within("swav.prototypes", s.Prototypes, 2, 1<<30)
	c.positive("swav.temperature", s.Temperature)
	c.positive("swav.epsilon", s.Epsilon)
	// Scores reach 1, and exp(1/ε) has to stay a float32 even without the shift.
	c.doubt(s.Epsilon < 0.0125, "swav.epsilon", s.Epsilon, "exp(1/ε) leaves the range of fp32; published runs have 0.03 to 0.05")
	c.within("swav.sinkhorn_iterations", s.SinkhornIterations, 1, 10000)
	c.assignCrops(s.AssignCrops, e.Crops)
	c.queue(s, e.Optim.Batch)
	c.prototypes(s, e.Optim.Batch)
}

// assignCrops checks the indices of the crops whose assignments are targets.
func (c *checker) assignCrops(assign []int, crops []Crop) {
	const path = "swav.assign_crops"
	c.refuse(len(assign) == 0, path, assign, "at least one crop must give assignments; SwAV has [0, 1]")
	sizes := cropSizes(crops)
	if len(sizes) == 0 {
		return
	}
	largest := slices.Max(sizes)
	for i, a := range assign {
		if a < 0 || a >= len(sizes) {
			c.refuse(true, path, assign, "crop %d does not exist; there are 0 to %d", a, len(sizes)-1)
			continue
		}
		c.refuse(sizes[a] != largest, path, assign, "crop %d has %d pixels; assignments come from the largest crops, of %d", a, sizes[a], largest)
		c.refuse(slices.Contains(assign[:i], a), path, assign, "crop %d is named twice", a)
	}
}

// cropSizes is the size of every crop of an image, in order.
func cropSizes(crops []Crop) []int {
	var sizes []int
	for _, crop := range crops {
		for range min(max(crop.Count, 0), 1024) {
			sizes = append(sizes, crop.Size)
		}
	}
	return sizes
}

func (c *checker) queue(s SwAV, batch int) {
	c.within("swav.queue_length", s.QueueLength, 0, 1<<30)
	if s.QueueLength <= 0 || batch <= 0 {
		return
	}
	lower := s.QueueLength / batch * batch
	c.refuse(lower != s.QueueLength, "swav.queue_length", s.QueueLength, "must hold whole batches of %d, such as %d", batch, max(lower, batch))
	c.doubt(s.QueueStart.Value == 0, "swav.queue_start", s.QueueStart.String(), "a queue from the first step holds features that mean nothing yet and can keep the loss from falling; SwAV at batch 256 starts it after 15ep")
}

// prototypes warns when an equal partition gives most prototypes nothing. Sinkhorn
// works on each assign crop by itself, so crops do not add up; the queue does.
func (c *checker) prototypes(s SwAV, batch int) {
	rows := batch + s.QueueLength
	if rows <= 0 {
		return
	}
	c.doubt(s.Prototypes > maxPerImage*rows, "swav.prototypes", s.Prototypes,
		"only %d images take part in an assignment, so an equal partition leaves most prototypes empty; use at most %d prototypes, a larger batch or a queue", rows, maxPerImage*rows)
	c.doubt(s.FreezePrototypes.Unit == Percent && s.FreezePrototypes.Value > 50, "swav.freeze_prototypes", s.FreezePrototypes.String(), "prototypes rest for most of the run")
}

// HeadWidths are the widths of the projection head, the trunk's first.
func (e *Experiment) HeadWidths(trunk sketch.Network) []int {
	return append(append([]int{trunk.Width()}, e.SwAV.Hidden...), e.SwAV.Out)
}

// HeadParameters counts the projection head and the prototypes: Linear layers with
// bias, two parameters a channel for batch norm, prototypes without bias.
func (e *Experiment) HeadParameters(trunk sketch.Network) int64 {
	widths := e.HeadWidths(trunk)
	n := int64(e.SwAV.Prototypes) * int64(e.SwAV.Out)
	for i := 1; i < len(widths); i++ {
		n += int64(widths[i-1]+1) * int64(widths[i])
		if e.SwAV.BatchNorm && i < len(widths)-1 {
			n += 2 * int64(widths[i])
		}
	}
	return n
}
