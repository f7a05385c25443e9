// SPDX-License-Identifier: MIT

package augment

import "math"

// Draw returns the parameters of crop number crop (0 <= crop < s.Crops()) of the
// image number index, w x h pixels large, in the given epoch. The same arguments
// give the same crop on every machine of the same architecture.
func (s MultiCrop) Draw(seed, epoch uint64, index int64, crop int, w, h int) Crop {
	return s.group(crop).draw(seed, epoch, index, crop, w, h)
}

// Append draws all crops of one image in order and appends them to dst.
func (s MultiCrop) Append(dst []Crop, seed, epoch uint64, index int64, w, h int) []Crop {
	n := 0
	for _, g := range s.Groups {
		for range g.Count {
			dst = append(dst, g.draw(seed, epoch, index, n, w, h))
			n++
		}
	}
	return dst
}

func (g Group) draw(seed, epoch uint64, index int64, crop, w, h int) Crop {
	at := func(p purpose) stream { return newStream(seed, epoch, index, crop, p) }
	c := Crop{Size: g.Size, ScaledW: g.Size, ScaledH: g.Size, W: w, H: h, Bicubic: g.Bicubic}
	switch g.Kind {
	case RandomResized:
		r := at(forBox)
		c.X, c.Y, c.W, c.H = randomBox(&r, g.scale(), g.ratio(), w, h)
	case Centered:
		g.centre(&c)
	}
	if g.Flip > 0 {
		r := at(forFlip)
		c.Flip = r.chance(g.Flip)
	}
	if g.Jitter.P > 0 {
		r := at(forJitter)
		g.Jitter.draw(&r, &c)
	}
	if g.Gray > 0 {
		r := at(forGray)
		c.Gray = r.chance(g.Gray)
	}
	if g.Blur.P > 0 {
		r := at(forBlur)
		if r.chance(g.Blur.P) {
			c.Blur = r.uniform(g.Blur.Min, g.Blur.Max)
		}
	}
	return c
}

// randomBox is torchvision's RandomResizedCrop.get_params: ten attempts at a box
// of uniform area and log-uniform aspect ratio that fits, then the largest
// central box whose ratio is within the range. Rounding is Python's, half to even.
func randomBox(r *stream, scale, ratio [2]float64, w, h int) (x, y, bw, bh int) {
	area := float64(w) * float64(h)
	lo, hi := math.Log(ratio[0]), math.Log(ratio[1])
	for range 10 {
		target := area * r.uniform(scale[0], scale[1])
		aspect := math.Exp(r.uniform(lo, hi))
		bw = int(math.RoundToEven(math.Sqrt(target * aspect)))
		bh = int(math.RoundToEven(math.Sqrt(target / aspect)))
		if 0 < bw && bw <= w && 0 < bh && bh <= h {
			y = r.intn(h - bh + 1)
			x = r.intn(w - bw + 1)
			return x, y, bw, bh
		}
	}
	bw, bh = fallbackBox(ratio, w, h)
	return (w - bw) / 2, (h - bh) / 2, bw, bh
}

// fallbackBox returns the whole image, shortened on its longer side where its
// aspect ratio leaves the range.
func fallbackBox(ratio [2]float64, w, h int) (bw, bh int) {
	in := float64(w) / float64(h)
	switch {
	case in < ratio[0]:
		return w, min(h, max(1, int(math.RoundToEven(float64(w)/ratio[0]))))
	case in > ratio[1]:
		return min(w, max(1, int(math.RoundToEven(float64(h)*ratio[1])))), h
	}
	return w, h
}

// centre fills in Resize + CenterCrop. torchvision computes the longer side with
// int(), which cuts, and the offsets with round(), which is half to even; where
// the resized image is smaller than the crop it first pads by (size-side)//2 on
// the left and top.
func (g Group) centre(c *Crop) {
	short := g.Resize
	if short == 0 {
		short = g.Size
	}
	c.ScaledW, c.ScaledH = short, short
	if c.W <= c.H {
		c.ScaledH = max(1, int(float64(short)*float64(c.H)/float64(c.W)))
	} else {
		c.ScaledW = max(1, int(float64(short)*float64(c.W)/float64(c.H)))
	}
	c.OffsetX = centreOffset(c.ScaledW, g.Size)
	c.OffsetY = centreOffset(c.ScaledH, g.Size)
}

func centreOffset(side, size int) int {
	if side < size {
		return -((size - side) / 2)
	}
	return int(math.RoundToEven(float64(side-size) / 2))
}

// draw follows torchvision's ColorJitter inside RandomApply: whether, then the
// order, then the factors of those operations that have a range.
func (j Jitter) draw(r *stream, c *Crop) {
	c.Brightness, c.Contrast, c.Saturation = 1, 1, 1
	if !r.chance(j.P) {
		return
	}
	c.Jitter = true
	half := [4]float64{j.Brightness, j.Contrast, j.Saturation, j.Hue}
	for _, op := range permutation4(r) {
		if half[op] > 0 {
			c.Order[c.Ops] = op
			c.Ops++
		}
	}
	c.Brightness = r.uniform(max(0, 1-j.Brightness), 1+j.Brightness)
	c.Contrast = r.uniform(max(0, 1-j.Contrast), 1+j.Contrast)
	c.Saturation = r.uniform(max(0, 1-j.Saturation), 1+j.Saturation)
	c.Hue = r.uniform(-j.Hue, j.Hue)
}

// permutation4 is a Fisher-Yates shuffle of the four operations.
func permutation4(r *stream) [4]Op {
	p := [4]Op{Brightness, Contrast, Saturation, Hue}
	for i := 3; i > 0; i-- {
		k := r.intn(i + 1)
		p[i], p[k] = p[k], p[i]
	}
	return p
}
