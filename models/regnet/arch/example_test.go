// SPDX-License-Identifier: MIT

package arch_test

import (
	"fmt"

	"seer/models/regnet/arch"
)

func ExampleLookup() {
	p, err := arch.Lookup("regnet_y_16gf")
	if err != nil {
		fmt.Println(err)
		return
	}
	stages, _ := p.Stages()
	for i, s := range stages {
		fmt.Printf("stage %d: %2d blocks, %4d wide, %2d groups\n", i+1, s.Depth, s.Width, s.Groups)
	}
	fmt.Printf("%d parameters, %.1f GMAC at 224 pixels\n", p.TrunkParameters(), float64(p.MACs(224))/1e9)
	_, err = arch.Lookup("regnet_y_16g")
	fmt.Println(err)
	// Output:
	// stage 1:  2 blocks,  224 wide,  2 groups
	// stage 2:  4 blocks,  448 wide,  4 groups
	// stage 3: 11 blocks, 1232 wide, 11 groups
	// stage 4:  1 blocks, 3024 wide, 27 groups
	// 80565140 parameters, 15.9 GMAC at 224 pixels
	// unknown architecture "regnet_y_16g"; nearest: regnet_y_16gf, regnet_y_1_6gf, regnet_y_12gf (of 25, regnet_y_200mf to regnet_y_10b)
}

func ExampleParams_Manifest() {
	p := arch.Params{Depth: 2, W0: 8, WM: 2, GroupWidth: 8}
	for _, e := range p.Manifest()[:3] {
		fmt.Println(e.Name, e.Shape, e.Kind)
	}
	// Output:
	// stem.0.weight [32 3 3 3] param
	// stem.1.weight [32] param
	// stem.1.bias [32] param
}
