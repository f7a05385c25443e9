// SPDX-License-Identifier: MIT

package names

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Style is the library whose names a state dict has.
type Style string

// The styles; Unknown means that no key is a RegNet's.
const (
	Unknown      Style = ""
	Torchvision  Style = "torchvision"
	Timm         Style = "timm"
	Transformers Style = "transformers"
	VISSL        Style = "vissl"
	ClassyVision Style = "classy_vision"
	Pycls        Style = "pycls"
)

// Styles lists all known styles.
func Styles() []Style { return []Style{Torchvision, Timm, Transformers, VISSL, ClassyVision, Pycls} }

// style is one column of the table of names.
type style struct {
	name Style
	// stem and classifier are prefixes of what torchvision calls stem.0, stem.1
	// and fc.
	stemConv, stemNorm, classifier string
	// block finds stage and index, counted from 1 and from firstBlock, in front of
	// the part inside a block.
	block                  *regexp.Regexp
	format                 func(stage, index int) string
	firstStage, firstBlock int
	// inner is parallel to innerCommon.
	inner [10]string
	// plain are the last two of inner in a RegNetX, where they differ.
	plain [2]string
}

// innerCommon are torchvision's names inside a block: shortcut, 1×1 a, 3×3 b,
// squeeze-and-excitation, 1×1 c, each with its batch norm.
var innerCommon = [10]string{
	"proj.0", "proj.1", "f.a.0", "f.a.1", "f.b.0", "f.b.1", "f.se.fc1", "f.se.fc2", "f.c.0", "f.c.1",
}

// classyInner is ClassyVision's block, which VISSL uses too.
var classyInner = [10]string{
	"proj", "bn", "f.a.0", "f.a.1", "f.b.0", "f.b.1", "f.se.excitation.0", "f.se.excitation.2", "f.c", "f.final_bn",
}

var styles = []style{
	{
		name: Torchvision, stemConv: "stem.0", stemNorm: "stem.1", classifier: "fc",
		block:  regexp.MustCompile(`^trunk_output\.block(\d+)\.block\d+-(\d+)\.(.+)$`),
		format: func(s, i int) string { return fmt.Sprintf("trunk_output.block%d.block%d-%d.", s, s, i) }, firstStage: 1,
		inner: innerCommon,
	},
	{
		name: Timm, stemConv: "stem.conv", stemNorm: "stem.bn", classifier: "head.fc",
		block:  regexp.MustCompile(`^s(\d+)\.b(\d+)\.(.+)$`),
		format: func(s, i int) string { return fmt.Sprintf("s%d.b%d.", s, i) }, firstStage: 1, firstBlock: 1,
		inner: [10]string{"downsample.conv", "downsample.bn", "conv1.conv", "conv1.bn", "conv2.conv", "conv2.bn",
			"se.fc1", "se.fc2", "conv3.conv", "conv3.bn"},
	},
	{
		name: Transformers, stemConv: "regnet.embedder.embedder.convolution",
		stemNorm: "regnet.embedder.embedder.normalization", classifier: "classifier.1",
		block:  regexp.MustCompile(`^regnet\.encoder\.stages\.(\d+)\.layers\.(\d+)\.(.+)$`),
		format: func(s, i int) string { return fmt.Sprintf("regnet.encoder.stages.%d.layers.%d.", s, i) },
		inner: [10]string{"shortcut.convolution", "shortcut.normalization", "layer.0.convolution", "layer.0.normalization",
			"layer.1.convolution", "layer.1.normalization", "layer.2.attention.0", "layer.2.attention.2",
			"layer.3.convolution", "layer.3.normalization"},
		plain: [2]string{"layer.2.convolution", "layer.2.normalization"},
	},
	{
		name: VISSL, stemConv: "_feature_blocks.conv1.stem.0", stemNorm: "_feature_blocks.conv1.stem.1", classifier: "heads.0.clf.0",
		// regnet_v2 and the FSDP trunk of the 10B model group blocks in parts.
		block:  regexp.MustCompile(`^_feature_blocks\.res(\d+)\.(?:block\d+-part\d+\.)?block\d+-(\d+)\.(.+)$`),
		format: func(s, i int) string { return fmt.Sprintf("_feature_blocks.res%d.block%d-%d.", s, s-1, i) }, firstStage: 2,
		inner: classyInner,
	},
	{
		// ClassyVision keeps its classifier in a separate head without a fixed name.
		name: ClassyVision, stemConv: "stem.stem.0", stemNorm: "stem.stem.1",
		block:  regexp.MustCompile(`^trunk_output\.block(\d+)\.(?:block\d+-part\d+\.)?block\d+-(\d+)\.(.+)$`),
		format: func(s, i int) string { return fmt.Sprintf("trunk_output.block%d.block%d-%d.", s, s, i) }, firstStage: 1,
		inner: classyInner,
	},
	{
		name: Pycls, stemConv: "stem.conv", stemNorm: "stem.bn", classifier: "head.fc",
		block:  regexp.MustCompile(`^s(\d+)\.b(\d+)\.(.+)$`),
		format: func(s, i int) string { return fmt.Sprintf("s%d.b%d.", s, i) }, firstStage: 1, firstBlock: 1,
		inner: [10]string{"proj", "bn", "f.a", "f.a_bn", "f.b", "f.b_bn", "f.se.f_ex.0", "f.se.f_ex.2", "f.c", "f.c_bn"},
	},
}

