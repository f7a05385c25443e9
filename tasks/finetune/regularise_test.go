// SPDX-License-Identifier: MIT

package finetune

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/config"
	"seer/eval/evaltest"
	"seer/models"
	"seer/nn"
	"seer/optim/rules"
	"seer/supervised"
	"seer/torch"
)

// undecayed are the parameters of a trunk and a head with a hidden layer that get no weight decay.
func undecayed(t *testing.T, model config.Model, f config.Finetune) (names []string, all int) {
	t.Helper()
	network, err := model.Trunk()
	require.NoError(t, err)
	trunk, err := models.New(network, torch.CPU, 0)
	require.NoError(t, err)
	m := &Method{Trunk: trunk, Head: supervised.NewHead(torch.CPU, trunk.Width(), []int{4}, 3)}
	defer nn.Close(m)
	adjust := m.regularise(f)
	for _, p := range nn.Parameters(m) {
		s := rules.Default(1e-4, false)
		adjust(p, &s)
		if s.WeightDecay == 0 {
			names = append(names, p.Name)
		}
		all++
	}
	return names, all
}

// Norms, of the head too, are left out of weight decay, and biases as they are asked for: VISSL's regularize_bn and
// regularize_bias.
func TestNormsAndBiasesAreRegularisedAsInVISSL(t *testing.T) {
	regnet := evaltest.Experiment().Model
	norms, _ := undecayed(t, regnet, config.Finetune{HeadLR: 1, DecayBias: true})
	assert.Subset(t, norms, []string{"trunk.stem.1.weight", "trunk.stem.1.bias", "head.hidden.0.1.weight", "head.hidden.0.1.bias"})
	for _, name := range []string{"trunk.stem.0.weight", "head.fc.weight", "head.fc.bias", "head.hidden.0.0.bias"} {
		assert.NotContains(t, norms, name)
	}
	neither, _ := undecayed(t, regnet, config.Finetune{HeadLR: 1})
	assert.Subset(t, neither, append(norms, "head.fc.bias", "head.hidden.0.0.bias"))
	scales, _ := undecayed(t, regnet, config.Finetune{HeadLR: 1, DecayNorm: true})
	assert.Contains(t, scales, "trunk.stem.1.bias", "the shift of a norm is a bias")
	assert.NotContains(t, scales, "trunk.stem.1.weight")
	none, _ := undecayed(t, regnet, config.Finetune{HeadLR: 1, DecayNorm: true, DecayBias: true})
	assert.Empty(t, none)
}

// Layer norm is a norm: two in each of the twelve blocks, one behind them, and the head's batch norm.
func TestLayerNormsAreNorms(t *testing.T) {
	names, all := undecayed(t, config.Model{Arch: "vit_s_16"}, config.Finetune{HeadLR: 1, DecayBias: true})
	assert.Len(t, names, 2*(2*12+1+1))
	assert.Greater(t, all, len(names))
	assert.False(t, slices.Contains(names, "trunk.class_token"))
}
