// SPDX-License-Identifier: MIT

package supervised

import (
	"math"
	"math/rand/v2"

	"seer/torch"
)

// Mix mixes the images of a batch in pairs, each with its mirror in the order of the batch: the whole images (mixup, Zhang
// et al., arXiv 1710.09412) or a rectangle of them (cutmix, Yun et al., arXiv 1905.04899). With both, each step takes one of
// them at random, as timm does.
type Mix struct {
	Mixup, Cutmix float64 // α of the Beta distribution of the share; 0: not that one
	Seed          uint64  // with the step it decides all draws, so that a run that resumes mixes as before
}

// Active tells whether anything is mixed.
func (m Mix) Active() bool { return m.Mixup > 0 || m.Cutmix > 0 }

// Apply mixes images [N,3,H,W] and gives the shares [N, classes] that take the place of their classes int64 [N].
// smoothing is the share that all classes get alike.
func (m Mix) Apply(images, classes *torch.Tensor, n int64, smoothing float64, step int64) (mixed, shares *torch.Tensor) {
	draw := rand.New(rand.NewPCG(m.Seed, uint64(step)))
	cut := m.Cutmix > 0 && (m.Mixup == 0 || draw.Float64() < 0.5)
	if cut {
		lambda := beta(draw, m.Cutmix)
		mixed, lambda = cutmix(images, lambda, draw)
		return mixed, mixShares(oneHot(classes, n, smoothing), lambda)
	}
	lambda := beta(draw, m.Mixup)
	mixed = images.MulScalar(lambda).Add(images.Flip(0).MulScalar(1 - lambda))
	return mixed, mixShares(oneHot(classes, n, smoothing), lambda)
}

// cutmix puts a rectangle of the mirrored batch into each image, and returns the share of the image that is left.
func cutmix(images *torch.Tensor, lambda float64, draw *rand.Rand) (*torch.Tensor, float64) {
	h, w := images.Size(2), images.Size(3)
	side := math.Sqrt(1 - lambda)
	bh, bw := int64(side*float64(h)), int64(side*float64(w))
	cy, cx := draw.Int64N(h), draw.Int64N(w)
	top, bottom := max(cy-bh/2, 0), min(cy+bh/2, h)
	left, right := max(cx-bw/2, 0), min(cx+bw/2, w)
	out := images.Clone()
	if bottom > top && right > left {
		box := func(t *torch.Tensor) *torch.Tensor { return t.Narrow(2, top, bottom-top).Narrow(3, left, right-left) }
		box(out).CopyInPlace(box(images.Flip(0)))
	}
	return out, 1 - float64((bottom-top)*(right-left))/float64(h*w)
}

// oneHot is 1 - smoothing for the class, and smoothing shared by all.
func oneHot(classes *torch.Tensor, n int64, smoothing float64) *torch.Tensor {
	rows := classes.Size(0)
	shares := torch.Full(smoothing/float64(n), torch.Float32, classes.Device(), rows, n)
	mine := torch.Full(1-smoothing, torch.Float32, classes.Device(), rows, 1)
	return shares.ScatterAddInPlace(1, classes.Reshape(rows, 1), mine)
}

func mixShares(shares *torch.Tensor, lambda float64) *torch.Tensor {
	return shares.MulScalar(lambda).Add(shares.Flip(0).MulScalar(1 - lambda))
}

// beta draws from Beta(α, α), as the ratio of two draws from Gamma(α, 1).
func beta(draw *rand.Rand, alpha float64) float64 {
	a, b := gamma(draw, alpha), gamma(draw, alpha)
	if a+b == 0 {
		return 0.5
	}
	return a / (a + b)
}

// gamma draws from Gamma(α, 1): Marsaglia and Tsang, "A Simple Method for Generating Gamma Variables" (2000); below 1 by
// the power of a uniform draw that raises α by one.
func gamma(draw *rand.Rand, alpha float64) float64 {
	if alpha < 1 {
		return gamma(draw, alpha+1) * math.Pow(draw.Float64(), 1/alpha)
	}
	d := alpha - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := draw.NormFloat64()
		v := math.Pow(1+c*x, 3)
		if v > 0 && math.Log(draw.Float64()) < 0.5*x*x+d-d*v+d*math.Log(v) {
			return d * v
		}
	}
}