func lookup(s Style) (style, bool) {
	for _, candidate := range styles {
		if candidate.name == s {
			return candidate, true
		}
	}
	return style{}, false
}

// leaves are the tensors of a convolution, a linear layer or a batch norm.
var leaves = map[string]bool{
	"weight": true, "bias": true, "running_mean": true, "running_var": true, "num_batches_tracked": true,
}

// split separates the last segment, which all styles share.
func split(key string) (module, leaf string, ok bool) {
	i := strings.LastIndexByte(key, '.')
	if i < 0 {
		return "", "", false
	}
	return key[:i], key[i+1:], leaves[key[i+1:]]
}

// common translates a module path of this style to torchvision's.
func (s style) common(module string) (string, bool) {
	switch {
	case module == s.stemConv:
		return "stem.0", true
	case module == s.stemNorm:
		return "stem.1", true
	case module == s.classifier && s.classifier != "":
		return "fc", true
	}
	m := s.block.FindStringSubmatch(module)
	if m == nil {
		return "", false
	}
	stage, index, ok := s.position(m[1], m[2])
	if !ok {
		return "", false
	}
	for i, inner := range s.inner {
		if inner == m[3] {
			return styles[0].format(stage, index) + innerCommon[i], true
		}
	}
	for i, inner := range s.plain {
		if inner != "" && inner == m[3] {
			return styles[0].format(stage, index) + innerCommon[len(innerCommon)-len(s.plain)+i], true
		}
	}
	return "", false
}

// position turns the style's counting into stage 1… and index 0….
func (s style) position(stageText, indexText string) (stage, index int, ok bool) {
	stage, err := strconv.Atoi(stageText)
	if err != nil {
		return 0, 0, false
	}
	index, err = strconv.Atoi(indexText)
	stage, index = stage-s.firstStage+1, index-s.firstBlock
	return stage, index, err == nil && stage >= 1 && index >= 0
}

// own translates a torchvision module path to this style's.
func (s style) own(module string) (string, bool) {
	switch module {
	case "stem.0":
		return s.stemConv, true
	case "stem.1":
		return s.stemNorm, true
	case "fc":
		return s.classifier, s.classifier != ""
	}
	m := styles[0].block.FindStringSubmatch(module)
	if m == nil {
		return "", false
	}
	stage, index, ok := styles[0].position(m[1], m[2])
	if !ok {
		return "", false
	}
	for i, inner := range innerCommon {
		if inner == m[3] {
			return s.format(stage-1+s.firstStage, index+s.firstBlock) + s.inner[i], true
		}
	}
	return "", false
}

// Plain is a RegNetX's key where FromTorchvision gave a RegNetY's: transformers counts the layers of a block, of which a
// RegNetX has one fewer.
func Plain(to Style, key string) string {
	s, _ := lookup(to)
	for i, plain := range s.plain {
		squeezed := s.inner[len(s.inner)-len(s.plain)+i]
		module, leaf, ok := split(key)
		if start, found := strings.CutSuffix(module, squeezed); ok && found && plain != "" {
			return start + plain + "." + leaf
		}
	}
	return key
}

// ToTorchvision translates a bare key of the given style; false means that the
// style has no such key.
func ToTorchvision(from Style, key string) (string, bool) {
	return translate(from, key, style.common)
}

// FromTorchvision translates a torchvision key of a RegNetY to the given style;
// false means that the style has no name for it.
func FromTorchvision(to Style, key string) (string, bool) {
	return translate(to, key, style.own)
}

func translate(name Style, key string, by func(style, string) (string, bool)) (string, bool) {
	s, known := lookup(name)
	module, leaf, ok := split(key)
	if !known || !ok {
		return "", false
	}
	if module, ok = by(s, module); !ok {
		return "", false
	}
	return module + "." + leaf, true
}
