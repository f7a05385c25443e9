// SPDX-License-Identifier: MIT

package names_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/checkpoint/names"
	"seer/models/regnet/arch"
)

// golden reads a list of keys and shapes made by the library itself (tools/golden/make_keys.py).
func golden(t *testing.T, style names.Style) (keys []string, shapes map[string]string) {
	t.Helper()
	data, err := os.ReadFile("testdata/" + string(style) + ".txt")
	require.NoError(t, err)
	shapes = map[string]string{}
	for line := range strings.Lines(string(data)) {
		key, shape, _ := strings.Cut(strings.TrimSuffix(line, "\n"), " ")
		keys = append(keys, key)
		shapes[key] = shape
	}
	return keys, shapes
}

// Each library's real keys map onto torchvision's real keys, one to one, with the
// same shapes, and back.
func TestEveryLibraryMapsOntoTorchvision(t *testing.T) {
	_, want := golden(t, names.Torchvision)
	for _, style := range names.Styles() {
		t.Run(string(style), func(t *testing.T) {
			keys, shapes := golden(t, style)
			got := map[string]string{}
			for _, key := range keys {
				common, ok := names.ToTorchvision(style, key)
				require.True(t, ok, key)
				got[common] = shapes[key]

				back, ok := names.FromTorchvision(style, common)
				require.True(t, ok, common)
				assert.Equal(t, key, back)
				assert.Equal(t, common, names.Common(key).Common)
			}
			expected := want
			if style == names.VISSL || style == names.ClassyVision { // trunks only
				expected = map[string]string{}
				for key, shape := range want {
					if !strings.HasPrefix(key, "fc.") {
						expected[key] = shape
					}
				}
			}
			assert.Empty(t, cmp.Diff(expected, got))
		})
	}
}

// The project's own manifest has the names of the list too.
func TestManifestHasTorchvisionNames(t *testing.T) {
	keys, _ := golden(t, names.Torchvision)
	params, err := arch.Lookup("regnet_y_400mf")
	require.NoError(t, err)
	var own []string
	for _, e := range slices.Concat(params.Manifest(), params.Classifier(1000)) {
		own = append(own, e.Name)
	}
	assert.Empty(t, cmp.Diff(keys, own))
}

func TestDetectGolden(t *testing.T) {
	for _, style := range names.Styles() {
		keys, _ := golden(t, style)
		d := names.Detect(keys)
		assert.Equal(t, style, d.Style)
		assert.Equal(t, 382, d.Trunk)
		assert.Equal(t, len(keys)-382, d.Classifier)
		assert.Zero(t, d.Head+d.Other)
		assert.Contains(t, d.Explanation, string(style)+" keys of a RegNetY: 382 of the trunk")
	}
}

func TestCommonUnwraps(t *testing.T) {
	const conv = "trunk_output.block1.block1-0.f.a.0.weight"
	tests := []struct {
		key, common string
		part        names.Part
	}{
		{conv, conv, names.Trunk},
		{"module." + conv, conv, names.Trunk},
		{"trunk." + conv, conv, names.Trunk},
		{"state_dict.module._orig_mod." + conv, conv, names.Trunk},
		{"classy_state_dict.base_model.model.trunk._feature_blocks.res2.block1-0.f.a.0.weight", conv, names.Trunk},
		{"trunk.base_model._feature_blocks.res2.block1-0.f.a.0.weight", conv, names.Trunk},
		{"trunk._feature_blocks.res2.block1-part0.block1-0.f.a.0.weight", conv, names.Trunk},
		{"_feature_blocks.res2._fpw_module.block1-part0._fpw_module.block1-0.f.a.0.weight", conv, names.Trunk},
		{"res2.block1-0.f.a.0.weight", conv, names.Trunk},
		{"conv1.stem.1.running_var", "stem.1.running_var", names.Trunk},
		{"base_model.model.trunk.stem.stem.0.weight", "stem.0.weight", names.Trunk},
		{"trunk_output.block4.block4-part3.block4-2.f.final_bn.bias", "trunk_output.block4.block4-2.f.c.1.bias", names.Trunk},
		{"embedder.embedder.convolution.weight", "stem.0.weight", names.Trunk},
		{"encoder.stages.3.layers.5.shortcut.normalization.bias", "trunk_output.block4.block4-5.proj.1.bias", names.Trunk},
		{"model.s4.b6.se.fc2.bias", "trunk_output.block4.block4-5.f.se.fc2.bias", names.Trunk},
		{"head.fc.weight", "fc.weight", names.Classifier},
		{"module.fc.bias", "fc.bias", names.Classifier},
		{"classy_state_dict.base_model.model.heads.0.clf.0.weight", "fc.weight", names.Classifier},
		{"classy_state_dict.base_model.model.heads.0.projection_head.2.bias", "projection_head.2.bias", names.Head},
		{"module.heads.0.prototypes0.weight", "prototypes0.weight", names.Head},
		{"heads.0.projection_head.1.running_mean", "projection_head.1.running_mean", names.Head},
		{"module.projection_head.0.weight", "projection_head.0.weight", names.Head},
		{"module.prototypes.weight", "prototypes0.weight", names.Head},
		{"prototypes.prototypes1.weight", "prototypes1.weight", names.Head},
		{"head.prototypes0.weight", "prototypes0.weight", names.Head},
		// Nothing of ours keeps its name.
		{"layer1.0.conv1.weight", "layer1.0.conv1.weight", names.Other},
		{"classy_state_dict.optimizer.state.0.momentum_buffer", "classy_state_dict.optimizer.state.0.momentum_buffer", names.Other},
		{"trunk_output.block1.block1-0.f.a.0.gamma", "trunk_output.block1.block1-0.f.a.0.gamma", names.Other},
		{"s1.b0.conv1.conv.weight", "s1.b0.conv1.conv.weight", names.Other}, // timm counts from 1
		{"s99999999999999999999.b1.conv1.conv.weight", "s99999999999999999999.b1.conv1.conv.weight", names.Other},
		{"weight", "weight", names.Other},
		{"", "", names.Other},
	}
	for _, tt := range tests {
		got := names.Common(tt.key)
		assert.Equal(t, tt.common, got.Common, tt.key)
		assert.Equal(t, tt.part, got.Part, tt.key)
		assert.Equal(t, tt.key, got.Original)
	}
	assert.Equal(t, "state_dict.module.", names.Common("state_dict.module."+conv).Wrapper)
}

