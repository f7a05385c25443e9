// SPDX-License-Identifier: MIT

package torch

// #include <stdlib.h>
// #include "ct.h"
import "C"

import (
	"errors"
	"fmt"
	"strings"
	"unsafe"
)

// ErrOutOfMemory is wrapped by every [*OpError] that stands for exhausted host or device memory, so that
// errors.Is(err, torch.ErrOutOfMemory) can choose the advice: a smaller batch, smaller crops, fewer prototypes.
var ErrOutOfMemory = errors.New("out of memory")

// OpError says which operation failed, on what, and why.
type OpError struct {
	Op      string   // the operation, as named in Go
	Inputs  []string // dtype, shape and device of each tensor argument, in order
	Message string   // libtorch's own words, without a C++ backtrace
	Cause   error    // what errors.Is is to find, such as [ErrOutOfMemory]; nil: nothing else
}

// Error names the operation and the shapes first: they are what a user can change.
func (e *OpError) Error() string {
	return fmt.Sprintf("torch: %s(%s): %s", e.Op, strings.Join(e.Inputs, ", "), e.Message)
}

// Unwrap gives the cause.
func (e *OpError) Unwrap() error { return e.Cause }

// Try runs f and returns the [*OpError] that it panicked with, if any. It is the one border between model code, which
// panics, and programs, which handle errors. Tensors that f made stay with the open scope.
func Try(f func()) (err error) {
	defer func() {
		switch p := recover().(type) {
		case nil:
		case *OpError:
			err = p
		default:
			panic(p)
		}
	}()
	f()
	return nil
}

// takeError turns a C error string into an *OpError and frees it; nil means the call went well.
func takeError(op string, msg *C.char, inputs ...*Tensor) error {
	if msg == nil {
		return nil
	}
	text := C.GoString(msg)
	C.free(unsafe.Pointer(msg))
	return newOpError(op, text[1:], text[0] == 'O', inputs)
}

func newOpError(op, text string, memory bool, inputs []*Tensor) *OpError {
	e := &OpError{Op: op, Message: firstParagraph(text)}
	if memory {
		e.Cause = ErrOutOfMemory
	}
	for _, t := range inputs {
		e.Inputs = append(e.Inputs, t.describe())
	}
	return e
}

// firstParagraph drops the "Exception raised from file:line" tail that c10 adds for its own developers.
func firstParagraph(s string) string {
	if i := strings.Index(s, "\nException raised from"); i >= 0 {
		s = s[:i]
	}
	return strings.TrimSpace(s)
}

// check panics with the error of a C call on these inputs.
func check(op string, msg *C.char, inputs ...*Tensor) {
	if msg != nil {
		panic(takeError(op, msg, inputs...))
	}
}

// misuse panics for a mistake that Go can see before libtorch does, such as a closed tensor or a wrong argument.
func misuse(op, format string, args ...any) {
	panic(&OpError{Op: op, Message: fmt.Sprintf(format, args...)})
}
