// SPDX-License-Identifier: MIT

package torch

import (
	"fmt"
	"runtime"
	"strings"
)

// closing is the place that freed a handle, for the message of a later use. Taking it costs about a microsecond a scope.
type closing struct {
	how   string
	stack [12]uintptr
}

// closingHere remembers the stack of the caller's caller.
func closingHere(how string) *closing {
	c := &closing{how: how}
	runtime.Callers(3, c.stack[:])
	return c
}

// String names the first function outside this package.
func (c *closing) String() string {
	frames := runtime.CallersFrames(c.stack[:])
	for {
		f, more := frames.Next()
		if f.Function != "" && !strings.HasPrefix(f.Function, "seer/torch.") && !strings.HasPrefix(f.Function, "runtime.") {
			return fmt.Sprintf("%s at %s:%d (%s)", c.how, f.File, f.Line, f.Function)
		}
		if !more {
			return c.how
		}
	}
}
