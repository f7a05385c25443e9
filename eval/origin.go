// SPDX-License-Identifier: MIT

package eval

import "fmt"

// Origin says where a backbone's weights come from, for tables and result files.
type Origin struct {
	Weights string `json:"weights"`        // the file, or RandomInit
	Arch    string `json:"arch"`           // as in model.arch
	Step    int64  `json:"step"`           // of pretraining; -1 where unknown
	Run     string `json:"run,omitempty"`  // the run folder, if the weights are in one
	Style   string `json:"keys,omitempty"` // whose parameter names the file has
}

// RandomInit is the name of weights that were never trained: what every probe is compared with.
const RandomInit = "random-init"

// String names the weights in a line of a table.
func (o Origin) String() string {
	name := o.Weights
	if o.Run != "" {
		name = o.Run
	}
	if o.Step >= 0 {
		return fmt.Sprintf("%s, step %d", name, o.Step)
	}
	return name
}
