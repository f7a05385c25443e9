// SPDX-License-Identifier: MIT

// Package knn classifies images by the vote of their nearest neighbours, for several numbers of neighbours in one pass.
//
// Similarities are the cosine, or the inner product of the features as they are (VISSL's default). The votes are those of
// Wu et al. (arXiv 1805.01978, section 3.4), DINOv2 and the plain count. The bank may have one class an image, or any number
// of them: then the scores are those of each class on its own, for average precision.
package knn

import (
	"context"
	"fmt"
	"slices"

	"seer/eval/metrics"
	"seer/torch"
)

// Vote is the weight of a neighbour of similarity s; m is the query's largest similarity. The first two order classes
// equally.
type Vote int

const (
	// Exponential weighs exp((s − m)/T): exp(s/T) of Wu et al. and VISSL without its overflow.
	Exponential Vote = iota
	// Softmax weighs exp(s/T) / Σ exp(s/T) over the largest K of the pass, as DINOv2 does: of a smaller K the scores add up
	// to less than 1.
	Softmax
	// Uniform counts: a class has the share of the neighbours that are of it (scikit-learn's KNeighborsClassifier).
	Uniform
)

// VoteOptions say who votes and how, in one pass.
type VoteOptions struct {
	K            []int // neighbours that vote
	Vote         Vote
	Temperature  float64 // T; without a meaning for Uniform
	Classes      int
	InnerProduct bool                    // else features are put on the unit sphere first: the cosine
	Threads      int                     // of an operation on the CPU; 0 means those of torch.SetThreads
	Progress     func(done, total int64) // queries; may be nil
}

// Bank has the images that vote: float32 [n, width], and either the class of each or all of its classes.
type Bank struct {
	X       *torch.Tensor
	Labels  []int64       // n
	Present *torch.Tensor // float32 [n, Classes]: 1 for a class that the image has, 0 for others
}

// A block of similarities is blockRows×blockColumns float32: 32 MB, whatever the number of images. A block of the
// neighbours' classes is no larger than blockClasses values.
const (
	blockRows    = 256
	blockColumns = 32768
	blockClasses = 1 << 24
)

// Classify counts how often the class of a query is among the best scores, for each of o.K; the counts have top-1 and
// top-5. It computes on dev.
func Classify(ctx context.Context, dev torch.Device, bank Bank, queries *torch.Tensor, labels []int64, o VoteOptions) ([]*metrics.Classification, error) {
	if n := queries.Size(0); n != int64(len(labels)) {
		return nil, fmt.Errorf("k-NN: %d labels for %d queries", len(labels), n)
	}
	counts := make([]*metrics.Classification, len(o.K))
	for i := range counts {
		var err error
		if counts[i], err = metrics.NewClassification(o.Classes, 1, 5); err != nil {
			return nil, err
		}
	}
	err := Scores(ctx, dev, bank, queries, o, func(i int, at int64, scores []float32) error {
		return counts[i].Add(scores, labels[at:at+int64(len(scores)/o.Classes)])
	})
	return counts, err
}

// Scores hands on, block by block, the votes for each class: for o.K[i], the rows from at on, [rows, Classes].
func Scores(ctx context.Context, dev torch.Device, bank Bank, queries *torch.Tensor, o VoteOptions, use func(i int, at int64, scores []float32) error) error {
	if err := o.check(bank, queries); err != nil {
		return err
	}
	return torch.OnThread(o.Threads, func() (err error) {
		scope := torch.NewScope()
		defer scope.Close()
		failure := torch.Try(func() {
			torch.NoGrad(func() { err = newVoters(dev, bank, o).pass(ctx, queries, use) })
		})
		if failure != nil {
			return fmt.Errorf("k-NN of %d images among %d: %w", queries.Size(0), bank.X.Size(0), failure)
		}
		return err
	})
}

func (o VoteOptions) check(bank Bank, queries *torch.Tensor) error {
	n := bank.X.Size(0)
	if len(o.K) == 0 || slices.Min(o.K) < 1 || int64(slices.Max(o.K)) > n {
		return fmt.Errorf("k-NN: k = %v; there are %d training images; allowed are 1 to %d", o.K, n, n)
	}
	if o.Vote < Exponential || o.Vote > Uniform {
		return fmt.Errorf("k-NN: vote %d; Exponential, Softmax and Uniform are allowed", o.Vote)
	}
	if o.Vote != Uniform && !(o.Temperature > 0) {
		return fmt.Errorf("k-NN: temperature %v; it has to be over 0", o.Temperature)
	}
	if t, q := bank.X.Size(1), queries.Size(1); t != q {
		return fmt.Errorf("k-NN: training features have width %d, queries %d; compute both with one trunk", t, q)
	}
	return bank.check(o.Classes)
}

