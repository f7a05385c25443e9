// SPDX-License-Identifier: MIT

package weights_test

import (
	"fmt"

	"seer/checkpoint"
	"seer/checkpoint/weights"
)

// The head of a VISSL checkpoint, without its trunk.
func ExampleMatch() {
	file, err := checkpoint.Open("../testdata/vissl.pth")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer file.Close()
	want := []checkpoint.Info{
		{Name: "projection_head.0.weight", DType: checkpoint.F32, Shape: []int64{4, 2}},
		{Name: "prototypes0.weight", DType: checkpoint.F32, Shape: []int64{3000, 4}},
	}
	_, err = weights.Match(file, want, weights.MatchOptions{Arch: "a head of 3000 prototypes"})
	fmt.Println(err)
	// Output:
	// ../testdata/vissl.pth does not fit a head of 3000 prototypes; it has vissl keys of a RegNet below "classy_state_dict.base_model.model.trunk.": 2 of the trunk, 0 of a classifier, 2 of a SwAV head, 2 others; it holds an optimizer's state
	// 1 of another shape or type:
	//   prototypes0.weight: F32 [3 4] in the file (classy_state_dict.base_model.model.heads.0.prototypes0.weight), F32 [3000 4] in the model
	// what to do: a head's shapes follow from the trunk's width and from hidden, out, batch_norm and prototypes under [swav]: give the file's
}
