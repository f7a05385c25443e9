// SPDX-License-Identifier: MIT

package eval

import (
	"encoding/json"
	"fmt"

	"seer/checkpoint"
	"seer/checkpoint/names"
	"seer/checkpoint/weights"
	"seer/config"
	"seer/nn/statedict"
	"seer/train"
)

// The keys of an exported file's metadata beside those that describe the trunk.
const (
	metaSeer    = "seer"        // version that wrote the file
	metaKeys    = "parameters"  // library whose names the tensors have
	metaClasses = "classes"     // JSON list, in the order of the scores
	metaSeveral = "multi_label" // "true" where probabilities are sigmoids of the scores: an image has any number of classes
)

// Classifier is what turns a trunk's features into scores of classes in the models of other libraries.
type Classifier struct {
	Tensors    []checkpoint.Tensor // fc.weight [classes, width], fc.bias [classes]
	Classes    []string            // names, for the metadata
	MultiLabel bool                // an image has any number of them; likewise
}

// Export writes the trunk as a safetensors file, float32, with the names of a library (torchvision's by default there
// and here), and a classifier unless that is nil. The metadata say what is needed to use it: architecture, normalisation,
// step, the names of the classes.
func (b *Backbone) Export(path string, style names.Style, version string, classifier *Classifier) error {
	tensors, err := statedict.Of(b.Trunk)
	if err != nil {
		return err
	}
	if classifier != nil {
		tensors = append(tensors, classifier.Tensors...)
	}
	if tensors, err = weights.Rename(tensors, style); err != nil {
		return err
	}
	meta, err := b.metadata()
	if err != nil {
		return err
	}
	meta[metaSeer], meta[metaKeys] = version, string(style)
	if classifier != nil {
		classes, err := json.Marshal(classifier.Classes)
		if err != nil {
			return err
		}
		meta[metaClasses] = string(classes)
		if classifier.MultiLabel {
			meta[metaSeveral] = "true"
		}
	}
	return checkpoint.WriteSafetensors(path, tensors, meta)
}

func (b *Backbone) metadata() (map[string]string, error) {
	meta, err := config.Metadata(b.Model, b.Mean, b.Std)
	if err == nil && b.Origin.Step >= 0 {
		meta[train.StepKey] = fmt.Sprint(b.Origin.Step)
	}
	if err == nil && b.trained != "" {
		meta[train.LayoutKey] = b.trained
	}
	return meta, err
}
