// SPDX-License-Identifier: MIT

package regnet_test

import (
	"fmt"

	"seer/models/regnet"
	"seer/models/regnet/arch"
	"seer/nn"
	"seer/torch"
)

func Example() {
	params, err := arch.Lookup("regnet_y_200mf")
	if err != nil {
		fmt.Println(err)
		return
	}
	torch.ManualSeed(0)
	trunk, err := regnet.New(params, torch.CPU, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer nn.Close(trunk) // modules own their tensors
	scope := torch.NewScope()
	defer scope.Close() // and the scope what is computed from them
	images := torch.Rand(torch.CPU, 2, 3, 64, 96)
	torch.NoGrad(func() {
		fmt.Println("features:", trunk.Forward(&nn.Context{}, images).Shape())
		for i, s := range trunk.Stages(&nn.Context{}, images) {
			fmt.Printf("stage %d: %v\n", i+1, s.Shape())
		}
	})
	// Output:
	// features: [2 368]
	// stage 1: [2 24 16 24]
	// stage 2: [2 56 8 12]
	// stage 3: [2 152 4 6]
	// stage 4: [2 368 2 3]
}

// On the meta device the largest model takes no memory, and still answers for its names and shapes.
func ExampleNew_meta() {
	params, err := arch.Lookup("regnet_y_10b")
	if err != nil {
		fmt.Println(err)
		return
	}
	trunk, err := regnet.New(params, torch.Meta, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer nn.Close(trunk)
	fmt.Println(nn.CountParameters(trunk), "parameters, of which the first is", nn.Parameters(trunk)[0].Name)
	// Output: 9323934872 parameters, of which the first is stem.0.weight
}
