// SPDX-License-Identifier: MIT

package knn_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/eval/knn"
	"seer/internal/golden"
	"seer/torch"
	"seer/torch/torchtest"
)

const (
	seed    = 20210302 // of the golden files
	classes = 6
)

type references struct {
	KNN struct {
		Ks               []int
		Uniform, Softmax [][][]float32 // [k][query][class]
		InnerProduct     [][][]float32 `json:"inner_product"`
	}
}

// cloud is the golden script's: points around one centre a class, label i mod classes.
func cloud(name string, n int64) ([]float32, []int64) {
	const width = 8
	centres := golden.Tensor(name+".centres", []int64{classes, width}, 1, seed)
	x, labels := golden.Tensor(name+".noise", []int64{n, width}, 2.5, seed), make([]int64, n)
	for i := range x {
		labels[i/width] = int64(i) / width % classes
		x[i] += centres[labels[i/width]*width+int64(i)%width]
	}
	return x, labels
}

func golden8(t *testing.T) (want references, bank knn.Bank, queries *torch.Tensor, labels []int64) {
	require.NoError(t, golden.JSON("probes.json", &want))
	b, bankLabels := cloud("knn", 300)
	q, labels := cloud("knn.test", 50)
	bank = knn.Bank{X: torch.FromFloat32(b, 300, 8), Labels: bankLabels}
	return want, bank, torch.FromFloat32(q, 50, 8), labels
}

// all is Scores in one piece: [k][query][class].
func all(t *testing.T, bank knn.Bank, queries *torch.Tensor, o knn.VoteOptions) [][][]float32 {
	t.Helper()
	out := make([][][]float32, len(o.K))
	err := knn.Scores(context.Background(), torch.CPU, bank, queries, o, func(i int, at int64, scores []float32) error {
		require.Len(t, out[i], int(at))
		for ; len(scores) > 0; scores = scores[o.Classes:] {
			out[i] = append(out[i], scores[:o.Classes])
		}
		return nil
	})
	require.NoError(t, err)
	return out
}

func TestVotesEqualScikitLearnsAndDINOv2s(t *testing.T) {
	torchtest.NoLeaks(t)
	scope := torch.NewScope()
	defer scope.Close()
	want, bank, queries, _ := golden8(t)
	tests := map[string]struct {
		o    knn.VoteOptions
		want [][][]float32
	}{
		"scikit-learn's count":            {knn.VoteOptions{Vote: knn.Uniform}, want.KNN.Uniform},
		"softmax of cosines":              {knn.VoteOptions{Vote: knn.Softmax, Temperature: 0.07}, want.KNN.Softmax},
		"softmax of products as they are": {knn.VoteOptions{Vote: knn.Softmax, Temperature: 0.5, InnerProduct: true}, want.KNN.InnerProduct},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			tt.o.K, tt.o.Classes = want.KNN.Ks, classes
			got := all(t, bank, queries, tt.o)
			for k := range tt.want {
				for q := range tt.want[k] {
					assert.InDeltaSlice(t, tt.want[k][q], got[k][q], 2e-5, "k = %d, query %d", want.KNN.Ks[k], q)
				}
			}
		})
	}
}

// exp(s/T) over its sum, and exp((s−m)/T): one is a multiple of the other.
func TestExponentialVotesOrderClassesAsSoftmaxDoes(t *testing.T) {
	torchtest.NoLeaks(t)
	scope := torch.NewScope()
	defer scope.Close()
	_, bank, queries, labels := golden8(t)
	o := knn.VoteOptions{K: []int{100, 1, 20, 20}, Temperature: 0.07, Classes: classes} // in any order
	exponential, err := knn.Classify(context.Background(), torch.CPU, bank, queries, labels, o)
	require.NoError(t, err)
	o.Vote = knn.Softmax
	softmax, err := knn.Classify(context.Background(), torch.CPU, bank, queries, labels, o)
	require.NoError(t, err)
	assert.Equal(t, softmax, exponential)
	assert.Equal(t, softmax[2], softmax[3])
	for i, k := range o.K {
		one := o
		one.K = []int{k}
		alone, err := knn.Classify(context.Background(), torch.CPU, bank, queries, labels, one)
		require.NoError(t, err)
		assert.Equal(t, alone[0], softmax[i], "k = %d of several", k)
	}
}

