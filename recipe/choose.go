// SPDX-License-Identifier: MIT

package recipe

import (
	"fmt"
	"math"
	"slices"
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
	Steps      int64

	// StepMs is the measured time of a step with the reading of its images, and Took the time that all steps will take, in
	// seconds; 0 where nothing was measured.
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
	r.Size = sizes[0]
	for _, size := range sizes[1:] {
		// A crop enlarged by a half still shows what there is.
		if size <= largest && 2*size <= 3*r.Look.ShortSide[1] {
			r.Size = size
		}
	}
	r.smallCrops()
}

// sizes are those of large crops, pixels.
var sizes = []int{32, 64, 96, 128, 160, 224}

func (r *Recipe) smallCrops() {
	r.Small = 0
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
}

// prototypes are one for each 500 images or so, and never more than a batch with its queue can use.
func (r *Recipe) prototypes() {
	k := math.Sqrt(float64(r.Look.Images) / 5)
	r.Prototypes, r.Queue = int(min(3000, max(8, math.Round(k/4)*4))), 0
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

// fewestSteps are those of a run that learns something: the loss rests for a hundred steps or more before it falls.
const fewestSteps = 800

// smallestBatch is the smallest that a short run is given, for more steps in its time.
const smallestBatch = 64

// Lighter makes a step cheaper where too few of them fit into some seconds: smaller crops first, unless reading takes most of
// the time already, then smaller batches. It tells whether it has changed something, so that the step is to be measured
// again.
func (r *Recipe) Lighter(stepMs, seconds float64) bool {
	if seconds*1000/r.total(stepMs) >= fewestSteps {
		return false
	}
	switch at := slices.Index(sizes, r.Size); {
	case at > 0 && stepMs > r.reading():
		r.Size = sizes[at-1]
		r.smallCrops()
		r.trunk()
	case r.Batch > smallestBatch:
		r.Batch /= 2
	default:
		return false
	}
	r.prototypes()
	return true
}

// total is the time of a step with its images, in milliseconds: a GPU computes while the CPUs read, else they do both.
func (r *Recipe) total(stepMs float64) float64 {
	if r.Machine.GPU {
		return max(stepMs, r.reading())
	}
	return stepMs + r.reading()
}

// reading is how long the images of a step take, in milliseconds.
func (r *Recipe) reading() float64 { return r.Look.ReadMs * float64(r.Batch) }

// mostEpochs bounds the length of a run on few images.
const mostEpochs = 800

// Fit chooses the length: what fits into some seconds at so many milliseconds a step, reading not included.
func (r *Recipe) Fit(stepMs, seconds float64) {
	r.StepMs = r.total(stepMs)
	r.Steps = int64(max(1, min(seconds*1000/r.StepMs, max(1, mostEpochs*r.perEpoch()))))
	r.Took = float64(r.Steps) * r.StepMs / 1000
}

// perEpoch are the steps of an epoch; less than one where a batch has an image several times.
func (r *Recipe) perEpoch() float64 { return float64(r.Look.Images) / float64(r.Batch) }

// length is the duration as the file has it: in epochs where there are some.
func (r *Recipe) length() string {
	if epochs := float64(r.Steps) / r.perEpoch(); epochs >= 2 {
		return fmt.Sprintf("%.0fep", math.Floor(epochs+1e-9))
	}
	return fmt.Sprintf("%dit", r.Steps)
}

// String is a line about the choice.
func (r *Recipe) String() string {
	return fmt.Sprintf("%d images of %d pixels: %s, crops of %d, batch %d, %d prototypes, %d steps", r.Look.Images, r.Look.ShortSide[1], r.Arch, r.Size, r.Batch, r.Prototypes, r.Steps)
}
