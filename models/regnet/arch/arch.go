// SPDX-License-Identifier: MIT

package arch

import (
	"errors"
	"fmt"
	"math"
)

// Rounding is how a stage's width is fitted to a multiple of its group width.
type Rounding int

const (
	// DivisibleTV is torchvision's _make_divisible: to the nearest multiple, one
	// more when that lost over a tenth.
	DivisibleTV Rounding = iota
	// Nearest is ClassyVision's, VISSL's and timm's: to the nearest multiple, a tie
	// to the even one.
	Nearest
)

// Constants of the family, the same in every variant.
const (
	quant      = 8   // continuous widths are quantised to multiples of it
	stride     = 2   // of the first block of every stage
	stemStride = 2   // of the 3×3 convolution before them
	maxDepth   = 256 // far over the deepest variant; bounds a typing error
	maxWidth   = 1 << 20
)

// Params is one RegNetY, or a RegNetX, which has no squeeze. The zero values of
// SERatio and StemWidth mean the family's 0.25 and 32.
type Params struct {
	Depth      int      // number of blocks
	W0         int      // width the line starts at, a multiple of 8
	WA         float64  // slope of the line, channels a block
	WM         float64  // ratio between the widths of stages, over 1
	GroupWidth int      // channels a group of the 3×3 convolution
	Rounding   Rounding // how widths are fitted to GroupWidth
	SERatio    float64  // squeeze width as a share of the block's input width
	StemWidth  int      // channels behind the stem
	X          bool     // a RegNetX: no squeeze-and-excitation
}

// Stage is a run of blocks of one width.
type Stage struct {
	Depth      int // blocks
	Width      int // channels, also inside the bottleneck, whose ratio is 1
	Groups     int // of the 3×3 convolution
	GroupWidth int // channels a group, at most Width
	Stride     int // of the stage's first block
}

// Block is one residual bottleneck block. SE is the squeeze width, taken from the
// block's input and not from its output.
type Block struct {
	In, Out    int  // channels
	Bottleneck int  // channels of the 3×3 convolution
	Groups     int  // of the 3×3 convolution
	Stride     int  // of the 3×3 convolution and of the projection
	SE         int  // channels of the squeeze, 0: none
	Project    bool // the shortcut has a convolution: shape or resolution change
	Stage      int  // from 1, as in the parameter names
	Index      int  // from 0 within the stage
}

func (p Params) seRatio() float64 {
	if p.SERatio == 0 {
		return 0.25
	}
	return p.SERatio
}

func (p Params) family() string {
	if p.X {
		return "regnet_x"
	}
	return "regnet_y"
}

func (p Params) stemWidth() int {
	if p.StemWidth == 0 {
		return 32
	}
	return p.StemWidth
}

// Validate says everything that is wrong with the parameters at once, or nil.
func (p Params) Validate() error {
	var problems []error
	refuse := func(bad bool, format string, args ...any) {
		if bad {
			problems = append(problems, fmt.Errorf(format, args...))
		}
	}
	refuse(p.Depth < 1 || p.Depth > maxDepth, "depth = %d: must be 1 to %d blocks", p.Depth, maxDepth)
	refuse(p.W0 < quant || p.W0%quant != 0 || p.W0 > maxWidth, "w0 = %d: must be a positive multiple of %d, at most %d", p.W0, quant, maxWidth)
	refuse(!(p.WA >= 0) || math.IsInf(p.WA, 0), "wa = %g: must be 0 or more", p.WA)
	refuse(!(p.WM > 1) || math.IsInf(p.WM, 0), "wm = %g: must be over 1", p.WM)
	refuse(p.GroupWidth < 1, "group_width = %d: must be 1 or more", p.GroupWidth)
	refuse(p.Rounding != DivisibleTV && p.Rounding != Nearest, "rounding = %d: must be DivisibleTV or Nearest", p.Rounding)
	refuse(!(p.seRatio() > 0 && p.seRatio() <= 1), "se_ratio = %g: must be over 0, at most 1", p.SERatio)
	refuse(p.stemWidth() < 1 || p.stemWidth() > maxWidth, "stem_width = %d: must be 1 or more", p.StemWidth)
	return errors.Join(problems...)
}

