// SPDX-License-Identifier: MIT

package dist

// #include "ct.h"
import "C"

import (
	"unsafe"

	"seer/torch"
)

// Averages are tensors on their way to their mean over all members of a group: gradients, which travel in buckets while
// the rest of the backward pass is computed. The zero value of another group than nil is made by [Group.Averages].
type Averages struct {
	group   *Group
	bucket  []*torch.Tensor // not sent yet
	bytes   int64
	pending []C.ct_work
}

// bucketBytes is how much travels in one message: more and the last one, which nothing is left to hide, takes longer;
// less and latency counts (25 MB in PyTorch's DistributedDataParallel).
const bucketBytes = 25 << 20

// Averages begins an average over the group.
func (g *Group) Averages() *Averages { return &Averages{group: g} }

// Add hands over tensors that have their final values, as all members do in the same order. They must not be used before
// Wait has returned.
func (a *Averages) Add(ts ...*torch.Tensor) {
	if a.group == nil {
		return
	}
	for _, t := range ts {
		if len(a.bucket) > 0 && (a.bytes >= bucketBytes || a.bucket[0].DType() != t.DType()) {
			a.send()
		}
		a.bucket = append(a.bucket, t)
		a.bytes += t.Bytes()
	}
}

func (a *Averages) send() {
	if len(a.bucket) == 0 {
		return
	}
	handles := torch.Handles(a.bucket)
	var work C.ct_work
	msg := C.ct_average_start(a.group.ptr, (*C.ct_tensor)(unsafe.Pointer(unsafe.SliceData(handles))), C.int(len(handles)), &work)
	check("average", msg)
	a.pending, a.bucket, a.bytes = append(a.pending, work), nil, 0
}

// Wait sends what is left and returns when every tensor is the mean over all members.
func (a *Averages) Wait() {
	if a.group == nil {
		return
	}
	a.send()
	var first *C.char
	for _, work := range a.pending { // all of them: each frees what it holds
		msg := C.ct_average_finish(work)
		if first == nil {
			first = msg
		} else if msg != nil {
			_ = failure("average", msg)
		}
	}
	a.pending = nil
	check("average", first)
}
