// SPDX-License-Identifier: MIT

package config

import (
	"bytes"
	"fmt"

	"github.com/BurntSushi/toml"
)

// Several is one value or a list of them: what an evaluation tries at once.
type Several[T int | float64 | bool] []T

// UnmarshalTOML reads either.
func (s *Several[T]) UnmarshalTOML(value any) error {
	list, ok := value.([]any)
	if !ok {
		list = []any{value}
	}
	*s = make(Several[T], len(list))
	for i, v := range list {
		if err := (*s)[i:].take(v); err != nil {
			return err
		}
	}
	return nil
}

// take reads the first value.
func (s Several[T]) take(value any) error {
	switch to := any(&s[0]).(type) {
	case *int:
		if n, ok := value.(int64); ok {
			*to = int(n)
			return nil
		}
	case *float64:
		switch n := value.(type) {
		case int64:
			*to = float64(n)
			return nil
		case float64:
			*to = n
			return nil
		}
	case *bool:
		if b, ok := value.(bool); ok {
			*to = b
			return nil
		}
	}
	return fmt.Errorf("%#v is no value of this key", value)
}

// MarshalTOML writes one value without brackets, as files that know of no list have it.
func (s Several[T]) MarshalTOML() ([]byte, error) {
	value := any([]T(s))
	if len(s) == 1 {
		value = s[0]
	}
	var b bytes.Buffer
	err := toml.NewEncoder(&b).Encode(map[string]any{"v": value})
	_, text, _ := bytes.Cut(bytes.TrimSpace(b.Bytes()), []byte(" = "))
	return text, err
}
