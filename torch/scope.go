// SPDX-License-Identifier: MIT

package torch

// #include "ct.h"
import "C"

import (
	"runtime"
	"sync"
	"unsafe"
)

// Scope owns the tensors that are made while it is open. Scopes nest; each belongs to the goroutine that opened it,
// which stays on its OS thread until Close.
//
//	sc := torch.NewScope()
//	defer sc.Close()
//	loss := model.Loss(batch) // every intermediate is freed by Close
//	total := sc.Keep(loss)    // total lives on in the enclosing scope, or is the caller's to close
type Scope struct {
	token  int64
	parent int64 // the token that was open before
	owned  []*Tensor
	closed bool
}

// scopes finds the scope of a token. The token travels through C as a thread-local, so that a tensor finds its owner
// on any number of goroutines without Go having thread-local storage.
var scopes struct {
	sync.RWMutex
	open map[int64]*Scope
	next int64
}

func scopeOf(token int64) *Scope {
	scopes.RLock()
	defer scopes.RUnlock()
	return scopes.open[token]
}

// NewScope opens a scope on the calling goroutine and locks it to its OS thread.
func NewScope() *Scope {
	runtime.LockOSThread()
	s := &Scope{}
	scopes.Lock()
	if scopes.open == nil {
		scopes.open = map[int64]*Scope{}
	}
	scopes.next++
	s.token = scopes.next
	scopes.open[s.token] = s
	scopes.Unlock()
	s.parent = int64(C.ct_scope_swap(C.int64_t(s.token)))
	return s
}

// Close frees everything that the scope owns in one call and makes the enclosing scope the open one. It is idempotent.
// Scopes close in the reverse order of their opening, on the goroutine that opened them.
func (s *Scope) Close() {
	if s.closed {
		return
	}
	if int64(C.ct_scope_token()) != s.token {
		panic("torch: Scope.Close out of order or on another goroutine than NewScope")
	}
	s.closed = true
	at := closingHere("its scope was closed")
	C.ct_scope_swap(C.int64_t(s.parent))
	scopes.Lock()
	delete(scopes.open, s.token)
	scopes.Unlock()
	s.freeAll(at)
	runtime.UnlockOSThread()
}

// freeAll frees every handle in one call, and tells each tensor where.
func (s *Scope) freeAll(at *closing) {
	handles := make([]C.ct_tensor, 0, len(s.owned))
	for _, t := range s.owned {
		if t != nil {
			handles = append(handles, C.ct_tensor(t.handle))
			t.scope = nil
			t.poison(at)
		}
	}
	s.owned = nil
	if len(handles) > 0 {
		C.ct_free_many((*C.ct_tensor)(unsafe.Pointer(&handles[0])), C.int64_t(len(handles)))
	}
}

// Keep hands t to the enclosing scope, or to the caller when there is none, and returns it.
func (s *Scope) Keep(t *Tensor) *Tensor {
	if t == nil || t.scope != s {
		return t
	}
	s.remove(t)
	if s.parent != 0 {
		scopeOf(s.parent).add(t)
	}
	return t
}

func (s *Scope) add(t *Tensor) {
	t.scope, t.slot = s, len(s.owned)
	s.owned = append(s.owned, t)
}

// remove leaves a hole in place of t: the order does not matter, and holes go with the scope.
func (s *Scope) remove(t *Tensor) {
	s.owned[t.slot] = nil
	t.scope = nil
}

// Scoped runs f in a scope of its own and keeps only its result. Model code uses it around a block, so that the
// handles of activations do not outlive what autograd itself still needs.
func Scoped(f func() *Tensor) *Tensor {
	s := NewScope()
	defer s.Close()
	return s.Keep(f())
}

// Release takes t from every scope: the caller owns it and closes it. Parameters and buffers are released tensors.
func (t *Tensor) Release() *Tensor {
	if t.scope != nil {
		t.scope.remove(t)
	}
	return t
}
