// SPDX-License-Identifier: MIT

package optim_test

import (
	"fmt"

	"seer/nn"
	"seer/optim"
	"seer/optim/rules"
	"seer/torch"
)

// Fit a line through two points.
func Example() {
	torch.ManualSeed(0)
	line := nn.NewLinear(torch.CPU, 1, 1, true)
	defer nn.Close(line)
	params := nn.Parameters(line)
	settings, err := rules.Assign(nil, []string{"weight", "bias"}, rules.Default(0, false))
	if err != nil {
		fmt.Println(err)
		return
	}
	sgd, err := optim.NewSGD(params, settings, optim.SGDOptions{Momentum: 0.9, Adaptation: optim.None})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer sgd.Close()
	for step := range int64(200) {
		scope := torch.NewScope()
		x, y := torch.FromFloat32([]float32{0, 2}, 2, 1), torch.FromFloat32([]float32{1, 5}, 2, 1)
		line.Forward(&nn.Context{}, x).Sub(y).Square().Mean().Backward()
		sgd.Step(step, 0.1)
		scope.Close()
	}
	fmt.Printf("y = %.2f x + %.2f\n", line.Weight.Item(), line.Bias.Item())
	// Output: y = 2.00 x + 1.00
}
