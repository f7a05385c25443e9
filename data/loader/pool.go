// SPDX-License-Identifier: MIT

package loader

import "sync"

// slab is the memory of one batch: all groups in one piece, so that it can be
// copied to a device at once.
type slab struct {
	pool *Pool
	mem  []byte
}

// A Pool recycles the memory of batches. It makes a new one where none is free: a consumer that
// holds many batches needs memory, but cannot bring the loader to a halt.
type Pool struct {
	alloc func(int) []byte
	dealc func([]byte)
	bytes int

	mu     sync.Mutex
	free   []*slab
	closed bool
}

// NewPool makes a pool for batches as the options describe them, for loaders
// that follow one another. It is empty: memory is taken when it is needed.
func NewPool(o BatchOptions) *Pool {
	p := &Pool{alloc: o.Alloc, dealc: o.Free, bytes: o.Batch * o.Crops.Bytes()}
	if p.alloc == nil {
		p.alloc = func(n int) []byte { return make([]byte, n) }
	}
	return p
}

func (p *Pool) get() *slab {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := len(p.free); n > 0 {
		s := p.free[n-1]
		p.free = p.free[:n-1]
		return s
	}
	return &slab{pool: p, mem: p.alloc(p.bytes)}
}

// put takes a slab back. After Close it is freed.
func (p *Pool) put(s *slab) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		p.drop(s)
		return
	}
	p.free = append(p.free, s)
}

// Close frees what lies in the pool, and from now on what comes back: a batch
// may outlive its loader.
func (p *Pool) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, s := range p.free {
		p.drop(s)
	}
	p.free = nil
}

func (p *Pool) drop(s *slab) {
	if p.dealc != nil {
		p.dealc(s.mem)
	}
	s.mem = nil
}
