// SPDX-License-Identifier: MIT

package swav_test

import (
	"fmt"

	"seer/nn"
	"seer/ssl/swav"
	"seer/torch"
)

// Two images that like the same prototype cannot both have it: Sinkhorn shares the prototypes out equally.
func ExampleSinkhorn() {
	scope := torch.NewScope()
	defer scope.Close()
	scores := torch.FromFloat32([]float32{
		0.9, 0.1,
		0.8, 0.6,
	}, 2, 2)
	q := swav.Sinkhorn(scores, 0.05, 3).Float32s()
	fmt.Printf("image 0: %.2f %.2f\n", q[0], q[1])
	fmt.Printf("image 1: %.2f %.2f\n", q[2], q[3])
	// Output:
	// image 0: 1.00 0.00
	// image 1: 0.07 0.93
}

// One forward and backward pass on two large and two small crops of four images.
func Example() {
	torch.ManualSeed(0)
	system, err := swav.New(pixels{}, torch.CPU, swav.Hyperparameters{
		Hidden: []int64{32}, Out: 16, Prototypes: 10, Temperature: 0.1, Epsilon: 0.05, Iterations: 3,
		AssignCrops: []int{0, 1},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer nn.Close(system)
	scope := torch.NewScope()
	defer scope.Close()
	const images = 4
	crops := []*torch.Tensor{
		torch.Randn(torch.CPU, 2*images, 3, 16, 16), // crops 0 and 1, crop-major
		torch.Randn(torch.CPU, 2*images, 3, 8, 8),   // crops 2 and 3
	}
	out := system.Forward(&nn.Context{Training: true}, crops, images, 0)
	out.Loss.Backward()
	fmt.Println("scores:", out.Scores.Shape())
	fmt.Println("assignments:", out.Assignments.Shape())
	fmt.Println("prototypes have a gradient:", system.Prototypes.Weight().Grad() != nil)
	// Output:
	// scores: [16 10]
	// assignments: [8 10]
	// prototypes have a gradient: true
}
