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
	a, err := eval.KNN(context.Background(), torch.CPU, train, val, eval.KNNOptions{K: 3, Temperature: 0.07, Classes: 2})
	fmt.Println(a.Percent1(), err)
	// Output: 100 <nil>
}

func ExampleAccuracy() {
	var a eval.Accuracy
	scores := []float32{
		0.1, 0.7, 0.2, // the best is class 1
		0.5, 0.3, 0.2, // the best is class 0
	}
	if err := a.Add(scores, []int64{1, 2}); err != nil {
		fmt.Println(err)
	}
	fmt.Printf("top-1 %.0f %%, top-5 %.0f %% of %d images\n", a.Percent1(), a.Percent5(), a.Images)
	// Output: top-1 50 %, top-5 100 % of 2 images
}
