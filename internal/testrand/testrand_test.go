// SPDX-License-Identifier: MIT

package testrand_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"seer/internal/testrand"
)

func TestTheSeedRepeatsTheNumbers(t *testing.T) {
	t.Setenv("SEER_TEST_SEED", "17")
	assert.Equal(t, testrand.New(t).Uint64(), testrand.New(t).Uint64())
	t.Setenv("SEER_TEST_SEED", "18")
	other := testrand.New(t).Uint64()
	t.Setenv("SEER_TEST_SEED", "17")
	assert.NotEqual(t, other, testrand.New(t).Uint64())
}
