// SPDX-License-Identifier: MIT

package mesh

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"seer/torch"
	"seer/torch/dist"
)

// JoinOptions say how the processes of a run work together.
type JoinOptions struct {
	// NormGroup is how many processes, neighbours in rank, share the statistics of batch norm; 0 or more than there are: all
	// of them, 1: none.
	NormGroup int
	// First is how long processes wait for each other before the end of the first step and where rank 0 may have to work
	// alone, Later in the steps from then on.
	First, Later time.Duration
}

// Mesh is the processes of a run as one of them sees it. A nil *Mesh is a run of one.
type Mesh struct {
	Place
	options JoinOptions
	store   *dist.Store // nil: a dry run
	world   *dist.Group
	norm    *dist.Group // nil: each by itself
	shared  int         // choices so far
	silent  int         // the process that was found not to answer; -1: none
	left    bool
}

// Join waits until all processes of the run are there. It is nil for one that is alone.
func Join(p Place, o JoinOptions) (m *Mesh, err error) {
	if p.Alone() {
		return nil, nil
	}
	if err := o.fit(p.World); err != nil {
		return nil, err
	}
	m = &Mesh{Place: p, options: o, silent: -1}
	m.store, err = dist.OpenStore(dist.StoreAddress{
		Host: p.Host, Port: p.Port, Serve: p.Rank == 0 && !p.Served, Listener: p.Listener,
	}, o.First)
	if err != nil {
		return nil, fmt.Errorf("%v: the processes of the run meet at %s, port %d, and nobody is there: is rank 0 running, and may this machine reach it? %w", p, p.Host, p.Port, err)
	}
	if err := m.openGroups(); err != nil {
		m.store.Close()
		return nil, fmt.Errorf("%v: waiting for the other processes: %w", p, err)
	}
	return m, nil
}

// fit makes groups of so many processes.
func (o *JoinOptions) fit(world int) error {
	if o.NormGroup <= 0 || o.NormGroup > world {
		o.NormGroup = world
	}
	if world%o.NormGroup != 0 {
		return fmt.Errorf("mesh.batch_norm_group = %d: the %d processes of the run do not make groups of that size; take a divisor, or 0 for one group", o.NormGroup, world)
	}
	return nil
}

func (m *Mesh) openGroups() error {
	address := m.address()
	return m.open(func(name string, rank, size int) (*dist.Group, error) {
		return dist.OpenGroup(m.store, m.key(name), dist.Member{Rank: rank, Size: size, Address: address}, m.options.First)
	})
}

func (m *Mesh) open(open func(name string, rank, size int) (*dist.Group, error)) (err error) {
	if m.world, err = open("world", m.Rank, m.World); err != nil {
		return err
	}
	switch n := m.options.NormGroup; n {
	case 1:
	case m.World:
		m.norm = m.world
	default:
		m.norm, err = open(fmt.Sprint("norm ", m.Rank/n), m.Rank%n, n)
	}
	return err
}

// key is a name in the store that no other run and no other attempt has.
func (m *Mesh) key(name string) string { return fmt.Sprintf("seer/%s/%s", m.Attempt, name) }

// address is this process's in the network in which it reaches the others: that which leads to the host where they meet.
// Nothing is sent to find it. A machine may know its own name as one of the loopback interface, which others cannot reach.
func (m *Mesh) address() string {
	conn, err := net.Dial("udp", net.JoinHostPort(m.Host, strconv.Itoa(m.Port)))
	if err != nil {
		return m.Host
	}
	defer conn.Close()
	ip := conn.LocalAddr().(*net.UDPAddr).IP
	if ip.IsLoopback() && m.Machines() > 1 {
		if outer := outerAddress(); outer != "" {
			return outer
		}
	}
	return ip.String()
}

// outerAddress is the first address of this machine that others may reach.
func outerAddress() string {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return ""
	}
	for _, a := range all {
		if n, ok := a.(*net.IPNet); ok && n.IP.IsGlobalUnicast() {
			return n.IP.String()
		}
	}
	return ""
}

// Leads tells the one process that speaks and keeps the run folder.
func (m *Mesh) Leads() bool { return m == nil || m.Rank == 0 }

// Size is the number of processes.
func (m *Mesh) Size() int { return m.All().Size() }

// All are all processes; nil for one alone.
func (m *Mesh) All() *dist.Group {
	if m == nil {
		return nil
	}
	return m.world
}

// Norm are the processes that share batch norm's statistics with this one; nil: none.
func (m *Mesh) Norm() *dist.Group {
	if m == nil {
		return nil
	}
	return m.norm
}

// Waited is how long this process has waited in collectives so far: for other processes, and for what they send.
func (m *Mesh) Waited() time.Duration {
	if m == nil {
		return 0
	}
	waited := m.world.Traffic().Waited
	if m.norm != m.world {
		waited += m.norm.Traffic().Waited
	}
	return waited
}

// DryRun is a mesh of which this process is the only one that exists: see [dist.Mirror].
func DryRun(p Place, o JoinOptions) (*Mesh, error) {
	if err := o.fit(p.World); err != nil {
		return nil, err
	}
	m := &Mesh{Place: p, options: o, silent: -1}
	err := m.open(func(_ string, rank, size int) (*dist.Group, error) { return dist.Mirror(rank, size) })
	return m, err
}

// At is the process's place; that of one alone has no other.
func (m *Mesh) At() Place {
	if m == nil {
		return Place{World: 1, LocalWorld: 1}
	}
	return m.Place
}

// Patient has the next collectives wait as long as rank 0 may need for work of its own; otherwise they wait as long as a
// step of the others may be behind.
func (m *Mesh) Patient(on bool) error {
	if m == nil {
		return nil
	}
	wait := m.options.Later
	if on {
		wait = m.options.First
	}
	return errors.Join(m.world.SetTimeout(wait), m.norm.SetTimeout(wait))
}

// Share gives all processes the tensors of rank 0.
func (m *Mesh) Share(tensors []*torch.Tensor) error {
	if m == nil {
		return nil
	}
	return torch.Try(func() {
		for _, t := range tensors {
			m.world.BroadcastInPlace(t, 0)
		}
	})
}

// Lead has rank 0 decide what all must do alike, and tells the others. An error of rank 0 ends all.
func (m *Mesh) Lead(decide func() (string, error)) (choice string, err error) {
	if m == nil || m.store == nil {
		return decide()
	}
	key := m.key(fmt.Sprint("choice ", m.shared))
	m.shared++
	if m.Leads() {
		if choice, err = decide(); err == nil {
			err = m.store.Set(key, choice)
		}
	}
	if err := m.Agree(err); err != nil {
		return "", err
	}
	if m.Leads() {
		return choice, nil
	}
	return m.store.Get(key, m.options.Later)
}

// Close leaves the run. Rank 0, which may serve the store, waits a little until the others have read there what they
// need.
func (m *Mesh) Close() {
	if m == nil || m.left {
		return
	}
	m.left = true
	if m.norm != m.world {
		m.norm.Close()
	}
	m.world.Close()
	if m.store == nil { // a dry run
		return
	}
	_ = m.store.Set(m.key(fmt.Sprint("left ", m.Rank)), "")
	for other, until := 1, time.Now().Add(parting); m.Leads() && other < m.World; other++ {
		if other != m.silent {
			_, _ = m.store.Get(m.key(fmt.Sprint("left ", other)), max(time.Until(until), time.Millisecond))
		}
	}
	m.store.Close()
}

// parting is how long rank 0 waits for the others when it leaves: they may be looking for who is gone.
const parting = search + time.Second
