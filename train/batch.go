// SPDX-License-Identifier: MIT

package train

import (
	"context"

	"seer/torch"
)

// Batch is the input of a step.
type Batch struct {
	// Pixels holds per resolution the uint8 views [count·B, S, S, 3], view-major, in host memory.
	Pixels []*torch.Tensor
	// Views are what the method sees, on the engine's device: normalised images float32 [count·B, 3, S, S], which the
	// engine makes of Pixels. A batch without Pixels brings its Views itself, such as features [B, W].
	Views []*torch.Tensor
	// Targets of the images; methods without labels look at none.
	Targets Targets
	Images  int64 // B
	// Position is the number of images that the run has consumed, over all processes, once this step is done.
	Position int64
	// Release gives the memory of the pixels back; nil where nobody waits for it.
	Release func()
}

// Targets are what images should be recognised as. They are in host memory or on the device.
type Targets struct {
	// Classes int64 [B] names one class an image.
	Classes *torch.Tensor
	// Scores float32 [B, classes] are what the classes should get: 1 and 0, shares of mixed images, -1 for a class that
	// does not count.
	Scores *torch.Tensor
	// Objects are what is in the images, for methods that find it, in a form of their own.
	Objects any
}

// split makes so many batches of one view of one. Each has as many images.
func (b *Batch) split(parts int) []*Batch {
	if parts <= 1 {
		return []*Batch{b}
	}
	out, n := make([]*Batch, parts), b.Images/int64(parts)
	for i := range out {
		from := int64(i) * n
		narrow := func(t *torch.Tensor) *torch.Tensor {
			if t == nil {
				return nil
			}
			return t.Narrow(0, from, n)
		}
		part := &Batch{Images: n, Position: b.Position, Targets: Targets{Classes: narrow(b.Targets.Classes), Scores: narrow(b.Targets.Scores)}}
		for _, p := range b.Pixels {
			part.Pixels = append(part.Pixels, narrow(p))
		}
		for _, v := range b.Views {
			part.Views = append(part.Views, narrow(v))
		}
		out[i] = part
	}
	return out
}

// Loader brings the batches of a program, one a step, in order. Next is called with the step's scope open, which owns the
// batch's tensors.
type Loader interface {
	Next(ctx context.Context) (*Batch, error)
}