// Stages expands the parameters. It fails when they are not a RegNet.
//
// float64 gives the same widths as torchvision's float32 for every published
// variant; the nearest of them to a tie is 0.0047 away from one.
func (p Params) Stages() ([]Stage, error) {
	if err := p.Validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", p.family(), err)
	}
	var stages []Stage
	last := -1
	for j := range p.Depth {
		width := p.blockWidth(j)
		if !(width >= quant && width <= maxWidth) {
			return nil, fmt.Errorf("%s: block %d would be %.0f channels wide, allowed are %d to %d; lower wa or depth", p.family(), j, width, quant, maxWidth)
		}
		if int(width) != last {
			last = int(width)
			stages = append(stages, p.stage(last))
		}
		stages[len(stages)-1].Depth++
	}
	return stages, nil
}

// blockWidth is the quantised width of block j: the paper's equations 2 to 4.
func (p Params) blockWidth(j int) float64 {
	u := float64(p.W0) + p.WA*float64(j)
	s := math.RoundToEven(math.Log(u/float64(p.W0)) / math.Log(p.WM))
	return math.RoundToEven(float64(p.W0)*math.Pow(p.WM, s)/quant) * quant
}

// stage makes an empty stage of a width fitted to the group width.
func (p Params) stage(width int) Stage {
	group := min(p.GroupWidth, width)
	if p.Rounding == Nearest {
		width = int(math.RoundToEven(float64(width)/float64(group))) * group
	} else {
		width = makeDivisible(width, group)
	}
	return Stage{Width: width, Groups: width / group, GroupWidth: group, Stride: stride}
}

// makeDivisible rounds v to a multiple of divisor, to the next one up when the
// nearest is below nine tenths of v (torchvision's _make_divisible).
func makeDivisible(v, divisor int) int {
	rounded := max(divisor, (2*v+divisor)/(2*divisor)*divisor)
	if float64(rounded) < 0.9*float64(v) {
		rounded += divisor
	}
	return rounded
}

// Blocks expands the parameters to the list of blocks the trunk is run as.
func (p Params) Blocks() ([]Block, error) {
	stages, err := p.Stages()
	if err != nil {
		return nil, err
	}
	var blocks []Block
	in := p.stemWidth()
	for s, stage := range stages {
		for i := range stage.Depth {
			b := p.block(stage, in)
			b.Stage, b.Index = s+1, i
			if i > 0 {
				b.Stride, b.Project = 1, false
			}
			blocks = append(blocks, b)
			in = stage.Width
		}
	}
	return blocks, nil
}

// block is the first block of a stage behind in channels.
func (p Params) block(s Stage, in int) Block {
	b := Block{In: in, Out: s.Width, Bottleneck: s.Width, Groups: s.Groups, Stride: s.Stride, Project: true}
	if !p.X {
		// Python rounds half to even: 0.25 of 256GF's 746 is 186.5, and its
		// checkpoints hold 186.
		b.SE = int(math.RoundToEven(p.seRatio() * float64(in)))
	}
	return b
}

// mustBlocks is for the counts, which are asked of parameters that were looked up
// or validated; anything else is a mistake in the calling code.
func (p Params) mustBlocks() []Block {
	blocks, err := p.Blocks()
	if err != nil {
		panic(err)
	}
	return blocks
}

// Width is the number of features: the channels of the last stage. Like all counts
// below it panics on parameters that Validate refuses.
func (p Params) Width() int {
	blocks := p.mustBlocks()
	return blocks[len(blocks)-1].Out
}

// Multiple is 1: images of any size will do.
func (p Params) Multiple() int { return 1 }

// Stride is how many input pixels one pixel of the last stage stands for.
func (p Params) Stride() int {
	blocks := p.mustBlocks()
	total := stemStride
	for _, b := range blocks {
		total *= b.Stride
	}
	return total
}
