// SPDX-License-Identifier: MIT

package arch_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/models/arch"
	"seer/models/sketch"
)

func TestNamesComeBySize(t *testing.T) {
	names, last := arch.Names(), int64(0)
	for _, name := range names {
		n, err := arch.Lookup(name)
		require.NoError(t, err, name)
		size := sketch.Parameters(sketch.Manifest(n))
		assert.GreaterOrEqual(t, size, last, name)
		last = size
	}
	assert.Equal(t, "regnet_y_200mf", names[0])
	assert.Equal(t, "regnet_y_10b", names[len(names)-1])
	assert.Subset(t, names, []string{"regnet_x_32gf", "resnet152", "resnext101_64x4d", "vit_l_16", "simclrv2_r152_3x_sk1"})
}

func TestSpellingsOfOtherLibraries(t *testing.T) {
	for name, want := range map[string]string{
		"vit_small_patch16_224.augreg_in21k_ft_in1k": "vit_s_16", // timm
		"vit_base_patch16_224":                       "vit_b_16",
		"google/vit-large-patch16-224":               "vit_l_16", // transformers
		"microsoft/resnet-50":                        "resnet50",
		"resnet50.a1_in1k":                           "resnet50",  // timm
		"ResNet101_Weights.IMAGENET1K_V2":            "resnet101", // torchvision
		"resnext50_32x4d.tv2_in1k":                   "resnext50_32x4d",
		"r152_3x_sk1":                                "simclrv2_r152_3x_sk1", // the port's file
		"regnety_160":                                "regnet_y_16gf",
	} {
		_, err := arch.Lookup(name)
		assert.ErrorContains(t, err, "that is "+want+" here", name)
	}
}

func TestUnknownArchitectures(t *testing.T) {
	for name, want := range map[string]string{
		"resnet34":      "nearest: resnet",
		"vit_b_32":      "nearest: vit_",
		"regnetz_040":   "RegNetZ",
		"resnet50d":     "nearest: resnet50",
		"convnext_tiny": "unknown architecture \"convnext_tiny\": it is a ConvNeXt, and this program has RegNets, ResNets, ResNeXts and ViTs",
		"":              "allowed: regnet_y_200mf",
	} {
		_, err := arch.Lookup(name)
		assert.ErrorContains(t, err, want, name)
	}
}
