// SPDX-License-Identifier: MIT

package eval

import (
	"context"
	"fmt"

	"seer/eval/knn"
	"seer/eval/metrics"
	"seer/torch"
)

// KNNOptions configure [KNN].
type KNNOptions struct {
	K           []int   // neighbours that vote: each of them gives a figure
	Temperature float64 // every neighbour votes with exp(similarity/Temperature)
	Classes     int
	Threads     int                     // of an operation on the CPU; 0 means those of torch.SetThreads
	Progress    func(done, total int64) // validation images; may be nil
}

// KNN classifies val by a weighted vote of the nearest images of train (Wu et al., arXiv 1805.01978, section 3.4): the
// features are put on the unit sphere, the K images of largest cosine vote for their class. The result has the counts of
// each K, top-1 and top-5; similarities are computed once for all of them. It computes on dev.
func KNN(ctx context.Context, dev torch.Device, train, val *Features, o KNNOptions) ([]*metrics.Classification, error) {
	if err := o.check(train, val); err != nil {
		return nil, err
	}
	return knn.Classify(ctx, dev, knn.Bank{X: train.X, Labels: train.Labels}, val.X, val.Labels, knn.VoteOptions{
		K: o.K, Temperature: o.Temperature, Classes: o.Classes, Threads: o.Threads, Progress: o.Progress,
	})
}

func (o KNNOptions) check(train, val *Features) error {
	if err := EnoughNeighbours(o.K, train.Len()); err != nil {
		return err
	}
	if !(o.Temperature > 0) {
		return fmt.Errorf("knn.temperature = %v: must be over 0", o.Temperature)
	}
	if t, v := train.X.Size(1), val.X.Size(1); t != v {
		return fmt.Errorf("k-NN: training features have width %d, validation features %d; compute both with one trunk", t, v)
	}
	return train.CheckLabels(o.Classes)
}

// EnoughNeighbours wants as many training images as neighbours.
func EnoughNeighbours(ks []int, images int64) error {
	for _, k := range ks {
		if k < 1 || int64(k) > images {
			return fmt.Errorf("knn.k = %d: there are %d training images; allowed are 1 to %d", k, images, images)
		}
	}
	return nil
}
