// SPDX-License-Identifier: MIT

package models

import (
	"fmt"

	"seer/models/regnet"
	regnetarch "seer/models/regnet/arch"
	"seer/models/resnet"
	resnetarch "seer/models/resnet/arch"
	"seer/models/sketch"
	"seer/models/vit"
	vitarch "seer/models/vit/arch"
	"seer/torch"
)

// New builds the trunk of a description (package models/arch has them by name) on dev, initialised as its library does;
// with classes > 0 torchvision's linear classifier follows. On [torch.Meta] it allocates nothing and only has shapes.
// The random numbers come from the device's generator: seed it with torch.ManualSeed.
func New(n sketch.Network, dev torch.Device, classes int) (Trunk, error) {
	switch n := n.(type) {
	case regnetarch.Params:
		return trunk(regnet.New(n, dev, classes))
	case resnetarch.ResNet:
		return trunk(resnet.New(n, dev, classes))
	case resnetarch.Selective:
		return trunk(resnet.NewSelective(n, dev, classes))
	case vitarch.ViT:
		return trunk(vit.New(n, dev, classes))
	}
	return nil, fmt.Errorf("no trunk is built from a %T: add it to models.New", n)
}

// trunk keeps a typed nil out of the interface.
func trunk[T Trunk](t T, err error) (Trunk, error) {
	if err != nil {
		return nil, err
	}
	return t, nil
}
