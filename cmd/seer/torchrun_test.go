// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/torch/dist"
)

// agent does what torchrun --max-restarts does on one machine: it serves the store where the processes meet; when one fails
// it sends SIGTERM to the others, waits for all, and starts all again with another TORCHELASTIC_RESTART_COUNT.
type agent struct {
	port     int
	command  []string
	restarts int
	said     bytes.Buffer
}

const agentRanks = 2

func (a *agent) start(t *testing.T) (all []*exec.Cmd) {
	t.Helper()
	for rank := range agentRanks {
		c := program(a.command...)
		for name, value := range map[string]any{
			"RANK": rank, "LOCAL_RANK": rank, "WORLD_SIZE": agentRanks, "LOCAL_WORLD_SIZE": agentRanks, "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": a.port,
			"TORCHELASTIC_USE_AGENT_STORE": "True", "TORCHELASTIC_RESTART_COUNT": a.restarts, "OMP_NUM_THREADS": 1,
		} {
			c.Env = append(c.Env, fmt.Sprintf("%s=%v", name, value))
		}
		if rank == 0 {
			c.Stderr = &a.said
		}
		require.NoError(t, c.Start())
		all = append(all, c)
	}
	return all
}

// ended waits for all processes, of which the first that fails has the others asked to end, and tells whether none failed.
func (a *agent) ended(t *testing.T, all []*exec.Cmd) bool {
	t.Helper()
	codes := make(chan int, len(all))
	for _, c := range all {
		go func() { codes <- exitCode(t, c) }()
	}
	sound := true
	for range all {
		if code := <-codes; code != 0 && sound {
			sound = false
			for _, c := range all {
				_ = c.Process.Signal(syscall.SIGTERM) // one that has ended needs none
			}
		}
	}
	return sound
}

// freePort is one that nobody listens at.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// Each rank is killed once; the run comes back each time and ends with the bits of one that nobody disturbed.
func TestAKilledRankComesBackUnderTorchrun(t *testing.T) {
	experiment, run := experimentFile(t, noise(t))
	set := []string{"run.threads=1", "run.log_every=1it", "run.checkpoint_every=4it", "train.duration=24it"}
	runs(t, launched(2, []string{"pretrain", experiment}, append(set, "run.dir="+run+"-whole")...))

	a := &agent{port: freePort(t), command: launched(1, []string{"pretrain", experiment}, append(set, "run.dir="+run)...)}
	store, err := dist.OpenStore(dist.StoreAddress{Host: "127.0.0.1", Port: a.port, Serve: true}, 10*time.Second)
	require.NoError(t, err)
	defer store.Close()
	for rank := range agentRanks {
		all := a.start(t)
		awaitSteps(t, run, 6*(rank+1))
		require.NoError(t, all[rank].Process.Kill())
		assert.False(t, a.ended(t, all))
		a.restarts++
	}
	require.True(t, a.ended(t, a.start(t)), a.said.String())
	assert.Contains(t, a.said.String(), "Continuing at step")
	assert.Equal(t, outcome(t, run+"-whole"), outcome(t, filepath.Clean(run)))
}
