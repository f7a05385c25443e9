// SPDX-License-Identifier: MIT

// Package arch is the table of architectures: the name of each, with its description. It imports no tensor library;
// package models builds what is described here.
package arch

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"seer/internal/nearest"
	regnet "seer/models/regnet/arch"
	resnet "seer/models/resnet/arch"
	"seer/models/sketch"
	vit "seer/models/vit/arch"
)

// table is every architecture under its name.
var table = collect()

func collect() map[string]sketch.Network {
	all := map[string]sketch.Network{}
	for _, name := range regnet.Names() {
		all[name], _ = regnet.Lookup(name) // one of its own names
	}
	maps.Copy(all, resnet.Variants)
	maps.Copy(all, vit.Variants)
	return all
}

// Lookup returns the description of an architecture. An unknown name is an error that says which one it means in another
// library, or names the nearest ones.
func Lookup(name string) (sketch.Network, error) {
	if n, ok := table[name]; ok {
		return n, nil
	}
	if other, ok := spelled(name); ok {
		return nil, fmt.Errorf("unknown architecture %q; that is %s here", name, other)
	}
	if family := otherFamily(name); family != "" {
		return nil, fmt.Errorf("unknown architecture %q: it is a %s, and this program has RegNets, ResNets, ResNeXts and ViTs", name, family)
	}
	if strings.Contains(strings.ToLower(name), "regnet") {
		_, err := regnet.Lookup(name) // knows how other libraries spell them
		return nil, err
	}
	if near := nearest.Names(name, Names(), 3); len(near) > 0 {
		return nil, fmt.Errorf("unknown architecture %q; nearest: %s (of %d)", name, strings.Join(near, ", "), len(table))
	}
	return nil, fmt.Errorf("unknown architecture %q; allowed: %s", name, strings.Join(Names(), ", "))
}

// spellings are the beginnings of other libraries' names, timm's and transformers', of what is here.
var spellings = []struct{ start, name string }{
	{"vit_small_patch16_224", "vit_s_16"}, {"vit_base_patch16_224", "vit_b_16"}, {"vit_large_patch16_224", "vit_l_16"},
	{"vit-base-patch16-224", "vit_b_16"}, {"vit-large-patch16-224", "vit_l_16"},
	{"resnet-50", "resnet50"}, {"resnet-101", "resnet101"}, {"resnet-152", "resnet152"},
	{"resnet50", "resnet50"}, {"resnet101", "resnet101"}, {"resnet152", "resnet152"},
	{"resnext50_32x4d", "resnext50_32x4d"}, {"resnext101_32x8d", "resnext101_32x8d"}, {"resnext101_64x4d", "resnext101_64x4d"},
	{"r152_3x_sk1", "simclrv2_r152_3x_sk1"}, {"simclrv2_resnet152_3x", "simclrv2_r152_3x_sk1"},
}

// spelled is the architecture that another library's name means. Behind the name stands nothing, or a tag: timm's
// ".a1_in1k", torchvision's "_weights".
func spelled(name string) (string, bool) {
	base := strings.ToLower(strings.TrimSpace(name))
	base = base[strings.LastIndex(base, "/")+1:]
	for _, s := range spellings {
		rest, ok := strings.CutPrefix(base, s.start)
		if ok && (rest == "" || rest[0] == '.' || strings.HasPrefix(rest, "_weights")) {
			return s.name, true
		}
	}
	return "", false
}

// otherFamily names a well-known family of trunks that is not here.
func otherFamily(name string) string {
	for _, f := range []struct{ start, family string }{
		{"deit", "DeiT"}, {"dinov", "DINO"}, {"swin", "Swin transformer"}, {"convnext", "ConvNeXt"},
		{"efficientnet", "EfficientNet"}, {"mobilenet", "MobileNet"}, {"densenet", "DenseNet"}, {"vgg", "VGG"},
	} {
		if strings.HasPrefix(strings.ToLower(name), f.start) {
			return f.family
		}
	}
	return ""
}

// Names lists the architectures from the smallest trunk to the largest.
func Names() []string {
	size := make(map[string]int64, len(table))
	for name, n := range table {
		size[name] = sketch.Parameters(sketch.Manifest(n))
	}
	return slices.SortedFunc(maps.Keys(table), func(a, b string) int {
		return cmp.Or(cmp.Compare(size[a], size[b]), strings.Compare(a, b))
	})
}