// With one class an image, the classes as a matrix give the same scores.
func TestSeveralClassesAnImage(t *testing.T) {
	torchtest.NoLeaks(t)
	scope := torch.NewScope()
	defer scope.Close()
	_, bank, queries, _ := golden8(t)
	o := knn.VoteOptions{K: []int{5, 30}, Temperature: 0.1, Classes: classes}
	want := all(t, bank, queries, o)
	present := make([]float32, len(bank.Labels)*classes)
	for i, l := range bank.Labels {
		present[i*classes+int(l)] = 1
	}
	got := all(t, knn.Bank{X: bank.X, Present: torch.FromFloat32(present, int64(len(bank.Labels)), classes)}, queries, o)
	for k := range want {
		for q := range want[k] {
			assert.InDeltaSlice(t, want[k][q], got[k][q], 1e-5)
		}
	}
	for i := range present { // every image has every class: all get all votes
		present[i] = 1
	}
	o.Vote = knn.Uniform
	for _, q := range all(t, knn.Bank{X: bank.X, Present: torch.FromFloat32(present, int64(len(bank.Labels)), classes)}, queries, o)[1] {
		assert.InDeltaSlice(t, []float32{1, 1, 1, 1, 1, 1}, q, 1e-6)
	}
}

// The blocks of several classes are smaller: 2^24 values, here three queries at a time.
func TestManyClassesPassInSmallBlocks(t *testing.T) {
	torchtest.NoLeaks(t)
	scope := torch.NewScope()
	defer scope.Close()
	const n, many = 100, 50_000
	x, _ := cloud("knn", n)
	bank := knn.Bank{X: torch.FromFloat32(x, n, 8), Present: torch.Ones(torch.Float32, torch.CPU, n, many)}
	var blocks []int64
	o := knn.VoteOptions{K: []int{n}, Vote: knn.Uniform, Classes: many, Progress: func(done, _ int64) { blocks = append(blocks, done) }}
	require.NoError(t, knn.Scores(context.Background(), torch.CPU, bank, bank.X.Narrow(0, 0, 7), o, func(int, int64, []float32) error { return nil }))
	assert.Equal(t, []int64{3, 6, 7}, blocks)
}

func TestScoresStop(t *testing.T) {
	torchtest.NoLeaks(t)
	scope := torch.NewScope()
	defer scope.Close()
	_, bank, queries, _ := golden8(t)
	stop := errors.New("enough")
	o := knn.VoteOptions{K: []int{1}, Vote: knn.Uniform, Classes: classes}
	err := knn.Scores(context.Background(), torch.CPU, bank, queries, o, func(int, int64, []float32) error { return stop })
	assert.ErrorIs(t, err, stop)
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(stop)
	_, err = knn.Classify(ctx, torch.CPU, bank, queries, make([]int64, 50), o)
	assert.ErrorIs(t, err, stop)
}

func TestRefusals(t *testing.T) {
	torchtest.NoLeaks(t)
	scope := torch.NewScope()
	defer scope.Close()
	_, bank, queries, labels := golden8(t)
	good := knn.VoteOptions{K: []int{3}, Temperature: 0.1, Classes: classes}
	matrix := knn.Bank{X: bank.X, Present: torch.Zeros(torch.Float32, torch.CPU, 300, 5)}
	tests := []struct {
		want    string
		bank    knn.Bank
		queries *torch.Tensor
		change  func(*knn.VoteOptions)
	}{
		{"k = [301]; there are 300 training images; allowed are 1 to 300", bank, queries, func(o *knn.VoteOptions) { o.K = []int{301} }},
		{"k = []", bank, queries, func(o *knn.VoteOptions) { o.K = nil }},
		{"temperature 0; it has to be over 0", bank, queries, func(o *knn.VoteOptions) { o.Temperature = 0 }},
		{"vote 7", bank, queries, func(o *knn.VoteOptions) { o.Vote = 7 }},
		{"training features have width 8, queries 7", bank, queries.Narrow(1, 0, 7), func(*knn.VoteOptions) {}},
		{"image 2 has label 2; with 2 classes 0 to 1 are allowed", bank, queries, func(o *knn.VoteOptions) { o.Classes = 2 }},
		{"3 labels for 300 images", knn.Bank{X: bank.X, Labels: []int64{0, 0, 0}}, queries, func(*knn.VoteOptions) {}},
		{"classes of shape [300 5] and 0 labels for 300 images; needed are [300 6] and none", matrix, queries, func(*knn.VoteOptions) {}},
	}
	for _, tt := range tests {
		t.Run(tt.want, func(t *testing.T) {
			o := good
			tt.change(&o)
			_, err := knn.Classify(context.Background(), torch.CPU, tt.bank, tt.queries, labels, o)
			assert.ErrorContains(t, err, tt.want)
		})
	}
	_, err := knn.Classify(context.Background(), torch.CPU, bank, queries, labels[1:], good)
	assert.ErrorContains(t, err, "49 labels for 50 queries")
}
