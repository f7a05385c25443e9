// SPDX-License-Identifier: MIT

//go:build torchdebug

package torch

import (
	"runtime"
	"runtime/pprof"
	"sync/atomic"
)

// Debug reports whether the package was built with the torchdebug tag.
const Debug = true

// profile holds the stack that made each live tensor: `go tool pprof` shows where a leak comes from.
var profile = pprof.NewProfile("seer/torch.Tensor")

func trackOpen(t *Tensor)  { profile.Add(t, 3) }
func trackClose(t *Tensor) { profile.Remove(t) }

var stressCount atomic.Uint32

// stressCollector runs the collector while a handle is on its way into C, so that an argument which nothing keeps
// alive is collected before C reads it. Every 64th time: a test suite must still end.
func stressCollector() {
	if stressCount.Add(1)%64 == 0 {
		runtime.GC()
	}
}
