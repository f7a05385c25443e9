// SPDX-License-Identifier: MIT

// Package dist lets processes compute together: collectives over c10d, which PyTorch's own distributed training stands on.
// It is the only package that uses c10d. Tensors on the CPU travel over Gloo, those on a GPU over NCCL.
//
// Processes meet in a [Store], of which one of them, or whoever started them, is the server. Those that are in a [Group]
// have ranks there and call its collectives in the same order. A nil *Group is the group of a process by itself: its
// collectives do nothing, so that code which runs in many processes runs in one as well.
//
// Collectives panic with a [*torch.OpError] as other operations on tensors do; [torch.Try] is the border. That of a
// collective which did not get through, because a member is gone or silent for longer than the time-out, wraps [ErrLost].
// A group whose collective has failed is of no use any more.
package dist