func TestTranslateRefuses(t *testing.T) {
	_, ok := names.ToTorchvision("caffe", "stem.0.weight")
	assert.False(t, ok)
	_, ok = names.ToTorchvision(names.Timm, "stem.0.weight")
	assert.False(t, ok)
	_, ok = names.FromTorchvision(names.Timm, "stem.conv.weight")
	assert.False(t, ok)
	_, ok = names.FromTorchvision(names.ClassyVision, "fc.weight")
	assert.False(t, ok, "ClassyVision has no fixed name for a classifier")
}

func TestDetectExplains(t *testing.T) {
	tests := map[string]struct {
		keys []string
		want string
	}{
		"nothing":     {nil, "no key of a RegNet trunk: 0 of the trunk"},
		"resnet":      {[]string{"conv1.weight", "layer1.0.conv1.weight"}, "these are keys of a ResNet"},
		"transformer": {[]string{"blocks.0.attn.qkv.weight"}, "a vision transformer"},
		"DINOv2":      {[]string{"teacher.backbone.blocks.0.0.attn.qkv.weight"}, "a vision transformer"},
		"ViT of HF":   {[]string{"vit.encoder.layer.0.attention.attention.query.weight"}, "a vision transformer"},
		"Swin":        {[]string{"layers.0.blocks.0.attn.qkv.weight"}, "a Swin transformer"},
		"ConvNeXt":    {[]string{"stages.0.blocks.0.conv_dw.weight"}, "a ConvNeXt"},
		"ConvNeXt V2": {[]string{"stages.0.0.dwconv.weight"}, "a ConvNeXt"},
		"ResNet, HF":  {[]string{"resnet.encoder.stages.0.layers.0.shortcut.bias"}, "a ResNet"},
		"RegNetX, HF": {[]string{"regnet.encoder.stages.0.layers.0.layer.2.convolution.weight"}, "transformers keys of a RegNetX: 1 of the trunk"},
		"VGG":         {[]string{"features.0.weight", "classifier.0.bias"}, "a VGG"},
		"Llama":       {[]string{"model.layers.0.self_attn.q_proj.weight"}, "a language model"},
		"pruned":      {[]string{"stem.0.weight_orig", "stem.0.weight_mask"}, "torch.nn.utils.prune.remove"},
		"quantised":   {[]string{"stem.0.zero_point"}, "are quantised"},
		"weight norm": {[]string{"x.weight_g", "x.weight_v"}, "are parametrised"},
		"shard":       {[]string{"_fpw_module.flat_param_0"}, "consolidate it first"},
		"optimizer":   {[]string{"state.0.momentum_buffer"}, "an optimizer's state"},
		"wrapped":     {[]string{"x", "module.stem.0.weight"}, `torchvision keys of a RegNet below "module.": 1 of the trunk, 0 of a classifier, 0 of a SwAV head, 1 others`},
		"head only":   {[]string{"heads.0.prototypes0.weight"}, "1 of a SwAV head"},
	}
	for name, tt := range tests {
		assert.Contains(t, names.Detect(tt.keys).Explanation, tt.want, name)
	}
}

// Whatever a key is, its common name translates into every style that has it, and
// back.
func FuzzCommon(f *testing.F) {
	for _, key := range []string{"module.trunk._feature_blocks.res2.block1-part0.block1-0.f.a.0.weight", "s1.b1.se.fc1.bias",
		"encoder.stages.0.layers.0.layer.3.convolution.weight", "stem.stem.1.running_mean", "heads.0.prototypes0.weight", "fc.bias", ".", ""} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		k := names.Common(key)
		if k.Part != names.Trunk && k.Part != names.Classifier {
			return
		}
		require.NotEmpty(t, k.Styles)
		for _, style := range names.Styles() {
			own, ok := names.FromTorchvision(style, k.Common)
			if !ok {
				continue
			}
			back, ok := names.ToTorchvision(style, own)
			require.True(t, ok, own)
			require.Equal(t, k.Common, back)
		}
	})
}

