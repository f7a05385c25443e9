// SPDX-License-Identifier: MIT

package names

import (
	"regexp"
	"slices"
)

// hints recognise what people try to load by mistake, the more particular first.
var hints = []struct {
	match *regexp.Regexp
	text  string
}{
	{regexp.MustCompile(`flat_param`), "this is one shard of an FSDP run: consolidate it first, as VISSL's extra_scripts do"},
	{regexp.MustCompile(`(^|\.)parametrizations\.|\.weight_[gv]$`), "its weights are parametrised (weight or spectral norm): remove that in Python and save again"},
	{regexp.MustCompile(`\.weight_orig$`), "its weights are pruned: call torch.nn.utils.prune.remove on every layer and save again"},
	{regexp.MustCompile(`_packed_params|\.zero_point$`), "its weights are quantised: name the file from before the quantisation"},
	{regexp.MustCompile(`lora_[AB]\.|\.lora_(up|down)\.`), "it holds LoRA adapters, not a model"},
	{regexp.MustCompile(`(^|\.)resnet\.encoder\.stages\.|(^|\.)layer[1-4]\.\d+\.conv\d\.`), "these are keys of a ResNet"},
	{regexp.MustCompile(`(^|\.)layers\.\d+\.blocks\.\d+\.attn\.|(^|\.)swin`), "these are keys of a Swin transformer"},
	{regexp.MustCompile(`(^|\.)blocks\.(\d+\.)+attn\.|encoder_layer_\d+\.self_attention|encoder\.layer\.\d+\.attention\.|vision_model\.encoder`),
		"these are keys of a vision transformer"},
	{regexp.MustCompile(`stages\.\d+\.blocks\.\d+\.conv_dw\.|stages\.\d+\.\d+\.(dw|pw)conv|features\.\d+\.\d+\.layer_scale|(^|\.)convnext`), "these are keys of a ConvNeXt"},
	{regexp.MustCompile(`(^|\.)blocks\.\d+\.\d+\.(conv_pwl?|conv_dw|bn1|se\.conv)|features\.\d+\.\d+\.block\.\d+\.`), "these are keys of an EfficientNet"},
	{regexp.MustCompile(`denseblock\d+\.denselayer\d+`), "these are keys of a DenseNet"},
	{regexp.MustCompile(`(^|\.)features\.\d+\.conv\.\d+\.`), "these are keys of a MobileNet"},
	{regexp.MustCompile(`^(features|classifier)\.\d+\.(weight|bias)$`), "these are keys of a VGG or AlexNet"},
	{regexp.MustCompile(`(^|\.)layers\.\d+\.(self_attn|mlp)\.|(^|\.)h\.\d+\.(attn|mlp)\.`), "these are keys of a language model"},
	{regexp.MustCompile(`momentum_buffer|(^|\.)exp_avg`), "it holds an optimizer's state"},
}

// hint is what the keys outside of a trunk seem to be.
func hint(keys []Key) string {
	for _, h := range hints {
		if slices.ContainsFunc(keys, func(k Key) bool { return k.Part == Other && h.match.MatchString(k.Original) }) {
			return "; " + h.text
		}
	}
	return ""
}
