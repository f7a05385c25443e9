// SPDX-License-Identifier: MIT

// Package spawn starts the processes of a run on one machine and ends them together.
package spawn

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"seer/internal/cpus"
	"seer/mesh"
)

// Processes are what to start: this program N times, with other arguments.
type Processes struct {
	N         int
	Arguments []string
	Errors    io.Writer // what ranks other than 0 write to standard error, a line at a time, with their rank
}

// ExitError is the end of a run by one of its processes. Code is what the launcher should end with.
type ExitError struct {
	Rank, Code int
	Signal     syscall.Signal // that ended the process; 0: none
	Reason     string         // that it gave on standard error; rank 0's is there to be seen
}

// Error names the process and what is known of its end.
func (e *ExitError) Error() string {
	what := fmt.Sprintf("rank %d ended with exit code %d", e.Rank, e.Code)
	if e.Signal != 0 {
		what = fmt.Sprintf("rank %d was ended by signal %d (%v)", e.Rank, int(e.Signal), e.Signal)
		if e.Signal == syscall.SIGKILL {
			what += "; the kernel does that when memory runs out"
		}
	}
	if e.Reason != "" {
		what += ": " + e.Reason
	}
	return what + ". The other processes were ended with it"
}

// grace is how long processes have to end by themselves once one has failed: they find out and say so within the time that
// they look for the culprit. After it they are killed.
const grace = 6 * time.Second

// end is that of one process.
type end struct {
	rank int
	err  error
}

// process is one that runs.
type process struct {
	*exec.Cmd
	errors *lines // nil for rank 0
}

// Run starts the processes and waits for all of them. When ctx ends they are asked to stop, save and end, and have as
// long as they need. When one fails the others are ended: the error names the first.
func Run(ctx context.Context, p Processes) error {
	// A process that loses its parent is told so by the thread that started it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("no port on the loopback interface for the processes to meet: %w", err)
	}
	socket, err := listener.(*net.TCPListener).File()
	if err != nil {
		return errors.Join(err, listener.Close())
	}
	port := listener.Addr().(*net.TCPAddr).Port
	all, ends := make([]*process, 0, p.N), make(chan end, p.N)
	for rank := range p.N {
		started, err := p.start(rank, port, socket)
		if err != nil {
			kill(all)
			return fmt.Errorf("starting rank %d of %d: %w", rank, p.N, errors.Join(err, listener.Close(), socket.Close()))
		}
		all = append(all, started)
		go func() { ends <- end{rank, started.Wait()} }()
	}
	// Rank 0 has its own copy of the socket.
	if err := errors.Join(socket.Close(), listener.Close()); err != nil {
		kill(all)
		return err
	}
	return wait(ctx, all, ends)
}

// start starts one process. The socket of the store goes to rank 0.
func (p Processes) start(rank, port int, socket *os.File) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	c := &process{Cmd: exec.Command(self, p.Arguments...)}
	c.Env = append(os.Environ(), "RANK="+strconv.Itoa(rank), "WORLD_SIZE="+strconv.Itoa(p.N), "LOCAL_RANK="+strconv.Itoa(rank),
		"LOCAL_WORLD_SIZE="+strconv.Itoa(p.N), "MASTER_ADDR=127.0.0.1", "MASTER_PORT="+strconv.Itoa(port))
	if os.Getenv("OMP_NUM_THREADS") == "" { // the processes share the CPUs
		c.Env = append(c.Env, "OMP_NUM_THREADS="+strconv.Itoa(max(cpus.Available().N/p.N, 1)))
	}
	// A group of its own: Ctrl-C comes from here alone, and once.
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if rank == 0 {
		const firstExtra = 3 // behind the standard files
		c.Env = append(c.Env, mesh.ListenerVariable+"="+strconv.Itoa(firstExtra))
		c.ExtraFiles = []*os.File{socket}
		c.Stdout, c.Stderr = os.Stdout, os.Stderr
		return c, c.Start()
	}
	c.errors = &lines{out: p.Errors, prefix: fmt.Sprintf("[rank %d] ", rank)}
	c.Stdout, c.Stderr = c.errors, c.errors
	return c, c.Start()
}

// wait gathers the ends of all processes.
func wait(ctx context.Context, all []*process, ends <-chan end) error {
	var first, asked error
	var deadline <-chan time.Time
	stop := ctx.Done()
	for left := len(all); left > 0; {
		select {
		case <-stop:
			stop = nil
			signal(all, syscall.SIGTERM)
		case <-deadline:
			kill(all)
		case e := <-ends:
			left--
			failure := failed(e, all[e.rank])
			switch {
			case failure == nil:
			case errors.Is(failure, ErrAsked) || errors.Is(failure, mesh.ErrPreempted):
				asked = failure // the others end by themselves, rank 0 after saving
			case first == nil:
				first = failure
				deadline = time.After(grace)
			}
		}
	}
	switch {
	case first != nil:
		return first
	case ctx.Err() != nil:
		return context.Cause(ctx)
	}
	return asked
}

// Exit codes of processes that have stopped as they were asked.
const (
	interrupted = 130
	// Requeue is EX_TEMPFAIL of sysexits.h: somebody needs the place of a process, and the same command, given again, goes on.
	Requeue = 75
)

// ErrAsked says that a process was asked to stop, and the others have stopped with it.
var ErrAsked = errors.New("a process was asked to stop")

// failed is the error of a process that did not end as it should.
func failed(e end, p *process) error {
	var exit *exec.ExitError
	if e.err == nil {
		return nil
	}
	if !errors.As(e.err, &exit) {
		return fmt.Errorf("rank %d: %w", e.rank, e.err)
	}
	status := exit.Sys().(syscall.WaitStatus)
	out := &ExitError{Rank: e.rank, Code: status.ExitStatus()}
	if status.Signaled() {
		out.Signal, out.Code = status.Signal(), 128+int(status.Signal())
	}
	switch out.Code {
	case interrupted:
		return ErrAsked
	case Requeue:
		return mesh.ErrPreempted
	}
	if p.errors != nil {
		out.Reason = p.errors.why()
	}
	return out
}

func signal(all []*process, s syscall.Signal) {
	for _, p := range all {
		_ = p.Process.Signal(s) // one that has ended needs none
	}
}

func kill(all []*process) { signal(all, syscall.SIGKILL) }

// lines passes whole lines on, with a prefix, and keeps the last that is a reason. It is safe for two writers.
type lines struct {
	mu     sync.Mutex
	out    io.Writer
	prefix string
	rest   []byte
	reason string
}

// Write implements io.Writer.
func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.rest = append(l.rest, p...)
	for {
		n, line, err := bufio.ScanLines(l.rest, false)
		if n == 0 || err != nil {
			return len(p), err
		}
		l.rest = l.rest[n:]
		if says(string(line)) {
			l.reason = string(line)
		}
		if _, err := fmt.Fprintf(l.out, "%s%s\n", l.prefix, line); err != nil {
			return len(p), err
		}
	}
}

// says tells a line that gives the reason of an end: this program's, or those of Go's runtime.
func says(line string) bool {
	for _, prefix := range []string{"seer: ", "panic: ", "fatal error: "} {
		if strings.HasPrefix(line, prefix) {
			return true
		}
	}
	return false
}

// why is the last reason.
func (l *lines) why() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.TrimPrefix(l.reason, "seer: ")
}
