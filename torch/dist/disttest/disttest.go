// SPDX-License-Identifier: MIT

// Package disttest runs tests in several processes.
package disttest

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/torch"
	"seer/torch/dist"
)

// What a child of Run is told: its rank, how many there are, and the port of their store.
const (
	rankEnv = "SEER_DISTTEST_RANK"
	sizeEnv = "SEER_DISTTEST_SIZE"
	portEnv = "SEER_DISTTEST_PORT"
)

// storeFile is the listening socket of the store as rank 0 inherits it: the first file behind the standard ones.
const storeFile = 3

// patience bounds a test.
const patience = time.Minute

// Run runs body in so many processes on the loopback interface, which are members of a group: copies of the test binary
// that run nothing but this test. It fails the test where one of them fails. What the test does before Run is done by
// each of them as well, what follows it only by the parent.
func Run(t *testing.T, size int, body func(t *testing.T, g *dist.Group)) {
	t.Helper()
	if os.Getenv(sizeEnv) != "" {
		if os.Getenv(sizeEnv) == strconv.Itoa(size) {
			member(t, body)
		}
		t.SkipNow() // what follows is the parent's
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	file, err := listener.(*net.TCPListener).File()
	require.NoError(t, err)
	defer file.Close()
	port := listener.Addr().(*net.TCPAddr).Port
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	commands := make([]*exec.Cmd, size)
	outputs := make([]bytes.Buffer, size)
	for rank := range commands {
		c := exec.CommandContext(ctx, os.Args[0], "-test.run="+pattern(t.Name()), "-test.v")
		c.Env = append(os.Environ(), rankEnv+"="+strconv.Itoa(rank), sizeEnv+"="+strconv.Itoa(size), portEnv+"="+strconv.Itoa(port))
		c.Stdout, c.Stderr = &outputs[rank], &outputs[rank]
		if rank == 0 {
			c.ExtraFiles = []*os.File{file}
		}
		require.NoError(t, c.Start())
		commands[rank] = c
	}
	for rank, c := range commands {
		assert.NoErrorf(t, c.Wait(), "rank %d of %d:\n%s", rank, size, outputs[rank].String())
	}
}

// pattern matches a test by its full name.
func pattern(name string) string {
	var parts []string
	for part := range strings.SplitSeq(name, "/") {
		parts = append(parts, "^"+regexp.QuoteMeta(part)+"$")
	}
	return strings.Join(parts, "/")
}

func member(t *testing.T, body func(t *testing.T, g *dist.Group)) {
	t.Helper()
	rank, size, port := number(t, rankEnv), number(t, sizeEnv), number(t, portEnv)
	address := dist.StoreAddress{Host: "127.0.0.1", Port: port, Serve: rank == 0}
	if rank == 0 {
		address.Listener = storeFile
	}
	store, err := dist.OpenStore(address, patience/2)
	require.NoError(t, err)
	g, err := dist.OpenGroup(store, "test", dist.Member{Rank: rank, Size: size, Address: "127.0.0.1"}, patience/2)
	require.NoError(t, err)
	require.NoError(t, torch.OnThread(1, func() error {
		body(t, g)
		return nil
	}))
	leave(t, store, rank, size)
}

// leave keeps the server of the store until all others are done with it.
func leave(t *testing.T, store *dist.Store, rank, size int) {
	if rank > 0 {
		assert.NoError(t, store.Set(fmt.Sprintf("left/%d", rank), ""))
		return
	}
	for other := 1; other < size; other++ {
		_, _ = store.Get(fmt.Sprintf("left/%d", other), patience/20) // one that has ended says nothing
	}
}

// FreePort is a port that nobody listens at, for rank 0, and 0 for the others.
func FreePort(t *testing.T, g *dist.Group) int64 {
	t.Helper()
	if g.Rank() > 0 {
		return 0
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer l.Close()
	return int64(l.Addr().(*net.TCPAddr).Port)
}

func number(t *testing.T, name string) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv(name))
	require.NoError(t, err, name)
	return n
}