func (b Bank) check(classes int) error {
	n := b.X.Size(0)
	if b.Present != nil {
		if shape := b.Present.Shape(); b.Labels != nil || !slices.Equal(shape, []int64{n, int64(classes)}) {
			return fmt.Errorf("k-NN: classes of shape %v and %d labels for %d images; needed are [%d %d] and none", shape, len(b.Labels), n, n, classes)
		}
		return nil
	}
	if int64(len(b.Labels)) != n {
		return fmt.Errorf("k-NN: %d labels for %d images", len(b.Labels), n)
	}
	for i, label := range b.Labels {
		if label < 0 || label >= int64(classes) {
			return fmt.Errorf("k-NN: image %d has label %d; with %d classes 0 to %d are allowed", i, label, classes, classes-1)
		}
	}
	return nil
}

// voters is the bank on the device.
type voters struct {
	x, labels, present *torch.Tensor
	o                  VoteOptions
	ks                 []int // in ascending order, each once
}

func newVoters(dev torch.Device, bank Bank, o VoteOptions) *voters {
	v := &voters{o: o, x: bank.X.ToDevice(dev), ks: slices.Clone(o.K)}
	if !o.InnerProduct {
		v.x = v.x.Normalize(1)
	}
	if bank.Present != nil {
		v.present = bank.Present.ToDevice(dev)
	} else {
		v.labels = torch.FromInt64(bank.Labels, int64(len(bank.Labels))).ToDevice(dev)
	}
	slices.Sort(v.ks)
	v.ks = slices.Compact(v.ks)
	return v
}

func (v *voters) most() int64 { return int64(v.ks[len(v.ks)-1]) }

func (v *voters) pass(ctx context.Context, queries *torch.Tensor, use func(i int, at int64, scores []float32) error) error {
	rows, total := int64(blockRows), queries.Size(0)
	if v.present != nil {
		rows = min(rows, max(1, blockClasses/(v.most()*int64(v.o.Classes))))
	}
	for at := int64(0); at < total; at += rows {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		n := min(rows, total-at)
		scores := v.scores(queries.Narrow(0, at, n))
		for i, k := range v.o.K {
			if err := use(i, at, scores[slices.Index(v.ks, k)]); err != nil {
				return err
			}
		}
		if v.o.Progress != nil {
			v.o.Progress(at+n, total)
		}
	}
	return nil
}

// scores are the votes of the nearest ones for each of ks. Neighbours are sorted, so that each k adds to the one before.
func (v *voters) scores(queries *torch.Tensor) [][]float32 {
	scope := torch.NewScope()
	defer scope.Close()
	queries = queries.ToDevice(v.x.Device())
	if !v.o.InnerProduct {
		queries = queries.Normalize(1)
	}
	sim, index := nearest(queries, v.x, v.most())
	weights := v.weights(sim)
	total := torch.Zeros(torch.Float32, v.x.Device(), queries.Size(0), int64(v.o.Classes))
	var all [][]float32
	before := int64(0)
	for _, k := range v.ks {
		v.add(total, index.Narrow(1, before, int64(k)-before), weights.Narrow(1, before, int64(k)-before))
		before = int64(k)
		if v.o.Vote == Uniform {
			all = append(all, total.DivScalar(float64(k)).Float32s())
		} else {
			all = append(all, total.Float32s())
		}
	}
	return all
}

func (v *voters) weights(sim *torch.Tensor) *torch.Tensor {
	switch v.o.Vote {
	case Uniform:
		return torch.Ones(torch.Float32, sim.Device(), sim.Shape()...)
	case Softmax:
		return sim.DivScalar(v.o.Temperature).Softmax(1)
	default:
		return sim.Sub(sim.MaxDims(true, 1)).DivScalarInPlace(v.o.Temperature).ExpInPlace()
	}
}

// add gives the weights [n,k] of the neighbours [n,k] to their classes, [n,classes].
func (v *voters) add(total, index, weights *torch.Tensor) {
	n, k := index.Size(0), index.Size(1)
	flat := index.Contiguous().Reshape(-1)
	if v.present == nil {
		total.ScatterAddInPlace(1, v.labels.IndexSelect(0, flat).Reshape(n, k), weights)
		return
	}
	classes := v.present.IndexSelect(0, flat).Reshape(n, k, -1)
	total.AddInPlace(classes.MulInPlace(weights.Unsqueeze(2)).SumDims(false, 1))
}

// nearest returns the k largest similarities of each query in descending order, [n,k], and the rows of the bank that have
// them; which of equal ones is open. The bank passes in blocks; what was best so far competes with each block.
func nearest(queries, bank *torch.Tensor, k int64) (sim, index *torch.Tensor) {
	rows := bank.Size(0)
	for at := int64(0); at < rows; at += blockColumns {
		n := min(blockColumns, rows-at)
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
