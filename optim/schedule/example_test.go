// SPDX-License-Identifier: MIT

package schedule_test

import (
	"fmt"

	"seer/optim/schedule"
)

func ExampleWarmupCosine() {
	s := schedule.WarmupCosine(9.6, 0.15, 0.0096, 8000, 122_070, schedule.Global)
	for _, step := range []int64{0, 4000, 8000, 61_035, 122_069} {
		fmt.Printf("%6d %.4f\n", step, s.At(step))
	}
	// Output:
	//      0 0.1500
	//   4000 4.8750
	//   8000 9.4987
	//  61035 4.8048
	// 122069 0.0096
}
