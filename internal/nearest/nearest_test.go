// SPDX-License-Identifier: MIT

package nearest

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestDistance(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"", "", 0}, {"", "abc", 3}, {"abc", "", 3}, {"abc", "abc", 0},
		{"kitten", "sitting", 3}, {"batch", "bacth", 2}, {"lr", "base_lr", 5},
	} {
		assert.Equal(t, c.want, Distance(c.a, c.b), "%q to %q", c.a, c.b)
		assert.Equal(t, c.want, Distance(c.b, c.a), "%q to %q", c.b, c.a)
	}
}

func TestNames(t *testing.T) {
	known := []string{"batch", "base_lr", "base_batch", "momentum"}
	assert.Equal(t, []string{"batch"}, Names("bacth", known, 1))
	assert.Equal(t, []string{"momentum"}, Names("MOMENTUN", known, 2))
	assert.Empty(t, Names("zzzzzz", known, 3))
	assert.Empty(t, Names("batch", nil, 3))
}
