// SPDX-License-Identifier: MIT

package nn_test

import (
	"fmt"

	"seer/nn"
	"seer/torch"
)

func Example() {
	torch.ManualSeed(0)
	head := nn.Sequential{
		{Name: "0", Module: nn.NewLinear(torch.CPU, 4, 8, true)},
		{Name: "1", Module: nn.NewBatchNorm(torch.CPU, 8)},
		{Name: "2", Module: nn.ReLU{}},
		{Name: "3", Module: nn.NewLinear(torch.CPU, 8, 2, false)},
	}
	defer nn.Close(head)
	for _, e := range nn.Entries(head) {
		fmt.Println(e.Name, e.Tensor.Shape(), e.Kind == nn.Parameter)
	}
	scope := torch.NewScope()
	defer scope.Close()
	y := head.Forward(&nn.Context{Training: true}, torch.Randn(torch.CPU, 16, 4))
	fmt.Println(y.Shape())
	// Output:
	// 0.weight [8 4] true
	// 0.bias [8] true
	// 1.weight [8] true
	// 1.bias [8] true
	// 1.running_mean [8] false
	// 1.running_var [8] false
	// 3.weight [2 8] true
	// [16 2]
}
