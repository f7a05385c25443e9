// SPDX-License-Identifier: MIT

package arch

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"seer/internal/nearest"
)

// variants are the published models, one line each, RegNetX as torchvision has it. Widths follow
// torchvision; where SEER's are others, they have their own line with the suffix
// _seer. 200mf, 600mf, 4gf, 6_4gf and 12gf are pycls' and timm's, 64gf, 256gf and
// 10b are VISSL's, where the two larger ones are named 256Gf_1 and 10B. (ClassyVision
// has another "256GF", 5088 wide, that no SEER checkpoint uses; it is not here.)
var variants = map[string]Params{
	//                    Depth  W0    WA      WM    g
	"regnet_x_400mf":      {Depth: 22, W0: 24, WA: 24.48, WM: 2.54, GroupWidth: 16, X: true},
	"regnet_x_800mf":      {Depth: 16, W0: 56, WA: 35.73, WM: 2.28, GroupWidth: 16, X: true},
	"regnet_x_1_6gf":      {Depth: 18, W0: 80, WA: 34.01, WM: 2.25, GroupWidth: 24, X: true},
	"regnet_x_3_2gf":      {Depth: 25, W0: 88, WA: 26.31, WM: 2.25, GroupWidth: 48, X: true},
	"regnet_x_8gf":        {Depth: 23, W0: 80, WA: 49.56, WM: 2.88, GroupWidth: 120, X: true},
	"regnet_x_16gf":       {Depth: 22, W0: 216, WA: 55.59, WM: 2.1, GroupWidth: 128, X: true},
	"regnet_x_32gf":       {Depth: 23, W0: 320, WA: 69.86, WM: 2.0, GroupWidth: 168, X: true},
	"regnet_y_200mf":      {Depth: 13, W0: 24, WA: 36.44, WM: 2.49, GroupWidth: 8},
	"regnet_y_400mf":      {Depth: 16, W0: 48, WA: 27.89, WM: 2.09, GroupWidth: 8},
	"regnet_y_600mf":      {Depth: 15, W0: 48, WA: 32.54, WM: 2.32, GroupWidth: 16},
	"regnet_y_800mf":      {Depth: 14, W0: 56, WA: 38.84, WM: 2.4, GroupWidth: 16},
	"regnet_y_800mf_seer": {Depth: 14, W0: 56, WA: 38.84, WM: 2.4, GroupWidth: 16, Rounding: Nearest},
	"regnet_y_1_6gf":      {Depth: 27, W0: 48, WA: 20.71, WM: 2.65, GroupWidth: 24},
	"regnet_y_3_2gf":      {Depth: 21, W0: 80, WA: 42.63, WM: 2.66, GroupWidth: 24},
	"regnet_y_4gf":        {Depth: 22, W0: 96, WA: 31.41, WM: 2.24, GroupWidth: 64, Rounding: Nearest},
	"regnet_y_6_4gf":      {Depth: 25, W0: 112, WA: 33.22, WM: 2.27, GroupWidth: 72, Rounding: Nearest},
	"regnet_y_8gf":        {Depth: 17, W0: 192, WA: 76.82, WM: 2.19, GroupWidth: 56},
	"regnet_y_8gf_seer":   {Depth: 17, W0: 192, WA: 76.82, WM: 2.19, GroupWidth: 56, Rounding: Nearest},
	"regnet_y_12gf":       {Depth: 19, W0: 168, WA: 73.36, WM: 2.37, GroupWidth: 112, Rounding: Nearest},
	"regnet_y_16gf":       {Depth: 18, W0: 200, WA: 106.23, WM: 2.48, GroupWidth: 112},
	"regnet_y_32gf":       {Depth: 20, W0: 232, WA: 115.89, WM: 2.53, GroupWidth: 232},
	"regnet_y_64gf":       {Depth: 20, W0: 352, WA: 147.48, WM: 2.4, GroupWidth: 328, Rounding: Nearest},
	"regnet_y_128gf":      {Depth: 27, W0: 456, WA: 160.83, WM: 2.52, GroupWidth: 264},
	"regnet_y_256gf":      {Depth: 27, W0: 640, WA: 230.83, WM: 2.53, GroupWidth: 373, Rounding: Nearest},
	"regnet_y_10b":        {Depth: 27, W0: 1744, WA: 620.83, WM: 2.52, GroupWidth: 1010, Rounding: Nearest},
}

// Lookup returns the parameters of a variant. An unknown name is an error that
// says which variant it means in another library, or lists the nearest known ones.
func Lookup(name string) (Params, error) {
	if p, ok := variants[name]; ok {
		return p, nil
	}
	names := Names()
	switch other, ok, err := Spelled(name); {
	case ok && variants[other+"_seer"] != (Params{}):
		return Params{}, fmt.Errorf("unknown architecture %q; that is %s with torchvision's widths, or %[2]s_seer with those of timm, transformers and SEER", name, other)
	case ok:
		return Params{}, fmt.Errorf("unknown architecture %q; that is %s here", name, other)
	case err != nil:
		return Params{}, fmt.Errorf("unknown architecture %q: %w; allowed: %s", name, err, strings.Join(names, ", "))
	}
	if near := nearest.Names(name, names, 3); len(near) > 0 {
		return Params{}, fmt.Errorf("unknown architecture %q; nearest: %s (of %d, %s to %s)",
			name, strings.Join(near, ", "), len(names), names[0], names[len(names)-1])
	}
	return Params{}, fmt.Errorf("unknown architecture %q; allowed: %s", name, strings.Join(names, ", "))
}

// Names lists the variants from the smallest trunk to the largest.
func Names() []string {
	size := make(map[string]int64, len(variants))
	for name, p := range variants {
		size[name] = p.TrunkParameters()
	}
	return slices.SortedFunc(maps.Keys(variants), func(a, b string) int {
		return cmp.Or(cmp.Compare(size[a], size[b]), strings.Compare(a, b))
	})
}
