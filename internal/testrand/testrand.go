// SPDX-License-Identifier: MIT

// Package testrand gives tests random numbers that a failure can be repeated with.
package testrand

import (
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"
)

// New returns a generator with another seed each time, which it logs. The environment variable SEER_TEST_SEED sets it:
//
//	SEER_TEST_SEED=17 go test ./runfolder -run Crash
func New(t testing.TB) *rand.Rand {
	t.Helper()
	seed := uint64(time.Now().UnixNano())
	if text := os.Getenv("SEER_TEST_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatalf("SEER_TEST_SEED=%s: a number of up to 20 digits is needed", text)
		}
	}
	t.Logf("SEER_TEST_SEED=%d repeats this test's random numbers", seed)
	return rand.New(rand.NewPCG(seed, 0))
}
