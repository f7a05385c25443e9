// SPDX-License-Identifier: MIT

package mesh

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"seer/torch"
	"seer/torch/dist"
)

// PeerError says that this process stops because of another.
type PeerError struct {
	Rank, World int
	Reason      string // in the words of that process; of one that does not answer, what is known
	Lost        bool   // it does not answer
	Asked       bool   // it was asked to stop, and has not failed
	Preempted   bool   // in that way
}

// Error names the process and its reason.
func (e *PeerError) Error() string { return fmt.Sprintf("rank %d of %d %s", e.Rank, e.World, e.Reason) }

// Unwrap is [ErrPreempted] where that process had to make room.
func (e *PeerError) Unwrap() error {
	if e.Preempted {
		return ErrPreempted
	}
	return nil
}

// ErrPreempted says that a process was asked to stop because somebody else needs its place: it shall be started again.
var ErrPreempted = errors.New("asked to make room")

// Asked is the error of a process that was asked to stop, by a signal.
type Asked struct{ Err error }

// Error is that of the request.
func (a Asked) Error() string { return a.Err.Error() }

// Unwrap gives the request.
func (a Asked) Unwrap() error { return a.Err }

// What a process says to the others where they agree.
const (
	goesOn = iota
	wasAsked
	wasPreempted
	hasFailed
)

// Agree is where all processes decide together whether to go on: nil only if err is nil on each of them. Each calls it
// between two steps, with its error if it cannot, or shall not, go on. Where the reason is another's, the error is a
// [*PeerError]. Everything of this process is whole then.
func (m *Mesh) Agree(err error) error {
	if m == nil {
		return err
	}
	stops := make([]int64, m.World)
	if err != nil {
		stops[m.Rank] = hasFailed
		if errors.As(err, &Asked{}) {
			stops[m.Rank] = wasAsked
			if errors.Is(err, ErrPreempted) {
				stops[m.Rank] = wasPreempted
			}
		}
		if e := m.tell(err); e != nil {
			return errors.Join(err, e)
		}
	}
	if failure := torch.Try(func() {
		scope := torch.NewScope()
		defer scope.Close()
		stops = m.world.SumInPlace(torch.FromInt64(stops, int64(m.World))).Int64s()
	}); failure != nil {
		return errors.Join(err, m.Failed(failure))
	}
	if err != nil {
		return err
	}
	for rank, stop := range stops {
		if stop != goesOn {
			return m.stopped(rank, stop)
		}
	}
	return nil
}

// stopped is the error of a process that has said why it stops.
func (m *Mesh) stopped(rank int, how int64) error {
	reason, err := m.store.Get(m.failedKey(rank), search)
	if err != nil {
		reason = "for a reason that its own log has"
	}
	return &PeerError{Rank: rank, World: m.World, Reason: "has stopped: " + reason, Asked: how != hasFailed, Preempted: how == wasPreempted}
}

func (m *Mesh) failedKey(rank int) string { return m.key(fmt.Sprint("failed ", rank)) }
func (m *Mesh) lostKey(rank int) string   { return m.key(fmt.Sprint("lost ", rank)) }

// tell leaves the reason for which this process stops where the others look.
func (m *Mesh) tell(err error) error {
	if m.store == nil {
		return nil
	}
	reason, _, _ := strings.Cut(err.Error(), "\n")
	return m.store.Set(m.failedKey(m.Rank), reason)
}

// search is how long a process looks for the one that is gone: all who are well have lost contact by then as well, and
// have said so.
const search = 3 * time.Second

// Failed is the end of a process that cannot go on. An error of its own is told to the others, who are waiting for it in
// vain; of one that says only that contact was lost, the cause is looked for: the process that has told one, or else the
// one that does not answer.
func (m *Mesh) Failed(err error) error {
	var peer *PeerError
	if m == nil || m.store == nil || err == nil || errors.As(err, &peer) {
		return err
	}
	if !errors.Is(err, dist.ErrLost) {
		_ = m.tell(err) // the others find out without it
		return err
	}
	if e := m.store.Set(m.lostKey(m.Rank), ""); e != nil {
		return fmt.Errorf("%w\nand rank 0 of %d, which knows more, does not answer either: it was killed, or its machine is gone (%w)", err, m.World, e)
	}
	return fmt.Errorf("%w (%w)", m.culprit(), err)
}

// culprit looks for the process whose end, or silence, made this one lose contact.
func (m *Mesh) culprit() error {
	silent := 0
	for until := time.Now().Add(search); time.Now().Before(until); time.Sleep(search / 60) {
		silent = -1
		for rank := range m.World {
			if failed, err := m.store.Has(m.failedKey(rank)); err == nil && failed {
				return m.stopped(rank, hasFailed)
			}
			if lost, err := m.store.Has(m.lostKey(rank)); (err != nil || !lost) && silent < 0 {
				silent = rank
			}
		}
	}
	if silent < 0 {
		return errors.New("the network between the processes of the run failed: all of them are there, and a message did not get through")
	}
	m.silent = silent
	return &PeerError{Rank: silent, World: m.World, Reason: "does not answer: it was killed, its machine is gone, or it hangs", Lost: true}
}
