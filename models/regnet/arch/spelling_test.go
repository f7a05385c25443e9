// SPDX-License-Identifier: MIT

package arch

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Names as other libraries write them, with the variant whose widths theirs are.
func TestSpellingsOfOtherLibraries(t *testing.T) {
	for name, want := range map[string]string{
		"regnety_002":                          "regnet_y_200mf", // timm
		"regnety_004":                          "regnet_y_400mf",
		"regnety_006":                          "regnet_y_600mf",
		"regnety_008":                          "regnet_y_800mf_seer",
		"regnety_008_tv.tv2_in1k":              "regnet_y_800mf",
		"regnety_016":                          "regnet_y_1_6gf",
		"regnety_016.tv2_in1k":                 "regnet_y_1_6gf",
		"regnety_032.ra_in1k":                  "regnet_y_3_2gf",
		"regnety_040":                          "regnet_y_4gf",
		"regnety_064":                          "regnet_y_6_4gf",
		"regnety_080":                          "regnet_y_8gf_seer",
		"regnety_080_tv":                       "regnet_y_8gf",
		"regnety_120":                          "regnet_y_12gf",
		"regnety_160.swag_ft_in1k":             "regnet_y_16gf",
		"regnety_320.seer":                     "regnet_y_32gf",
		"regnety_640.seer":                     "regnet_y_64gf",
		"regnety_1280.seer_ft_in1k":            "regnet_y_128gf",
		"regnety_2560.seer_ft_in1k":            "regnet_y_256gf",
		"timm/regnety_016.tv2_in1k":            "regnet_y_1_6gf",
		"facebook/regnet-y-040":                "regnet_y_4gf", // transformers
		"facebook/regnet-y-008":                "regnet_y_800mf_seer",
		"facebook/regnet-y-320-seer":           "regnet_y_32gf",
		"facebook/regnet-y-640-seer-in1k":      "regnet_y_64gf",
		"facebook/regnet-y-10b-seer":           "regnet_y_10b",
		"RegNetY-400MF":                        "regnet_y_400mf", // pycls
		"RegNetY-1.6GF_dds_8gpu":               "regnet_y_1_6gf",
		"RegNetY-16GF":                         "regnet_y_16gf",
		"RegNetY-4.0GF":                        "regnet_y_4gf",
		"regnet16Gf":                           "regnet_y_16gf", // VISSL
		"regnet8Gf":                            "regnet_y_8gf_seer",
		"regnet128Gf":                          "regnet_y_128gf",
		"regnet256Gf_1":                        "regnet_y_256gf",
		"regnet10B":                            "regnet_y_10b",
		"regnet_y_16Gf":                        "regnet_y_16gf", // ClassyVision
		"RegNet_Y_16GF_Weights":                "regnet_y_16gf", // torchvision
		"RegNet_Y_1_6GF_Weights.IMAGENET1K_V2": "regnet_y_1_6gf",
		"regnet_y_0.4gf":                       "regnet_y_400mf",
		"regnet-y-16gf":                        "regnet_y_16gf",
		"RegNetY032":                           "regnet_y_3_2gf", // Keras
		"regnetx_016":                          "regnet_x_1_6gf",
		"regnetx_004_tv.tv2_in1k":              "regnet_x_400mf",
		"regnetx_320.tv2_in1k":                 "regnet_x_32gf",
		"facebook/regnet-x-080":                "regnet_x_8gf",
		"RegNetX-3.2GF":                        "regnet_x_3_2gf",
		" regnet_y_16gf ":                      "regnet_y_16gf",
	} {
		got, ok, err := Spelled(name)
		require.NoError(t, err, name)
		assert.True(t, ok, name)
		assert.Equal(t, want, got, name)
		_, err = Lookup(name)
		assert.ErrorContains(t, err, "that is "+want, name)
	}
	for _, name := range Names() {
		got, ok, err := Spelled(name)
		require.NoError(t, err)
		assert.True(t, ok, name)
		assert.Equal(t, name, got, "a name of this program means itself")
	}
}

func TestArchitecturesThatAreNotHere(t *testing.T) {
	for name, want := range map[string]string{
		"regnetz_040":  `unknown architecture "regnetz_040": it is a RegNetZ, and this program has RegNetX and RegNetY; allowed: regnet_y_200mf, `,
		"regnetx_004":  "it has pycls' and timm's widths, and this program has torchvision's, regnet_x_400mf",
		"regnetx_002":  "nearest: ",
		"regnetv_064":  "RegNetV",
		"resnet50":     "allowed: regnet_y_200mf",
		"regnet_y_9gf": "nearest: ",
		"regnet":       "unknown architecture",
		"":             "unknown architecture",
	} {
		_, err := Lookup(name)
		assert.ErrorContains(t, err, want, name)
	}
	_, err := Lookup("RegNet_Y_8GF")
	assert.ErrorContains(t, err, "that is regnet_y_8gf with torchvision's widths, or regnet_y_8gf_seer with those of timm, transformers and SEER")
}
