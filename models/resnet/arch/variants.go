// SPDX-License-Identifier: MIT

package arch

import "seer/models/sketch"

// Variants are the published networks, under torchvision's names. simclrv2_r152_3x_sk1 is called as SimCLR v2's release
// and its PyTorch port call the file.
var Variants = map[string]sketch.Network{
	"resnet50":             ResNet{Depths: [4]int{3, 4, 6, 3}, Groups: 1, GroupWidth: 64},
	"resnet101":            ResNet{Depths: [4]int{3, 4, 23, 3}, Groups: 1, GroupWidth: 64},
	"resnet152":            ResNet{Depths: [4]int{3, 8, 36, 3}, Groups: 1, GroupWidth: 64},
	"resnext50_32x4d":      ResNet{Depths: [4]int{3, 4, 6, 3}, Groups: 32, GroupWidth: 4},
	"resnext101_32x8d":     ResNet{Depths: [4]int{3, 4, 23, 3}, Groups: 32, GroupWidth: 8},
	"resnext101_64x4d":     ResNet{Depths: [4]int{3, 4, 23, 3}, Groups: 64, GroupWidth: 4},
	"simclrv2_r152_3x_sk1": Selective{Depths: [4]int{3, 8, 36, 3}, Multiplier: 3},
}
