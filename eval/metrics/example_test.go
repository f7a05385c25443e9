// SPDX-License-Identifier: MIT

package metrics_test

import (
	"fmt"

	"seer/eval/metrics"
)

func ExampleClassification() {
	c, err := metrics.NewClassification(3, 1, 5) // three classes, top-1 and top-5
	if err != nil {
		fmt.Println(err)
		return
	}
	scores := []float32{
		0.1, 0.7, 0.2, // the best is class 1
		0.5, 0.3, 0.2, // the best is class 0
	}
	if err := c.Add(scores, []int64{1, 2}); err != nil {
		fmt.Println(err)
	}
	fmt.Printf("top-1 %.0f %%, top-5 %.0f %% of %d images\n", c.Percent(1), c.Percent(5), c.Images())
	// Output: top-1 50 %, top-5 100 % of 2 images
}
