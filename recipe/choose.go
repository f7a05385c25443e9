// SPDX-License-Identifier: MIT

package recipe

import (
	"fmt"
	"math"
)

// Machine is what the run has to work with.
type Machine struct {
	CPUs   int
	Memory int64 // bytes
	GPU    bool
}

// Recipe is what was chosen.
type Recipe struct {
	Look    Look
	Machine Machine

	Size       int // of the large crops, pixels
	Small      int // of the small crops; 0: none
	Arch       string
	Hidden     int
	Out        int
	Prototypes int
	Batch      int
	Queue      int
	Rate       float64
	LARC       bool
	Epochs     int64
	Workers    int

	// StepMs is the measured time of a step, and Took the time that all steps will take, in seconds; 0 where nothing was
	// measured.
	StepMs, Took float64
}

// stride is by how much a trunk reduces an image: crops of other sizes compute more than they have to.
const stride = 32

// Tiny is the trunk for crops of 32 pixels: it halves the resolution four times, as every RegNet, and has few
// parameters to learn from few images.
const Tiny = "tiny"

// Choose chooses everything but the length, which [Recipe.Fit] chooses by the time of a step.
func Choose(l Look, m Machine) Recipe {
	r := Recipe{Look: l, Machine: m}
	r.crops()
	r.trunk()
	r.batch()
	r.prototypes()
	return r
}

// crops are as large as the images allow, and on a CPU as small as learning allows: time grows with the square.
func (r *Recipe) crops() {
	largest := 224
	if !r.Machine.GPU {
		largest = 64
		if r.Machine.CPUs >= 16 {
			largest = 128
		}
	}
	r.Size = 32
	for _, size := range []int{64, 96, 128, 160, 224} {
		// A crop enlarged by a half still shows what there is.
		if size <= largest && 2*size <= 3*r.Look.ShortSide[1] {
			r.Size = size
		}
	}
	if r.Size >= 96 {
		r.Small = int(math.Round(float64(r.Size)*96/224/stride)) * stride
	}
}

func (r *Recipe) trunk() {
	switch {
	case r.Size == 32:
		r.Arch = Tiny
	case !r.Machine.GPU && r.Machine.CPUs < 16:
		r.Arch = "regnet_y_200mf"
	case !r.Machine.GPU, r.Look.Images < 50_000:
		r.Arch = "regnet_y_800mf"
	case r.Look.Images < 500_000:
		r.Arch = "regnet_y_1_6gf"
	case r.Look.Images < 5_000_000:
		r.Arch = "regnet_y_8gf"
	default:
		r.Arch = "regnet_y_16gf"
	}
}

// batch is a power of two: large enough for Sinkhorn to spread it over prototypes, small enough that a small source makes
// some steps an epoch.
func (r *Recipe) batch() {
	r.Batch = 256
	for r.Batch > 8 && int64(r.Batch)*8 > r.Look.Images {
		r.Batch /= 2
	}
	r.Rate = 0.3
	r.LARC = false
}

// prototypes are one for each 500 images or so, and never more than a batch with its queue can use.
func (r *Recipe) prototypes() {
	k := math.Sqrt(float64(r.Look.Images) / 5)
	r.Prototypes = int(min(3000, max(8, math.Round(k/4)*4)))
	if 2*r.Prototypes > r.Batch {
		r.Queue = (4*r.Prototypes + r.Batch - 1) / r.Batch * r.Batch
		if int64(r.Queue) > r.Look.Images/2 {
			r.Queue = 0
		}
	}
	r.Hidden, r.Out = 512, 128
	if r.Arch != Tiny && r.Arch != "regnet_y_200mf" {
		r.Hidden = 2048
	}
}

// Fit chooses the length: what fits into some seconds at so many milliseconds a step.
func (r *Recipe) Fit(stepMs, seconds float64) {
	r.StepMs = stepMs
	perEpoch := max(1, float64(r.Look.Images)/float64(r.Batch))
	epochs := seconds * 1000 / stepMs / perEpoch
	r.Epochs = int64(min(800, max(1, math.Round(epochs))))
	r.Took = float64(r.Epochs) * perEpoch * stepMs / 1000
}

// String is a line about the choice.
func (r *Recipe) String() string {
	return fmt.Sprintf("%d images of %d pixels: %s, crops of %d, batch %d, %d prototypes, %d epochs", r.Look.Images, r.Look.ShortSide[1], r.Arch, r.Size, r.Batch, r.Prototypes, r.Epochs)
}