// The trunks of self-supervised programs are found behind whatever prefix, and the
// preferred one comes first.
func TestDetectFindsTrunksBehindAnyPrefix(t *testing.T) {
	tests := map[string]struct {
		wrap []string // prefixes, each in front of a whole trunk of torchvision's names
		want []string // the prefixes of the trunks found, in order
	}{
		"DINO":            {[]string{"student.module.backbone.", "teacher.backbone."}, []string{"teacher.backbone.", "student.module.backbone."}},
		"MoCo":            {[]string{"state_dict.module.encoder_k.", "state_dict.module.encoder_q."}, []string{"state_dict.module.encoder_q.", "state_dict.module.encoder_k."}},
		"BYOL":            {[]string{"target_network.", "online_network."}, []string{"online_network.", "target_network."}},
		"EMA":             {[]string{"model.", "model_ema."}, []string{"model_ema.", "model."}},
		"timm's EMA":      {[]string{"state_dict.", "state_dict_ema."}, []string{"state_dict_ema.", "state_dict."}},
		"lightly":         {[]string{"backbone_momentum.", "backbone."}, []string{"backbone.", "backbone_momentum."}},
		"distillation":    {[]string{"student.", "teacher."}, []string{"teacher.", "student."}},
		"SimSiam":         {[]string{"module.encoder."}, []string{"module.encoder."}},
		"part of a list":  {[]string{"net.0."}, []string{"net.0."}},
		"torch.compile":   {[]string{"model_state._orig_mod."}, []string{"model_state."}},
		"nothing special": {[]string{""}, []string{""}},
	}
	whole, _ := golden(t, names.Torchvision)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			var keys []string
			for _, prefix := range tt.wrap {
				for _, key := range whole {
					keys = append(keys, prefix+key)
				}
			}
			d := names.Detect(keys)
			var got []string
			for _, p := range d.Trunks {
				got = append(got, p.Prefix)
				assert.Equal(t, names.Torchvision, p.Style)
				assert.Equal(t, 382, p.Keys)
				assert.Equal(t, 382, d.In(p).Trunk)
			}
			assert.Equal(t, tt.want, got)
			assert.Equal(t, 382, d.Trunk)
			for _, prefix := range tt.want[1:] {
				assert.Contains(t, d.Explanation, "another trunk below \""+prefix+"\"")
			}
			for i, k := range d.Keys {
				assert.Equal(t, whole[i%len(whole)], k.Common, k.Original)
			}
		})
	}
}

// nn.Sequential(*model.children()) numbers the parts of a trunk.
func TestDetectUndoesSequential(t *testing.T) {
	type numbering = map[string]string
	flat := numbering{"stem.": "0.", "trunk_output.block1.": "1.", "trunk_output.block2.": "2.", "trunk_output.block3.": "3.", "trunk_output.block4.": "4."}
	numbers := map[names.Style][]numbering{
		names.Torchvision:  {{"stem.": "0.", "trunk_output.": "1."}, flat},
		names.ClassyVision: {{"stem.": "0.", "trunk_output.": "1."}},
		names.Timm:         {{"stem.": "0.", "s1.": "1.", "s2.": "2.", "s3.": "3.", "s4.": "4."}},
		names.Pycls:        {{"stem.": "0.", "s1.": "1.", "s2.": "2.", "s3.": "3.", "s4.": "4."}},
		names.Transformers: {{"regnet.embedder.": "0.", "regnet.encoder.": "1."}},
	}
	_, shapes := golden(t, names.Torchvision)
	for style, numberings := range numbers {
		keys, _ := golden(t, style)
		for i, prefix := range []string{"", "state_dict.backbone.", "encoder."} {
			numbered := numberings[i%len(numberings)]
			var renamed []string
			for _, key := range keys {
				for old, number := range numbered {
					if rest, ok := strings.CutPrefix(key, old); ok {
						renamed = append(renamed, prefix+number+rest)
					}
				}
			}
			require.Len(t, renamed, 382)
			d := names.Detect(append(renamed, prefix+"projection_head.layers.0.weight", "queue"))
			require.Len(t, d.Trunks, 1)
			assert.Equal(t, prefix, d.Trunks[0].Prefix)
			assert.Equal(t, style, d.Style)
			assert.Equal(t, 382, d.Trunk)
			assert.Equal(t, 2, d.Other)
			for _, k := range d.Keys[:382] {
				assert.Contains(t, shapes, k.Common, k.Original)
			}
		}
	}
}

// A numbered list without blocks is no trunk.
func TestDetectLeavesOtherListsAlone(t *testing.T) {
	d := names.Detect([]string{"projector.0.weight", "projector.1.weight", "head.0.0.weight", "fc.0.weight"})
	assert.Empty(t, d.Trunks)
	assert.Equal(t, 4, d.Other)
}
