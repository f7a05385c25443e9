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

// Loader brings the batches of a program, one a step, in order. Next is called with the step's scope open, which owns the
// batch's tensors.
type Loader interface {
	Next(ctx context.Context) (*Batch, error)
}
