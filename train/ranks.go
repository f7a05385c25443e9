// SPDX-License-Identifier: MIT

package train

import (
	"context"
	"slices"
	"time"

	"seer/torch"
)

// paces finds processes that are slower than the rest. All of them take the same time for a step, because they wait for
// each other in its collectives: what tells them apart is the time besides, which only the slow one needs.
type paces struct {
	steps        int
	own, loading time.Duration // of this process since the last comparison
	last         []pace        // of all processes, a step, when they were compared
	named        map[int]bool  // ranks that were warned of
}

// pace is what a process needs for a step by itself.
type pace struct {
	Own     float64 // seconds, without waiting for other processes
	Loading float64 // of them, for data
}

// count adds a step of this process.
func (p *paces) count(own, loading time.Duration) {
	p.steps++
	p.own += own
	p.loading += loading
}

// slowest is the rank of the process that needs most, and the median of the others.
func slowest(all []pace) (rank int, others float64) {
	own := make([]float64, len(all))
	for i, a := range all {
		if own[i] = a.Own; a.Own > all[rank].Own {
			rank = i
		}
	}
	own = slices.Delete(own, rank, rank+1)
	slices.Sort(own)
	return rank, own[len(own)/2]
}

// A process is slow that needs this many times as long as the median of the others, over at least so many steps: less is
// what machines vary by.
const (
	slowFactor = 1.5
	slowSteps  = 10
)

// compareRanks has all processes tell each other what they need for a step. It is a hook of all of them.
func (p *Program) compareRanks(_ context.Context, e Event) error {
	mesh, w := p.Engine.Mesh, &p.paces
	steps := float64(max(w.steps, 1))
	mine := []float64{w.own.Seconds() / steps, w.loading.Seconds() / steps}
	enough := w.steps >= slowSteps
	w.steps, w.own, w.loading = 0, 0, 0
	return torch.Try(func() {
		scope := torch.NewScope()
		defer scope.Close()
		all := mesh.All().Gather(torch.FromFloat64(mine, 2)).Float64s()
		w.last = w.last[:0]
		for i := 0; i < len(all); i += 2 {
			w.last = append(w.last, pace{all[i], all[i+1]})
		}
		if mesh.Leads() && enough {
			p.nameSlow(e)
		}
	})
}

// nameSlow warns of a process that holds up the others, once.
func (p *Program) nameSlow(e Event) {
	w := &p.paces
	rank, others := slowest(w.last)
	if slow := w.last[rank]; slow.Own >= slowFactor*others && !w.named[rank] {
		if w.named == nil {
			w.named = map[int]bool{}
		}
		w.named[rank] = true
		p.say("warning: step %d: rank %d of %d holds up the others: a step takes it %.3f s by itself, of which it waits %.3f s for data, "+
			"and the others %.3f s. Its machine is in ranks/rank-%04d.json of the run folder", e.Step, rank, len(w.last), slow.Own, slow.Loading, others, rank)
	}
}

// metrics are those of a line of metrics.jsonl.
func (p *paces) metrics() []Metric {
	if len(p.last) == 0 {
		return nil
	}
	rank, others := slowest(p.last)
	return []Metric{
		{"slowest_rank", float64(rank)}, {"slowest_rank_seconds", p.last[rank].Own}, {"slowest_rank_data_seconds", p.last[rank].Loading},
		{"other_ranks_seconds", others},
	}
}
