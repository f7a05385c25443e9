// SPDX-License-Identifier: MIT

package eval

import (
	"context"

	"seer/config"
	"seer/models"
	"seer/models/sketch"
	"seer/nn"
	"seer/torch"
)

// Backbone is a frozen trunk with what its input needs.
type Backbone struct {
	Trunk  models.Trunk // without a classifier
	Device torch.Device
	// Precision of the trunk's arithmetic. Features are float32 always.
	Precision    torch.DType
	ChannelsLast bool
	Threads      int        // of an operation on the CPU; 0 means those of [torch.SetThreads]
	Mean, Std    [3]float64 // of the pixels in [0,1], per channel: those of pretraining
	Origin       Origin     // where the weights come from
	Model        config.Model

	layers  []layer // whose outputs are the features; nil: the pooled ones of the trunk
	auto    bool    // the layout was left open
	trained string  // the layout that the weights were trained in, as in their metadata; "" where it is not known
}

// Close frees the trunk.
func (b *Backbone) Close() { nn.Close(b.Trunk) }

// Features computes features, float32 [N,Width] on the backbone's device, of uint8 images [N,S,S,3]. The open
// scope owns them. The batch norms use their running statistics, so that an image's features do not depend on its batch.
//
// It is a border: a shape that does not fit or exhausted memory is an error. Between pieces of the batch it looks at
// ctx, so that a large trunk on a CPU stops soon.
func (b *Backbone) Features(ctx context.Context, pixels *torch.Tensor) (features *torch.Tensor, err error) {
	err = torch.OnThread(b.Threads, func() error {
		var cause error
		failure := torch.Try(func() {
			torch.NoGrad(func() { features, cause = b.pieces(ctx, pixels) })
		})
		if failure != nil {
			return failure
		}
		return cause
	})
	return features, err
}

func (b *Backbone) pieces(ctx context.Context, pixels *torch.Tensor) (*torch.Tensor, error) {
	n, piece := pixels.Size(0), b.piece(pixels.Size(1))
	out := torch.Empty(torch.Float32, b.Device, n, b.Width())
	for at := int64(0); at < n; at += piece {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		b.into(out.Narrow(0, at, min(piece, n-at)), pixels.Narrow(0, at, min(piece, n-at)))
	}
	return out, nil
}

// into computes one piece.
func (b *Backbone) into(out, pixels *torch.Tensor) {
	scope := torch.NewScope()
	defer scope.Close()
	images := torch.Pixels(pixels.ToDevice(b.Device), b.Mean, b.Std, torch.Float32, b.ChannelsLast)
	torch.Autocast(b.Device, b.Precision, func() {
		if len(b.layers) > 0 {
			b.read(out, images)
			return
		}
		out.CopyInPlace(b.Trunk.Forward(&nn.Context{}, images))
	})
}

// On a CPU one forward pass is bounded twice: by pixels, so that activations stay in a few hundred megabytes, and by
// multiplications, so that an interrupt is noticed within about a second. Larger pieces are no faster there.
const (
	piecePixels = 1 << 20
	pieceMACs   = 10e9 // a thread
)

// piece is how many images of a side go through the trunk at once.
func (b *Backbone) piece(side int64) int64 {
	if b.Device.Type == torch.CUDAType {
		return 1 << 30
	}
	macs := sketch.Total(b.Trunk.Cost(int(side), int(side))).MACs
	return max(1, min(piecePixels/(side*side), pieceMACs*int64(torch.Threads())/max(macs, 1)))
}
