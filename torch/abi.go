// SPDX-License-Identifier: MIT

package torch

// #include "ct.h"
import "C"

import (
	"crypto/sha256"
	_ "embed"
	"encoding/binary"
	"fmt"
)

// header is the border to C as this side was compiled with it.
//
//go:embed shim/ct.h
var header []byte

// checkShim refuses a shim of another version: the operations of ct.h are numbered, so that it would compute something
// else than it is asked for. The go command does not see a change of the shim.
func checkShim() error {
	sum := sha256.Sum256(header)
	want := binary.BigEndian.Uint64(sum[:])
	if got := uint64(C.ct_header_sum()); got != want {
		return fmt.Errorf("the library libseertorch.so was compiled with another torch/shim/ct.h (%016x, here %016x): run ./build.sh", got, want)
	}
	return nil
}
