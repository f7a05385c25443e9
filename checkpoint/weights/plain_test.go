// SPDX-License-Identifier: MIT

package weights_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/checkpoint"
	"seer/checkpoint/names"
	"seer/checkpoint/weights"
	table "seer/models/arch"
	resnet "seer/models/resnet/arch"
	"seer/models/sketch"
	vit "seer/models/vit/arch"
)

// floats is what a trunk without classifier takes of a file.
func floats(n sketch.Network) []checkpoint.Info {
	var infos []checkpoint.Info
	for _, e := range sketch.Manifest(n) {
		if !e.Integer {
			infos = append(infos, checkpoint.Info{Name: e.Name, DType: checkpoint.F32, Shape: e.Shape})
		}
	}
	return infos
}

// renamed is a file's keys: of all of a state dict, with f's names.
func renamed(n sketch.Network, f func(string) string) []checkpoint.Info {
	var infos []checkpoint.Info
	for _, e := range append(sketch.Manifest(n), n.Classifier(10)...) {
		info := checkpoint.Info{Name: f(e.Name), DType: checkpoint.F32, Shape: e.Shape}
		if e.Integer {
			info.DType = checkpoint.I64
		}
		infos = append(infos, info)
	}
	return infos
}

func prefixed(prefix string) func(string) string {
	return func(name string) string { return prefix + name }
}

// oneLayer is a transformer of one layer, and timm's names of its tensors in torchvision's order.
var (
	oneLayer  = vit.ViT{Patch: 16, Image: 32, Layers: 1, Heads: 2, Hidden: 8, MLP: 32}
	timmNames = []string{
		"cls_token", "patch_embed.proj.weight", "patch_embed.proj.bias", "pos_embed", "blocks.0.norm1.weight", "blocks.0.norm1.bias",
		"blocks.0.attn.qkv.weight", "blocks.0.attn.qkv.bias", "blocks.0.attn.proj.weight", "blocks.0.attn.proj.bias",
		"blocks.0.norm2.weight", "blocks.0.norm2.bias", "blocks.0.mlp.fc1.weight", "blocks.0.mlp.fc1.bias", "blocks.0.mlp.fc2.weight",
		"blocks.0.mlp.fc2.bias", "norm.weight", "norm.bias", "head.weight", "head.bias",
	}
)

func timmOf(prefix string) []checkpoint.Info {
	i := -1
	return renamed(oneLayer, func(string) string { i++; return prefix + timmNames[i] })
}

func TestMatchLoadsOtherFamiliesByTheirNames(t *testing.T) {
	small := resnet.ResNet{Depths: [4]int{1, 1, 1, 1}, Groups: 1, GroupWidth: 64}
	wide := resnet.Selective{Depths: [4]int{1, 1, 1, 1}, Multiplier: 1}
	legacy := map[string]string{
		"encoder.layers.encoder_layer_0.mlp.0.weight": "encoder.layers.encoder_layer_0.mlp.linear_1.weight",
		"encoder.layers.encoder_layer_0.mlp.3.bias":   "encoder.layers.encoder_layer_0.mlp.linear_2.bias",
	}
	for name, c := range map[string]struct {
		network sketch.Network
		infos   []checkpoint.Info
		style   names.Style
		source  string // of the first tensor
	}{
		"torchvision, timm": {small, renamed(small, prefixed("")), names.Torchvision, "conv1.weight"},
		"distributed":       {small, renamed(small, prefixed("state_dict.module.")), names.Torchvision, "state_dict.module.conv1.weight"},
		"MoCo": {small, append(renamed(small, prefixed("encoder_k.")), renamed(small, prefixed("encoder_q."))...),
			names.Torchvision, "encoder_q.conv1.weight"},
		"SimCLR v2's port": {wide, renamed(wide, prefixed("resnet.")), names.Torchvision, "resnet.net.0.0.weight"},
		"torchvision's ViT before 0.13": {oneLayer, renamed(oneLayer, func(name string) string {
			if old, ok := legacy[name]; ok {
				return old
			}
			return name
		}), names.Torchvision, "class_token"},
		"timm's ViT": {oneLayer, timmOf(""), names.Timm, "cls_token"},
		"DINO":       {oneLayer, append(timmOf("student.module.backbone."), timmOf("teacher.backbone.")...), names.Timm, "teacher.backbone.cls_token"},
	} {
		plan, err := weights.Match(zeroFile(t, c.infos), floats(c.network), weights.MatchOptions{Arch: "x"})
		require.NoError(t, err, name)
		assert.Len(t, plan.Entries, len(floats(c.network)), name)
		assert.Equal(t, c.style, plan.Detection.Style, name)
		assert.Equal(t, c.source, plan.Entries[0].Source, name)
	}
	both := append(renamed(small, prefixed("a.")), renamed(small, prefixed("b."))...)
	plan, err := weights.Match(zeroFile(t, both), floats(small), weights.MatchOptions{Prefix: "b"})
	require.NoError(t, err)
	assert.Equal(t, "b.conv1.weight", plan.Entries[0].Source)
}

func TestOtherFamiliesAreRecognised(t *testing.T) {
	for _, name := range []string{"resnet50", "resnext101_32x8d", "resnext101_64x4d", "vit_s_16", "simclrv2_r152_3x_sk1"} {
		n, err := table.Lookup(name)
		require.NoError(t, err)
		assert.Equal(t, []string{name}, weights.Recognise(zeroFile(t, renamed(n, prefixed("x."))), ""))
	}
	assert.Empty(t, weights.Recognise(zeroFile(t, want(small, 10)), ""), "a RegNet")
}

func TestMatchRefusesOtherFamiliesThatDoNotFit(t *testing.T) {
	small := resnet.ResNet{Depths: [4]int{1, 1, 1, 1}, Groups: 1, GroupWidth: 64}
	deep := resnet.ResNet{Depths: [4]int{1, 1, 1, 2}, Groups: 1, GroupWidth: 64}
	_, err := weights.Match(zeroFile(t, renamed(small, prefixed(""))), floats(deep), weights.MatchOptions{Arch: "deep"})
	require.ErrorContains(t, err, "does not fit deep")
	require.ErrorContains(t, err, "missing from the file:\n  layer4.1.conv1.weight")
	require.ErrorContains(t, err, "name a file with the weights of deep")
	_, err = weights.Match(zeroFile(t, renamed(deep, prefixed(""))), floats(small), weights.MatchOptions{Arch: "small"})
	require.ErrorContains(t, err, "unknown to the model:\n  layer4.1.conv1.weight")
	_, err = weights.Match(zeroFile(t, timmOf("")), floats(small), weights.MatchOptions{Arch: "small"})
	require.ErrorContains(t, err, "0 of its keys have names of small")
}
