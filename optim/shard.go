// SPDX-License-Identifier: MIT

package optim

import (
	"cmp"
	"slices"

	"seer/nn"
	"seer/torch"
	"seer/torch/dist"
)

// Divide leaves this process the momentum of some parameters only, and their updates, and the others to the other members
// of a group, whose gradients are the same (ZeRO, stage 1, arXiv 1910.02054). An owner sends what it has updated to the
// others: the same bits as before.
func (s *SGD) Divide(g *dist.Group) {
	s.shard, s.owners = g, owners(s.params, g.Size())
	s.forget()
}

// owners gives each parameter to one of so many processes, so that these have about as many numbers each: the largest
// first, to the one with the fewest. It is the same on all of them.
func owners(params []nn.Entry, processes int) []int {
	owner, has := make([]int, len(params)), make([]int64, processes)
	order := make([]int, len(params))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(params[b].Tensor.Numel(), params[a].Tensor.Numel()) })
	for _, i := range order {
		least := 0
		for rank, n := range has {
			if n < has[least] {
				least = rank
			}
		}
		owner[i] = least
		has[least] += params[i].Tensor.Numel()
	}
	return owner
}

func (s *SGD) owns(i int) bool { return s.owners[i] == s.shard.Rank() }

// owned is the part of the active parameters that this process updates.
func (s *SGD) owned(a active) (own active) {
	for i, owner := range a.owners {
		if owner == s.shard.Rank() {
			own.params, own.grads, own.buffers = append(own.params, a.params[i]), append(own.grads, a.grads[i]), append(own.buffers, a.buffers[i])
			own.lr, own.decay, own.adapt = append(own.lr, a.lr[i]), append(own.decay, a.decay[i]), append(own.adapt, a.adapt[i])
		}
	}
	return own
}

// exchange gives every process the parameters that their owners have updated: one message an owner.
func (s *SGD) exchange(a active) {
	for owner := range s.shard.Size() {
		var theirs []*torch.Tensor
		for i := range a.params {
			if a.owners[i] == owner {
				theirs = append(theirs, a.params[i])
			}
		}
		s.shard.BroadcastAllInPlace(theirs, owner)
	}
}

// Sharded tells whether other processes have momentum that this one has not.
func (s *SGD) Sharded() bool { return s.shard.Size() > 1 }

// Gathered calls save in the process of rank 0 while its Walk has the momentum of all parameters. Once it is divided all
// members call it; save may be nil in the others.
func (s *SGD) Gathered(save func() error) error {
	if !s.Sharded() {
		return save()
	}
	leads := s.shard.Rank() == 0
	if leads {
		defer s.forget()
	}
	if err := torch.Try(func() {
		torch.NoGrad(func() {
			for i := range s.params {
				if s.owners[i] != 0 { // rank 0 has its own
					s.lend(i, leads)
				}
			}
		})
	}); err != nil || !leads {
		return err
	}
	return save()
}

// lend has the owner of a parameter send its momentum, which rank 0 keeps.
func (s *SGD) lend(i int, leads bool) {
	scope := torch.NewScope()
	defer scope.Close()
	buffer := s.momentum[i]
	if buffer == nil {
		buffer = zerosLike(s.params[i].Tensor)
		if leads {
			s.momentum[i] = buffer
		} else {
			defer buffer.Close()
		}
	}
	s.shard.BroadcastInPlace(buffer, s.owners[i])
}

// Whole calls load while the walk has a momentum for every parameter, and keeps what this process owns. It is for loading
// a checkpoint, which has all of it, and knows nothing of processes.
func (s *SGD) Whole(load func() error) error {
	if err := torch.Try(func() {
		for i, p := range s.params {
			if s.momentum[i] == nil {
				s.momentum[i] = zerosLike(p.Tensor)
			}
		}
	}); err != nil {
		return err
	}
	defer s.forget()
	return load()
}

// forget frees the momentum that others own.
func (s *SGD) forget() {
	for i, m := range s.momentum {
		if m != nil && !s.owns(i) {
			m.Close()
			s.momentum[i] = nil
		}
	}
}
