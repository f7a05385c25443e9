// SPDX-License-Identifier: MIT

package datatest_test

import (
	"fmt"

	"seer/data/datatest"
)

func ExampleDraw() {
	fmt.Println(datatest.Draw(64, 48, 1).Bounds().Size())
	// Output: (64,48)
}
