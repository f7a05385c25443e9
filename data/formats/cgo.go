// SPDX-License-Identifier: MIT

package formats

/*
#cgo CFLAGS: -std=c11 -O3 -I${SRCDIR}/../../third_party/images/include
#cgo LDFLAGS: -Wl,-rpath,${SRCDIR}/../../third_party/images/lib
#cgo LDFLAGS: -L${SRCDIR}/../../third_party/images/lib -ldeflate -lz -lm
#include "fm.h"
*/
import "C"

import (
	"errors"
	"unsafe"
)

// reasons translates the codes of fm.h.
var reasons = map[C.int]Reason{
	C.FM_CORRUPT: Corrupt, C.FM_TRUNCATED: Truncated, C.FM_UNSUPPORTED: Unsupported, C.FM_TOO_LARGE: TooLarge,
}

// inC calls a function of the C side with a context of its own, whose memory is
// bounded by the limits, and turns its code into an error. f must not keep
// anything of the context.
func (l Limits) inC(format string, f func(c *C.fm_context) C.int) error {
	c := &C.fm_context{left: C.size_t(l.MaxMemory)}
	code := f(c)
	if code == C.FM_OK {
		return nil
	}
	msg := C.GoString(&c.message[0])
	if reason, ok := reasons[code]; ok {
		return &Error{Reason: reason, Format: format, Detail: msg}
	}
	return errors.New("formats: " + msg)
}

// bytePtr returns the address of b's first byte, or nil.
func bytePtr(b []byte) *C.uint8_t { return (*C.uint8_t)(unsafe.SliceData(b)) }
