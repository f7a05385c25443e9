// SPDX-License-Identifier: MIT

package jpeg

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/data/augment"
)

// Bicubic resizes give PIL's bytes, with every set of kernels: of boxes, enlarged and reduced, and of Resize and CenterCrop.
func TestBicubicEqualsPIL(t *testing.T) {
	text, err := os.ReadFile("testdata/bicubic.json")
	require.NoError(t, err)
	var cases []struct {
		Source string
		Crop   goldenCrop
		SHA256 string
	}
	require.NoError(t, json.Unmarshal(text, &cases))
	require.NotEmpty(t, cases)
	g := loadGolden(t)
	for _, kernels := range availableKernels() {
		t.Run(kernels, func(t *testing.T) {
			useKernels(t, kernels)
			d := NewDecoder(DecodeOptions{})
			defer d.Close()
			for _, c := range cases {
				crop := c.Crop.crop()
				crop.Bicubic = true
				got := make([]byte, crop.Bytes())
				require.NoError(t, d.Render(g.image(c.Source), []augment.Crop{crop}, [][]byte{got}, nil))
				assert.Equal(t, c.SHA256, fmt.Sprintf("%x", sha256.Sum256(got)), "%s %+v", c.Source, c.Crop)
			}
		})
	}
}

// The filter is the group's, for random and for centred crops.
func TestGroupsChooseTheFilter(t *testing.T) {
	for _, kind := range []augment.Kind{augment.RandomResized, augment.Centered, augment.Stretched} {
		for _, bicubic := range []bool{false, true} {
			group := augment.Group{Kind: kind, Count: 1, Size: 8, Bicubic: bicubic}
			assert.Equal(t, bicubic, augment.MultiCrop{Groups: []augment.Group{group}}.Draw(1, 2, 3, 0, 20, 30).Bicubic)
		}
	}
}
