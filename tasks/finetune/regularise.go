// SPDX-License-Identifier: MIT

package finetune

import (
	"fmt"
	"strings"

	"seer/config"
	"seer/nn"
	"seer/optim/rules"
)

// regularise is the setting of a parameter besides the experiment's rules, as VISSL has it: the head learns at its own
// rate, but for layers of SwAV's, which were pretrained as the trunk was, and weight decay leaves norms and biases out as regularize_bn and regularize_bias say there.
func (m *Method) regularise(f config.Finetune) func(nn.Entry, *rules.Setting) {
	norms, head := norms(m), map[string]bool{}
	for _, e := range nn.Parameters(m.Head) {
		head[nn.Join(headName, e.Name)] = true
	}
	for i := range m.Projector {
		for name := range head {
			if strings.HasPrefix(name, fmt.Sprintf("%s.hidden.%d.", headName, i)) {
				delete(head, name)
			}
		}
	}
	return func(p nn.Entry, s *rules.Setting) {
		if head[p.Name] {
			s.LRMult *= f.HeadLR
		}
		bias := strings.HasSuffix(p.Name, "bias")
		if norms[p.Name] && !f.DecayNorm || bias && !f.DecayBias {
			s.WeightDecay = 0
		}
	}
}

// norms are the names of the scales and shifts of batch norm and layer norm: a weight that is a vector scales channels,
// and the bias beside it shifts them.
func norms(w nn.Walker) map[string]bool {
	names := map[string]bool{}
	for _, e := range nn.Parameters(w) {
		if module, scale := strings.CutSuffix(e.Name, "weight"); scale && e.Tensor.Dim() == 1 {
			names[e.Name], names[module+"bias"] = true, true
		}
	}
	return names
}
