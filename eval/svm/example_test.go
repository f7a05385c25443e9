// SPDX-License-Identifier: MIT

package svm_test

import (
	"context"
	"fmt"

	"seer/eval/svm"
)

// Four images of width 2, of two classes that lie apart.
func ExampleEvaluate() {
	rows, err := svm.NewRows([]float32{1, 0, 0.9, 0.1, 0, 1, 0.2, 0.8}, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	labels, err := svm.OneVsRest([]int64{0, 0, 1, 1}, 2)
	if err != nil {
		fmt.Println(err)
		return
	}
	images := svm.Set{Rows: rows.Normalized(), Labels: labels}
	r, err := svm.Evaluate(context.Background(), images, images, svm.Defaults())
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("mAP %.0f %%, costs %v and %v\n", 100*r.Mean(), r.Models[0].Cost, r.Models[1].Cost)
	// Output: mAP 100 %, costs 0.01 and 0.01
}
