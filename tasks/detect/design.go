// SPDX-License-Identifier: MIT

package detect

import (
	"fmt"
	"strings"

	"seer/config"
	"seer/models"
	"seer/models/maskrcnn"
	"seer/models/maskrcnn/boxes"
	"seer/nn"
	"seer/optim/rules"
	"seer/torch"
)

// Design is the detector of [detect] for so many classes.
func Design(d config.Detect, classes int) maskrcnn.Design {
	convention := boxes.Torchvision
	if d.Convention == "detectron2" {
		convention = boxes.Detectron2
	}
	return maskrcnn.Design{
		Classes: classes, Convention: convention, Width: int64(d.Width), ProposalConvs: d.ProposalConvs,
		BoxConvs: d.BoxConvs, BoxLinears: d.BoxLinears, BoxWidth: int64(d.BoxWidth), MaskConvs: d.MaskConvs, Regions: d.Regions,
		PyramidNorm: d.PyramidNorm, HeadNorm: d.HeadNorm, FrozenTrunk: d.TrunkNorm == "frozen",
	}
}

// newDetector allocates the detector of an experiment around a trunk.
func newDetector(e *config.Experiment, trunk models.Trunk, classes int, dev torch.Device) (m *maskrcnn.Model, err error) {
	if failure := torch.Try(func() {
		torch.Seeded(e.Run.Seed+1, func() { m, err = maskrcnn.New(trunk, Design(e.Detect, classes), dev) })
	}); failure != nil {
		err = failure
	}
	if err != nil {
		return nil, fmt.Errorf("allocating a detector of %d classes: %w", classes, err)
	}
	return m, nil
}

// learning are the settings of parameters beside the experiment's rules: what of the trunk rests, and what weight decay leaves
// out. It also has autograd leave out what rests.
func learning(m *maskrcnn.Model, trunk models.Trunk, d config.Detect) func(nn.Entry, *rules.Setting) {
	norms, rests := map[*torch.Tensor]bool{}, map[*torch.Tensor]bool{}
	scales := normsOf(m)
	for _, p := range nn.Parameters(m) {
		norms[p.Tensor] = scales[p.Name]
		if norms[p.Tensor] && d.TrunkNorm == "frozen" && strings.HasPrefix(p.Name, maskrcnn.TrunkName+".") {
			rests[p.Tensor] = true
		}
	}
	for _, s := range trunk.Segments()[:frozenSegments(trunk, d.FreezeStages)] {
		for _, p := range nn.Parameters(s) {
			rests[p.Tensor] = true
		}
	}
	for t := range rests {
		t.SetRequiresGrad(false)
	}
	return func(p nn.Entry, s *rules.Setting) {
		if rests[p.Tensor] {
			s.FreezeUntil = rules.Forever
		}
		if norms[p.Tensor] && !d.DecayNorm {
			s.WeightDecay = 0
		}
	}
}

// frozenSegments is how many segments do not learn: the stem is the first, then come the stages.
func frozenSegments(trunk models.Trunk, stages int) int {
	switch stages {
	case 0:
		return 0
	case 1:
		return 1
	}
	return trunk.Ends()[stages-2] + 1
}

// normsOf are the names of the scales and shifts of batch norm: a weight that is a vector scales channels, and the bias beside
// it shifts them.
func normsOf(w nn.Walker) map[string]bool {
	names := map[string]bool{}
	for _, e := range nn.Parameters(w) {
		if module, scale := strings.CutSuffix(e.Name, "weight"); scale && e.Tensor.Dim() == 1 {
			names[e.Name], names[module+"bias"] = true, true
		}
	}
	return names
}
