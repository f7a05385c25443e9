// SPDX-License-Identifier: MIT

package torch_test

import (
	"fmt"

	"seer/torch"
)

// A scope owns what is made while it is open; one tensor is kept.
func ExampleScope() {
	scope := torch.NewScope()
	x := torch.FromFloat32([]float32{1, 2, 3, 4}, 2, 2)
	product := scope.Keep(x.MatMul(x))
	scope.Close() // x is gone
	defer product.Close()
	fmt.Println(product, product.Float32s())
	// Output: float32[2,2] [7 10 15 22]
}

// Model code panics on a mistake; Try is the border where that becomes an error with the shapes in it.
func ExampleTry() {
	scope := torch.NewScope()
	defer scope.Close()
	err := torch.Try(func() {
		images := torch.Zeros(torch.Float32, torch.CPU, 1, 3, 8, 8)
		torch.Linear(images.Flatten(1, 3), torch.Zeros(torch.Float32, torch.CPU, 10, 100), nil)
	})
	fmt.Println(err)
	// Output: torch: linear(float32[1,192], float32[10,100], none): mat1 and mat2 shapes cannot be multiplied (1x192 and 100x10)
}

func ExampleTensor_Backward() {
	scope := torch.NewScope()
	defer scope.Close()
	w := torch.FromFloat32([]float32{2, 3}, 2).SetRequiresGrad(true)
	w.Square().Sum().Backward()
	fmt.Println(w.Grad().Float32s())
	// Output: [4 6]
}
