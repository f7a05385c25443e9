// SPDX-License-Identifier: MIT

package swav

import (
	"fmt"

	"seer/nn"
	"seer/torch"
	"seer/torch/dist"
)

// Trunk maps images [N,3,S,S] to pooled features [N,Width].
type Trunk interface {
	nn.Module
	Width() int64
}

// Hyperparameters are those of the method.
type Hyperparameters struct {
	Hidden     []int64 // widths of the head's hidden layers; none: one linear layer
	Out        int64   // width of the embedding
	BatchNorm  bool    // batch norm after each hidden layer (SwAV; SEER's heads from 64 GF on have none)
	Prototypes int64   // K

	Temperature float64 // τ of the prediction
	Epsilon     float64 // ε of Sinkhorn; smaller is sharper
	Iterations  int     // of Sinkhorn

	AssignCrops []int // crops whose assignments the others predict: the large ones
	QueueLength int64 // stored embeddings an assigned crop; 0: no queue
	QueueStart  int64 // step from which the queue fills
}

// SwAV is the system that is trained: trunk, head, prototypes, and the queue of past embeddings.
type SwAV struct {
	Hyperparameters
	Trunk      Trunk
	Head       *Head
	Prototypes *Prototypes
	Queue      *Queue // nil when QueueLength is 0
	// Group are the processes whose batches are one; nil: this one alone.
	Group *dist.Group
}

// New puts a head and prototypes on a trunk. They are initialised with PyTorch's defaults from the device's generator;
// the prototypes start with unit norm.
func New(trunk Trunk, dev torch.Device, o Hyperparameters) (*SwAV, error) {
	if len(o.AssignCrops) == 0 || o.Prototypes < 1 || o.Out < 1 || o.Iterations < 1 {
		return nil, fmt.Errorf("swav: needs assign_crops, prototypes, out and sinkhorn_iterations of at least 1, got %+v", o)
	}
	s := &SwAV{Hyperparameters: o, Trunk: trunk}
	err := torch.Try(func() {
		s.Head = NewHead(dev, trunk.Width(), o.Hidden, o.Out, o.BatchNorm)
		s.Prototypes = NewPrototypes(dev, o.Prototypes, o.Out)
		if o.QueueLength > 0 {
			s.Queue = NewQueue(dev, len(o.AssignCrops), o.QueueLength, o.Out)
		}
	})
	return s, err
}

// Output is what a forward pass yields.
type Output struct {
	Loss        *torch.Tensor // scalar, float32, with gradient
	Scores      *torch.Tensor // [V·B, K], float32, detached
	Embeddings  *torch.Tensor // Z [V·B, D], unit rows, float32, detached
	Assignments *torch.Tensor // Q of the assigned crops [A·B, K], in the order of AssignCrops
}

// Forward computes the loss for the crops of one batch. images holds one tensor per resolution, [count·B,3,S,S], in the
// order in which crops are numbered; batch is B, the images of this process. The loss is the mean over them, the
// assignments are those of the batch of all processes. The trunk runs once a resolution, so that its batch norm sees one
// resolution at a time, and the head once on all crops.
//
// The trunk and the head run under the caller's autocast; scores, Sinkhorn and loss in float32 always: exp(1/ε)
// overflows float16 (at ε = 0.03 it is 3·10¹⁴), and prototypes lose their unit norm in 16 bits.
func (s *SwAV) Forward(ctx *nn.Context, images []*torch.Tensor, batch, step int64) Output {
	features := make([]*torch.Tensor, len(images))
	for i, x := range images {
		features[i] = s.Trunk.Forward(ctx, x)
	}
	z := s.Head.Forward(ctx, torch.Cat(0, features...))
	var out Output
	torch.NoAutocast(z.Device(), func() {
		z = z.To(torch.Float32).Normalize(1)
		scores := s.Prototypes.Forward(ctx, z)
		out = Output{Scores: scores.Detach(), Embeddings: z.Detach()}
		out.Assignments = s.assign(out, batch, step)
		out.Loss = SwappedPrediction(scores, out.Assignments, s.AssignCrops, batch, s.Temperature)
	})
	return out
}

// assign computes Q of every assigned crop, over the batch of all processes. With a full queue, the scores of past
// embeddings, computed with the prototypes of now, stand above those of the batch, and Sinkhorn balances all of them: a
// batch smaller than K cannot use all prototypes equally by itself. The order follows SwAV's code: build the scores, store
// the new embeddings, run Sinkhorn, keep the rows of the batch.
func (s *SwAV) assign(out Output, batch, step int64) *torch.Tensor {
	var q []*torch.Tensor
	torch.NoGrad(func() {
		scores := make([]*torch.Tensor, len(s.AssignCrops))
		for a, crop := range s.AssignCrops {
			scores[a] = out.Scores.Narrow(0, int64(crop)*batch, batch)
		}
		if s.Queue != nil && step >= s.QueueStart {
			s.enqueue(scores, out.Embeddings, batch)
		}
		for _, all := range SinkhornOver(s.Group, scores, s.Epsilon, s.Iterations) {
			q = append(q, all.Narrow(0, all.Size(0)-batch, batch))
		}
	})
	return torch.Cat(0, q...)
}

// enqueue puts the scores of a full queue above those of the batch, and stores the embeddings of all processes.
func (s *SwAV) enqueue(scores []*torch.Tensor, z *torch.Tensor, batch int64) {
	full := s.Queue.Full()
	for a, crop := range s.AssignCrops {
		if full {
			scores[a] = torch.Cat(0, s.Prototypes.Scores(s.Queue.Share(a, s.Group)), scores[a])
		}
		all := s.Group.Gather(z.Narrow(0, int64(crop)*batch, batch)) // [processes, B, D], in the order of the images
		s.Queue.Push(a, all.Flatten(0, 1))
	}
	s.Queue.Advance(batch * int64(s.Group.Size()))
}

// Walk visits trunk, head, prototypes and, as buffers, the queue.
func (s *SwAV) Walk(prefix string, visit func(nn.Entry)) {
	s.Trunk.Walk(nn.Join(prefix, "trunk"), visit)
	s.Head.Walk(nn.Join(prefix, "head"), visit)
	s.Prototypes.Walk(nn.Join(prefix, "prototypes"), visit)
	if s.Queue != nil {
		s.Queue.Walk(nn.Join(prefix, "queue"), visit)
	}
}
