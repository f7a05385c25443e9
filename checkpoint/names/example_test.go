// SPDX-License-Identifier: MIT

package names_test

import (
	"fmt"

	"seer/checkpoint/names"
)

func ExampleCommon() {
	key := names.Common("classy_state_dict.base_model.model.trunk._feature_blocks.res5.block4-0.proj.weight")
	fmt.Println(key.Common)
	timm, _ := names.FromTorchvision(names.Timm, key.Common)
	fmt.Println(timm)
	// Output:
	// trunk_output.block4.block4-0.proj.0.weight
	// s4.b1.downsample.conv.weight
}
