// SPDX-License-Identifier: MIT

package rules

import (
	"fmt"
	"math"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func ptr[T any](v T) *T { return &v }

var names = []string{"trunk.stem.0.weight", "trunk.stem.1.bias", "head.0.weight", "prototypes.weight"}

func TestAssign(t *testing.T) {
	def := Default(1e-5, true)
	for _, c := range []struct {
		name  string
		rules []Rule
		want  []Setting
	}{
		{"no rules", nil, []Setting{def, def, def, def}},
		{
			"first match wins",
			[]Rule{{Match: `trunk\..*`, LRMult: ptr(0.1)}, {Match: `.*\.weight`, WeightDecay: ptr(0.0)}},
			[]Setting{
				{LRMult: 0.1, WeightDecay: 1e-5, Adapt: true}, {LRMult: 0.1, WeightDecay: 1e-5, Adapt: true},
				{LRMult: 1, Adapt: true}, {LRMult: 1, Adapt: true},
			},
		},
		{
			"adapt and freeze",
			[]Rule{{Match: `.*bias`, Adapt: ptr(false)}, {Match: "prototypes.*", FreezeUntil: 313}, {Match: "head.*", FreezeUntil: Forever}, {Match: ".*"}},
			[]Setting{
				def, {LRMult: 1, WeightDecay: 1e-5},
				{LRMult: 1, WeightDecay: 1e-5, Adapt: true, FreezeUntil: Forever},
				{LRMult: 1, WeightDecay: 1e-5, Adapt: true, FreezeUntil: 313},
			},
		},
		{
			"a shadowed rule is not an error",
			[]Rule{{Match: ".*"}, {Match: "head.*"}},
			[]Setting{def, def, def, def},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := Assign(c.rules, names, def)
			require.NoError(t, err)
			assert.Equal(t, c.want, got)
		})
	}
}

func TestAssignErrors(t *testing.T) {
	for _, c := range []struct {
		name  string
		rules []Rule
		want  []string
	}{
		{"uncovered names are listed", []Rule{{Match: "trunk.*"}}, []string{"no rule covers 2 parameters: head.0.weight, prototypes.weight", `".*"`}},
		{"a pattern matches whole names", []Rule{{Match: "head"}, {Match: ".*"}}, []string{`rule 0: match = "head" matches none of the 4 parameters`}},
		{"alternatives are anchored together", []Rule{{Match: "head|prototypes"}, {Match: ".*"}}, []string{"matches none"}},
		{"bad pattern", []Rule{{Match: "("}, {Match: ".*", LRMult: ptr(-1.0)}}, []string{`rule 0: match = "("`, "rule 1", "lr_mult = -1"}},
		{"closing what it did not open", []Rule{{Match: "a)|(b"}}, []string{"not a regular expression"}},
		{"empty pattern", []Rule{{}}, []string{`match = ""`}},
		{"bad decay", []Rule{{Match: ".*", WeightDecay: ptr(math.NaN())}}, []string{"weight_decay = NaN"}},
		{"bad freeze", []Rule{{Match: ".*", FreezeUntil: -1}}, []string{"freeze_until = -1"}},
		{"both kinds at once", []Rule{{Match: "trunk.*"}, {Match: "heads.*"}}, []string{"no rule covers", "rule 1"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := Assign(c.rules, names, Default(0, true))
			for _, want := range c.want {
				assert.ErrorContains(t, err, want)
			}
		})
	}
}

func TestLongListsAreCut(t *testing.T) {
	var many []string
	for i := range 25 {
		many = append(many, fmt.Sprint("p", i))
	}
	_, err := Assign([]Rule{{Match: "p0"}}, many, Default(0, false))
	assert.ErrorContains(t, err, "p10 and 14 more")
}

func TestFrozen(t *testing.T) {
	s := Setting{FreezeUntil: 313}
	assert.True(t, s.Frozen(0))
	assert.True(t, s.Frozen(312))
	assert.False(t, s.Frozen(313))
	assert.False(t, Setting{}.Frozen(0))
	assert.True(t, Setting{FreezeUntil: Forever}.Frozen(1<<60))
}

func TestCheck(t *testing.T) {
	assert.NoError(t, Check([]Rule{{Match: ".*"}}))
	assert.ErrorContains(t, Check([]Rule{{Match: "["}}), "rule 0")
}
