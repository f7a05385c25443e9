// SPDX-License-Identifier: MIT

package config

import (
	"encoding/json"
	"fmt"

	"seer/models/arch"
)

// The keys of a file of weights' metadata, which is text only. Together they say all that is needed to rebuild the trunk
// and to prepare its input.
const (
	metaArch = "arch"
	metaMean = "mean"     // JSON list of three, of pixels in [0,1]
	metaStd  = "std"      // likewise
	metaNet  = "regnet_y" // JSON of the five parameters, where arch is no published name
)

// Metadata describes a trunk to whoever reads its weights without the experiment. It holds nothing of the data.
func Metadata(m Model, mean, std [3]float64) (map[string]string, error) {
	meta := map[string]string{"format": "pt", metaArch: m.Arch}
	values := map[string]any{metaMean: mean, metaStd: std}
	if m.Arch == customArch {
		values[metaNet] = m // encoded by the field names, which reading takes regardless of case
	}
	for key, value := range values {
		text, err := json.Marshal(value)
		if err != nil {
			return nil, err
		}
		meta[key] = string(text)
	}
	return meta, nil
}

// FromMetadata reads what Metadata wrote. Other programs' files have none of it, and use the keys for values of their own:
// then m stays empty, and mean and std stay as they are.
func FromMetadata(meta map[string]string, mean, std *[3]float64) (m Model, err error) {
	if text, ok := meta[metaNet]; ok {
		if err := json.Unmarshal([]byte(text), &m); err != nil {
			return m, fmt.Errorf("metadata %s = %q: %w", metaNet, text, err)
		}
	}
	if isNumbers(meta, metaMean) && isNumbers(meta, metaStd) {
		for key, target := range map[string]*[3]float64{metaMean: mean, metaStd: std} {
			if err := three(meta, key, target); err != nil {
				return m, err
			}
		}
	}
	for _, s := range std {
		if !(s > 0) {
			return m, fmt.Errorf("metadata %s = %q: every value must be over 0", metaStd, meta[metaStd])
		}
	}
	if _, err := arch.Lookup(meta[metaArch]); err == nil {
		m.Arch = meta[metaArch]
	}
	return m, nil
}

// isNumbers says whether a value is a list of numbers or missing, and not another program's text ("imagenet").
func isNumbers(meta map[string]string, key string) bool {
	text, ok := meta[key]
	var list []float64
	return !ok || json.Unmarshal([]byte(text), &list) == nil && list != nil
}

func three(meta map[string]string, key string, target *[3]float64) error {
	text, ok := meta[key]
	if !ok {
		return nil
	}
	var list []float64
	if err := json.Unmarshal([]byte(text), &list); err != nil || len(list) != 3 {
		return fmt.Errorf("metadata %s = %q: a list of three numbers is needed, as in [0.485, 0.456, 0.406]", key, text)
	}
	*target = [3]float64(list)
	return nil
}
