// SPDX-License-Identifier: MIT

package config

import "fmt"

// Patterns are one text or a list of texts.
type Patterns []string

// UnmarshalTOML reads either.
func (p *Patterns) UnmarshalTOML(value any) error {
	*p = nil
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	for _, v := range list {
		text, ok := v.(string)
		if !ok {
			return fmt.Errorf("%v is no text; write \"*.jpg\", or [\"*.jpg\", \"!*.seg.jpg\"]", v)
		}
		if text != "" {
			*p = append(*p, text)
		}
	}
	return nil
}
