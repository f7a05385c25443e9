// SPDX-License-Identifier: MIT

package rules_test

import (
	"fmt"

	"seer/optim/rules"
)

func ExampleAssign() {
	names := []string{"trunk.stem.0.weight", "trunk.stem.1.bias", "prototypes.weight"}
	plain := false
	settings, err := rules.Assign([]rules.Rule{
		{Match: "prototypes.*", FreezeUntil: 313},
		{Match: `.*\.bias`, Adapt: &plain},
		{Match: ".*"},
	}, names, rules.Default(1e-5, true))
	if err != nil {
		fmt.Println(err)
		return
	}
	for i, s := range settings {
		fmt.Println(names[i], "adapted:", s.Adapt, "frozen at step 100:", s.Frozen(100))
	}
	// Output:
	// trunk.stem.0.weight adapted: true frozen at step 100: false
	// trunk.stem.1.bias adapted: false frozen at step 100: false
	// prototypes.weight adapted: true frozen at step 100: true
}
