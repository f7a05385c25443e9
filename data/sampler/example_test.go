// SPDX-License-Identifier: MIT

package sampler_test

import (
	"fmt"

	"seer/data/sampler"
)

// Two epochs over five images: every image once an epoch, in another order.
func ExampleSampler_Global() {
	s := sampler.New(5, 42)
	for position := range int64(10) {
		epoch, _ := s.Locate(position)
		fmt.Print(epoch, ":", s.Global(position), " ")
	}
	// Output: 0:1 0:2 0:4 0:0 0:3 1:4 1:1 1:3 1:2 1:0
}

// A billion images need no more memory than five.
func ExampleNewPermutation() {
	p := sampler.NewPermutation(1_000_000_000, 42, 0)
	fmt.Println(p.Inverse(p.At(123_456_789)))
	// Output: 123456789
}
