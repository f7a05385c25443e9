// SPDX-License-Identifier: MIT

package eval

import (
	"encoding/json"
	"fmt"

	"seer/checkpoint"
	"seer/checkpoint/names"
	"seer/checkpoint/weights"
	"seer/config"
	"seer/models/regnet/arch"
	"seer/train"
)

// The keys of an exported file's metadata, which is text only. Together they make the file enough by itself.
const (
	metaArch = "arch"
	metaMean = "mean"       // JSON list of three, of pixels in [0,1]
	metaStd  = "std"        // likewise
	metaNet  = "regnet_y"   // JSON of the five parameters, where arch is no published name
	metaStep = "step"       // of pretraining
	metaSeer = "seer"       // version that wrote the file
	metaKeys = "parameters" // library whose names the tensors have
)

// customArch in [model] means that the five parameters stand beside it.
const customArch = "regnet_y"

// Export writes the trunk as a safetensors file, float32, with the names of a library (torchvision's by default there
// and here). The metadata say what is needed to use it: architecture, normalisation, step.
func (b *Backbone) Export(path string, style names.Style, version string) error {
	tensors, err := train.Tensors(b.Trunk)
	if err != nil {
		return err
	}
	if tensors, err = weights.Rename(tensors, style); err != nil {
		return err
	}
	meta, err := b.metadata()
	if err != nil {
		return err
	}
	meta[metaSeer], meta[metaKeys] = version, string(style)
	return checkpoint.WriteSafetensors(path, tensors, meta)
}

func (b *Backbone) metadata() (map[string]string, error) {
	meta := map[string]string{"format": "pt", metaArch: b.Origin.Arch}
	if b.Origin.Step >= 0 {
		meta[metaStep] = fmt.Sprint(b.Origin.Step)
	}
	lists := map[string]any{metaMean: b.Mean, metaStd: b.Std}
	if b.Origin.Arch == customArch {
		lists[metaNet] = b.model // encoded by the field names, which reading takes regardless of case
	}
	for key, list := range lists {
		text, err := json.Marshal(list)
		if err != nil {
			return nil, err
		}
		meta[key] = string(text)
	}
	return meta, nil
}

// fromMetadata reads what metadata wrote; other programs' files have none of it.
func (b *Backbone) fromMetadata(meta map[string]string) (config.Model, error) {
	var model config.Model
	if text, ok := meta[metaNet]; ok {
		if err := json.Unmarshal([]byte(text), &model); err != nil {
			return model, fmt.Errorf("metadata %s = %q: %w", metaNet, text, err)
		}
	}
	for key, target := range map[string]*[3]float64{metaMean: &b.Mean, metaStd: &b.Std} {
		text, ok := meta[key]
		if !ok {
			continue
		}
		var list []float64
		if err := json.Unmarshal([]byte(text), &list); err != nil || len(list) != 3 {
			return model, fmt.Errorf("metadata %s = %q: a list of three numbers is needed, as in [0.485, 0.456, 0.406]", key, text)
		}
		*target = [3]float64(list)
	}
	// Other programs use the key for names of their own.
	if _, err := arch.Lookup(meta[metaArch]); err == nil {
		model.Arch = meta[metaArch]
	}
	return model, nil
}
