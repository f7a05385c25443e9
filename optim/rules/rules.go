// SPDX-License-Identifier: MIT

package rules

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"strings"
)

// Forever is the FreezeUntil of what is never trained.
const Forever int64 = math.MaxInt64

// Rule says what differs for the parameters whose whole name Match matches.
// Nil fields leave the default.
type Rule struct {
	Match       string   // regular expression, RE2 syntax, anchored at both ends
	LRMult      *float64 // factor on the learning rate, 0 or more
	WeightDecay *float64 // instead of the default
	Adapt       *bool    // instead of the default
	FreezeUntil int64    // steps from the run's start; 0 is not frozen, Forever always
}

// Setting is how one parameter is optimised.
type Setting struct {
	LRMult      float64 // factor on the schedule's learning rate
	WeightDecay float64
	Adapt       bool  // LARC or LARS applies
	FreezeUntil int64 // no gradient, no weight decay and no momentum before this step
}

// Frozen tells whether the parameter rests at a step.
func (s Setting) Frozen(step int64) bool { return step < s.FreezeUntil }

// Default is the Setting where no rule says otherwise.
func Default(weightDecay float64, adapt bool) Setting {
	return Setting{LRMult: 1, WeightDecay: weightDecay, Adapt: adapt}
}

// Assign gives each name its Setting, in the order of the names. Without any rules
// all get the default. It reports all problems at once: patterns that do not
// compile, values out of range, names no rule matches and rules that match no name.
func Assign(ruleset []Rule, names []string, def Setting) ([]Setting, error) {
	if len(ruleset) == 0 {
		ruleset = []Rule{{Match: ".*"}}
	}
	patterns, err := compile(ruleset)
	if err != nil {
		return nil, err
	}
	settings := make([]Setting, len(names))
	used := make([]bool, len(ruleset))
	var uncovered []string
	for i, name := range names {
		first := match(patterns, name, used)
		if first < 0 {
			uncovered = append(uncovered, name)
			continue
		}
		settings[i] = ruleset[first].apply(def)
	}
	if err := errors.Join(uncoveredError(uncovered), unusedError(ruleset, used, len(names))); err != nil {
		return nil, err
	}
	return settings, nil
}

// Check says what is wrong with the rules by themselves, without any names.
func Check(ruleset []Rule) error {
	_, err := compile(ruleset)
	return err
}

func compile(ruleset []Rule) ([]*regexp.Regexp, error) {
	patterns := make([]*regexp.Regexp, len(ruleset))
	var problems []error
	for i, r := range ruleset {
		// Compiled by itself first: anchored, an unbalanced ")" could pass.
		_, err := regexp.Compile(r.Match)
		if err != nil || r.Match == "" {
			problems = append(problems, fmt.Errorf("rule %d: match = %q is not a regular expression; use \".*\" for every parameter", i, r.Match))
			continue
		}
		patterns[i] = regexp.MustCompile("^(?:" + r.Match + ")$")
		problems = append(problems, r.check(i))
	}
	return patterns, errors.Join(problems...)
}

func (r Rule) check(i int) error {
	switch {
	case r.LRMult != nil && !(*r.LRMult >= 0 && !math.IsInf(*r.LRMult, 0)):
		return fmt.Errorf("rule %d (%q): lr_mult = %g must be 0 or more", i, r.Match, *r.LRMult)
	case r.WeightDecay != nil && !(*r.WeightDecay >= 0 && !math.IsInf(*r.WeightDecay, 0)):
		return fmt.Errorf("rule %d (%q): weight_decay = %g must be 0 or more", i, r.Match, *r.WeightDecay)
	case r.FreezeUntil < 0:
		return fmt.Errorf("rule %d (%q): freeze_until = %d must be 0 or more", i, r.Match, r.FreezeUntil)
	}
	return nil
}

// match returns the first pattern's index, or -1, and marks every pattern that
// would have matched as used.
func match(patterns []*regexp.Regexp, name string, used []bool) int {
	first := -1
	for i, p := range patterns {
		if !p.MatchString(name) {
			continue
		}
		used[i] = true
		if first < 0 {
			first = i
		}
	}
	return first
}

func (r Rule) apply(s Setting) Setting {
	if r.LRMult != nil {
		s.LRMult = *r.LRMult
	}
	if r.WeightDecay != nil {
		s.WeightDecay = *r.WeightDecay
	}
	if r.Adapt != nil {
		s.Adapt = *r.Adapt
	}
	s.FreezeUntil = r.FreezeUntil
	return s
}

func uncoveredError(names []string) error {
	if len(names) == 0 {
		return nil
	}
	const shown = 10
	list := strings.Join(names[:min(len(names), shown)], ", ")
	if len(names) > shown {
		list += fmt.Sprintf(" and %d more", len(names)-shown)
	}
	return fmt.Errorf("no rule covers %d parameters: %s; end the rules with match = \".*\" for all the rest", len(names), list)
}

func unusedError(ruleset []Rule, used []bool, names int) error {
	if names == 0 {
		return nil
	}
	var problems []error
	for i, u := range used {
		if !u {
			problems = append(problems, fmt.Errorf("rule %d: match = %q matches none of the %d parameters; a pattern must match the whole name", i, ruleset[i].Match, names))
		}
	}
	return errors.Join(problems...)
}
