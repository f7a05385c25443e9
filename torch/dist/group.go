// SPDX-License-Identifier: MIT

package dist

// #include <stdlib.h>
// #include "ct.h"
import "C"

import (
	"errors"
	"time"
	"unsafe"

	"seer/torch"
)

// ErrLost says that a call to other processes did not get through.
var ErrLost = errors.New("another process is gone, or does not answer")

// Group is some processes with a rank each, from 0. A nil *Group is one process by itself.
type Group struct {
	ptr        C.ct_group
	rank, size int
}

// Member is a process's place in a group.
type Member struct {
	Rank, Size int
	Address    string // where the others reach this process: a host name or an IP address of the right network
}

// OpenGroup waits until all members of the group of that name have come, at most for so long, which is also how long
// its collectives wait until [Group.SetTimeout] says otherwise.
func OpenGroup(s *Store, name string, m Member, wait time.Duration) (*Group, error) {
	prefix, address := C.CString(name), C.CString(m.Address)
	defer C.free(unsafe.Pointer(prefix))
	defer C.free(unsafe.Pointer(address))
	g := &Group{rank: m.Rank, size: m.Size}
	msg := C.ct_group_open(s.ptr, prefix, address, C.int(m.Rank), C.int(m.Size), C.double(wait.Seconds()), &g.ptr)
	if err := failure("group_open", msg); err != nil {
		return nil, err
	}
	return g, nil
}

// Mirror is a group for a dry run: this process is the only member that exists, and each of the others is taken to have
// the same tensors. What a run with so many members asks of a process, its shapes, messages and memory, shows on one.
func Mirror(rank, size int) (*Group, error) {
	g := &Group{rank: rank, size: size}
	return g, failure("group_mirror", C.ct_group_mirror(C.int(rank), C.int(size), &g.ptr))
}

// Traffic is what a member has given to the collectives of a group so far.
type Traffic struct {
	Reduced, Gathered, Broadcast int64         // bytes of its tensors
	Calls                        int64         // of these collectives
	Waited                       time.Duration // in them, for the others and for the transfer
}

// Sub is the traffic since an earlier look.
func (t Traffic) Sub(before Traffic) Traffic {
	return Traffic{t.Reduced - before.Reduced, t.Gathered - before.Gathered, t.Broadcast - before.Broadcast, t.Calls - before.Calls, t.Waited - before.Waited}
}

// Traffic of this member. That of a group by itself is none.
func (g *Group) Traffic() Traffic {
	if g == nil {
		return Traffic{}
	}
	t := C.ct_group_traffic(g.ptr)
	return Traffic{int64(t.reduced), int64(t.gathered), int64(t.broadcast), int64(t.calls), time.Duration(float64(t.waited) * float64(time.Second))}
}

// Rank is this process's, from 0 to Size-1.
func (g *Group) Rank() int {
	if g == nil {
		return 0
	}
	return g.rank
}

// Size is the number of members.
func (g *Group) Size() int {
	if g == nil {
		return 1
	}
	return g.size
}

// SetTimeout bounds how long a collective waits for the others.
func (g *Group) SetTimeout(wait time.Duration) error {
	if g == nil {
		return nil
	}
	return failure("set_timeout", C.ct_group_set_timeout(g.ptr, C.double(wait.Seconds())))
}

// Close leaves the group.
func (g *Group) Close() {
	if g != nil && g.ptr != nil {
		C.ct_group_free(g.ptr)
		g.ptr = nil
	}
}

// check panics with the error of a collective.
func check(op string, msg *C.char, inputs ...*torch.Tensor) {
	if err := failure(op, msg, inputs...); err != nil {
		panic(err)
	}
}

// SumInPlace sets x to its sum over all members, which all get with the same bits, and returns it. No gradient flows.
func (g *Group) SumInPlace(x *torch.Tensor) *torch.Tensor { return g.reduce("sum", C.CT_REDUCE_SUM, x) }

// MaxInPlace sets x to its largest element over all members, and returns it. No gradient flows.
func (g *Group) MaxInPlace(x *torch.Tensor) *torch.Tensor { return g.reduce("max", C.CT_REDUCE_MAX, x) }

func (g *Group) reduce(op string, code C.int, x *torch.Tensor) *torch.Tensor {
	if g != nil {
		check("all_reduce "+op, C.ct_all_reduce_(g.ptr, code, C.ct_tensor(x.Handle())), x)
	}
	return x
}

// Gather returns x of all members, which have it in the same shape [...], as [Size, ...]. No gradient flows.
func (g *Group) Gather(x *torch.Tensor) *torch.Tensor {
	if g == nil {
		return x.Detach().Unsqueeze(0)
	}
	var out C.ct_ref
	check("all_gather", C.ct_all_gather(g.ptr, C.ct_tensor(x.Handle()), &out), x)
	return torch.Adopt(unsafe.Pointer(out.ptr), int64(out.scope))
}

// BroadcastInPlace sets x to what it is for the member of rank root.
func (g *Group) BroadcastInPlace(x *torch.Tensor, root int) {
	if g != nil {
		check("broadcast", C.ct_broadcast_(g.ptr, C.ct_tensor(x.Handle()), C.int(root)), x)
	}
}

// BroadcastAllInPlace is [Group.BroadcastInPlace] of many tensors of one type, in messages of some megabytes.
func (g *Group) BroadcastAllInPlace(xs []*torch.Tensor, root int) {
	for len(xs) > 0 && g != nil {
		n, bytes := 0, int64(0)
		for n < len(xs) && (n == 0 || bytes+xs[n].Bytes() <= bucketBytes) {
			bytes += xs[n].Bytes()
			n++
		}
		handles := torch.Handles(xs[:n])
		check("broadcast", C.ct_broadcast_all_(g.ptr, (*C.ct_tensor)(unsafe.Pointer(unsafe.SliceData(handles))), C.int(n), C.int(root)), xs[:n]...)
		xs = xs[n:]
	}
}

// Barrier waits until all members have come to it.
func (g *Group) Barrier() {
	if g != nil {
		check("barrier", C.ct_barrier(g.ptr))
	}
}

// BatchNorm is [torch.BatchNorm] in training, over x of all members, whose batches may differ in size
// (torch.nn.SyncBatchNorm). The gradients of weight and bias are those of this member's x alone: whoever averages
// gradients averages them too. The backward pass has a collective, so that all members must do it.
func (g *Group) BatchNorm(x, weight, bias, mean, variance *torch.Tensor, momentum, eps float64) *torch.Tensor {
	if g == nil {
		return torch.BatchNorm(x, weight, bias, mean, variance, true, momentum, eps)
	}
	var out C.ct_ref
	msg := C.ct_sync_batch_norm(g.ptr, C.ct_tensor(x.Handle()), C.ct_tensor(weight.Handle()), C.ct_tensor(bias.Handle()),
		optional(mean), optional(variance), C.double(momentum), C.double(eps), &out)
	check("sync_batch_norm", msg, x, weight, bias, mean, variance)
	return torch.Adopt(unsafe.Pointer(out.ptr), int64(out.scope))
}

func optional(t *torch.Tensor) C.ct_tensor {
	if t == nil {
		return nil
	}
	return C.ct_tensor(t.Handle())
}
