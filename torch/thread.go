// SPDX-License-Identifier: MIT

package torch

// #include "ct.h"
import "C"

import (
	"runtime"
	"sync"
	"sync/atomic"
)

// defaultThreads is what OnThread gives whoever asks for no number.
var defaultThreads atomic.Int64

// SetThreads sets how many threads a CPU operation uses where nobody asks for a number: on the calling thread, and on
// those that libtorch has not met. Runs and probes ask for their own with [OnThread].
func SetThreads(n int) {
	defaultThreads.Store(int64(n))
	C.ct_set_threads(C.int(n))
}

// Threads returns how many threads one CPU operation uses on the calling OS thread.
func Threads() int { return int(C.ct_threads()) }

// OnThread runs f on the calling goroutine, held to its OS thread, with so many threads for a CPU operation; 0 means the
// number of [SetThreads]. libtorch keeps that number for each OS thread, and sums that are split differently round
// differently: a run that must be the same bits again makes all its calls inside one OnThread. Other goroutines may be in
// theirs at the same time, with other numbers.
func OnThread(threads int, f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if threads <= 0 {
		threads = int(defaultThreads.Load())
	}
	// Asking comes first: it makes libtorch set up a thread that is new to it, which later would undo the number.
	before := C.ct_threads()
	C.ct_set_threads(C.int(threads))
	defer C.ct_set_threads(before)
	return f()
}

// generators are shared by the whole process: whoever seeds them must have made its draws before another seeds them anew.
var generators sync.Mutex

// Seeded runs f with libtorch's generators of all devices at the beginning of the seed's streams. Only one goroutine is
// in a Seeded at a time, so that what f draws depends on the seed alone.
func Seeded(seed uint64, f func()) {
	generators.Lock()
	defer generators.Unlock()
	ManualSeed(seed)
	f()
}
