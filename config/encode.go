// SPDX-License-Identifier: MIT

package config

import (
	"bytes"
	"fmt"
	"io"

	"github.com/BurntSushi/toml"
)

// Encode writes the experiment as TOML with every value spelled out. What it writes
// loads back to an equal Experiment.
func Encode(w io.Writer, e *Experiment) error {
	encoder := toml.NewEncoder(w)
	encoder.Indent = ""
	if err := encoder.Encode(e); err != nil {
		return fmt.Errorf("write experiment: %w", err)
	}
	return nil
}

// Text is what Encode writes.
func (e *Experiment) Text() (string, error) {
	var b bytes.Buffer
	err := Encode(&b, e)
	return b.String(), err
}
