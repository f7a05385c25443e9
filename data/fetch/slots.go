// SPDX-License-Identifier: MIT

package fetch

import (
	"context"
	"sync"
)

// slots bounds requests, in all and to each host. Whoever waits for a host's slot holds none of the others; both are
// given in the order of asking.
type slots struct {
	perHost int
	total   chan struct{}

	mu    sync.Mutex
	hosts map[string]*host // those with requests under way or waiting
}

type host struct {
	users int
	slots chan struct{}
}

func newSlots(total, perHost int) *slots {
	return &slots{perHost: perHost, total: make(chan struct{}, total), hosts: map[string]*host{}}
}

// acquire waits for a turn; release ends it.
func (s *slots) acquire(ctx context.Context, name string) (release func(), err error) {
	h := s.join(name)
	if err := enter(ctx, h.slots); err != nil {
		s.leave(name, h)
		return nil, err
	}
	if err := enter(ctx, s.total); err != nil {
		<-h.slots
		s.leave(name, h)
		return nil, err
	}
	return func() {
		<-s.total
		<-h.slots
		s.leave(name, h)
	}, nil
}

func enter(ctx context.Context, slots chan struct{}) error {
	select {
	case slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *slots) join(name string) *host {
	s.mu.Lock()
	defer s.mu.Unlock()
	h := s.hosts[name]
	if h == nil {
		h = &host{slots: make(chan struct{}, s.perHost)}
		s.hosts[name] = h
	}
	h.users++
	return h
}

// leave forgets a host with its last user: a list may name more hosts than fit into memory.
func (s *slots) leave(name string, h *host) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if h.users--; h.users == 0 {
		delete(s.hosts, name)
	}
}
