// SPDX-License-Identifier: MIT

package eval_test

import (
	"context"
	"fmt"

	"seer/eval"
	"seer/torch"
)

// Two classes on two axes; a query near the first axis.
func ExampleKNN() {
	scope := torch.NewScope() // owns the tensors
	defer scope.Close()
	train := &eval.Features{
		X:      torch.FromFloat32([]float32{1, 0, 0.9, 0.1, 0, 1, 0.1, 0.9}, 4, 2),
		Labels: []int64{0, 0, 1, 1}, Indices: []int64{0, 1, 2, 3},
	}
	val := &eval.Features{X: torch.FromFloat32([]float32{3, 0.5}, 1, 2), Labels: []int64{0}, Indices: []int64{0}}
	counts, err := eval.KNN(context.Background(), torch.CPU, train, val, eval.KNNOptions{K: []int{3}, Temperature: 0.07, Classes: 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(counts[0].Percent(1))
	// Output: 100
}
