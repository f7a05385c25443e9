// SPDX-License-Identifier: MIT

package eval

import (
	"context"
	"fmt"

	"seer/torch"
)

// KNNOptions configure [KNN].
type KNNOptions struct {
	K           int     // neighbours that vote
	Temperature float64 // every neighbour votes with exp(similarity/Temperature)
	Classes     int
	Threads     int                     // of an operation on the CPU; 0 means those of torch.SetThreads
	Progress    func(done, total int64) // validation images; may be nil
}

// A block of similarities is knnRows×knnColumns float32: 32 MB, whatever the number of images.
const (
	knnRows    = 256
	knnColumns = 32768
)

// KNN classifies val by a weighted vote of the nearest images of train (Wu et al., arXiv 1805.01978, section 3.4): the
// features are put on the unit sphere, the K images of largest cosine vote for their class. It computes on dev.
func KNN(ctx context.Context, dev torch.Device, train, val *Features, o KNNOptions) (Accuracy, error) {
	var a Accuracy
	if err := o.check(train, val); err != nil {
		return a, err
	}
	err := torch.OnThread(o.Threads, func() (err error) {
		scope := torch.NewScope()
		defer scope.Close()
		failure := torch.Try(func() {
			torch.NoGrad(func() { a, err = vote(ctx, dev, train, val, o) })
		})
		if failure != nil {
			return fmt.Errorf("k-NN of %d images among %d: %w", val.Len(), train.Len(), failure)
		}
		return err
	})
	return a, err
}

func (o KNNOptions) check(train, val *Features) error {
	if err := enough(o.K, train.Len()); err != nil {
		return err
	}
	if !(o.Temperature > 0) {
		return fmt.Errorf("knn.temperature = %v: must be over 0", o.Temperature)
	}
	if t, v := train.X.Size(1), val.X.Size(1); t != v {
		return fmt.Errorf("k-NN: training features have width %d, validation features %d; compute both with one trunk", t, v)
	}
	return checkLabels(train, o.Classes)
}

// enough wants as many training images as neighbours.
func enough(k int, images int64) error {
	if k < 1 || int64(k) > images {
		return fmt.Errorf("knn.k = %d: there are %d training images; allowed are 1 to %d", k, images, images)
	}
	return nil
}

// checkLabels makes an index out of range an error that names the image.
func checkLabels(f *Features, classes int) error {
	for i, label := range f.Labels {
		if label < 0 || label >= int64(classes) {
			return fmt.Errorf("image %d has label %d; with %d classes 0 to %d are allowed", f.Indices[i], label, classes, classes-1)
		}
	}
	return nil
}

func vote(ctx context.Context, dev torch.Device, train, val *Features, o KNNOptions) (Accuracy, error) {
	var a Accuracy
	bank := train.X.ToDevice(dev).Normalize(1)
	labels := torch.FromInt64(train.Labels, train.Len()).ToDevice(dev)
	for at := int64(0); at < val.Len(); at += knnRows {
		if ctx.Err() != nil {
			return a, context.Cause(ctx)
		}
		n := min(knnRows, val.Len()-at)
		scores := votes(val.X.Narrow(0, at, n), bank, labels, o)
		if err := a.Add(scores, val.Labels[at:at+n]); err != nil {
			return a, err
		}
		if o.Progress != nil {
			o.Progress(at+n, val.Len())
		}
	}
	return a, nil
}

// votes sums exp(similarity/T) per class, [n,classes], of the K nearest rows of the bank. The largest similarity is
// subtracted first: it changes no ranking, and exp(1/T) overflows for small T.
func votes(features, bank, labels *torch.Tensor, o KNNOptions) []float32 {
	scope := torch.NewScope()
	defer scope.Close()
	queries := features.ToDevice(bank.Device()).Normalize(1)
	sim, index := nearest(queries, bank, int64(o.K))
	weights := sim.Sub(sim.MaxDims(true, 1)).DivScalarInPlace(o.Temperature).ExpInPlace()
	n := queries.Size(0)
	classes := labels.IndexSelect(0, index.Reshape(-1)).Reshape(n, -1)
	scores := torch.Zeros(torch.Float32, queries.Device(), n, int64(o.Classes))
	return scores.ScatterAddInPlace(1, classes, weights).Float32s()
}

// nearest returns the k largest similarities of each query, [n,k], and the rows of the bank that have them. The bank
// passes in blocks; what was best so far competes with each block.
func nearest(queries, bank *torch.Tensor, k int64) (sim, index *torch.Tensor) {
	rows := bank.Size(0)
	for at := int64(0); at < rows; at += knnColumns {
		n := min(knnColumns, rows-at)
		block := queries.MatMul(bank.Narrow(0, at, n).Transpose(0, 1))
		s, i := block.TopK(min(k, n), 1)
		block.Close()
		i = i.Add(torch.FromInt64([]int64{at}, 1).ToDevice(bank.Device()))
		if sim != nil {
			s, i = torch.Cat(1, sim, s), torch.Cat(1, index, i)
			var place *torch.Tensor
			s, place = s.TopK(min(k, s.Size(1)), 1)
			i = i.Gather(1, place)
		}
		sim, index = s, i
	}
	return sim, index
}
