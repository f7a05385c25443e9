// SPDX-License-Identifier: MIT

// Package cpus says how many CPUs this process may use, and what follows for threads and workers where an experiment
// leaves that open: run.threads = 0 and data.workers = 0.
package cpus

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// Count is a number with its origin, for people who wonder about it.
type Count struct {
	N    int
	From string
}

// String is the number, and in brackets where it comes from.
func (c Count) String() string { return fmt.Sprintf("%d (%s)", c.N, c.From) }

// Available is how many CPUs this process may use at once: those of the machine, or fewer where its affinity mask, the
// limit of its container or GOMAXPROCS says so.
func Available() Count {
	all := runtime.NumCPU()
	c := Count{all, "the machine's CPUs"}
	if on := online(); on > all {
		c.From = fmt.Sprintf("CPU affinity, of %d", on)
	}
	procs := runtime.GOMAXPROCS(0)
	if value := os.Getenv("GOMAXPROCS"); value != "" {
		if procs < all {
			return Count{procs, "GOMAXPROCS"}
		}
		return c
	}
	// Go reads the limits of control groups, of every level and both versions, but never goes below two.
	if groups, err := os.ReadFile("/proc/self/cgroup"); err == nil && procs <= 2 && oneCPU("/sys/fs/cgroup", string(groups)) {
		procs = 1
	}
	if procs < all {
		return Count{procs, fmt.Sprintf("the container's CPU limit, of %d", all)}
	}
	return c
}

// Threads is how many threads a CPU operation of libtorch uses unless run.threads says so: those that the environment
// asks for, as libtorch itself reads it (torchrun sets OMP_NUM_THREADS to 1), else one for each CPU.
func Threads() Count {
	for _, name := range []string{"OMP_NUM_THREADS", "MKL_NUM_THREADS"} {
		// OpenMP allows a list, with a number for each level of nesting.
		first, _, _ := strings.Cut(os.Getenv(name), ",")
		if n, err := strconv.Atoi(strings.TrimSpace(first)); err == nil && n > 0 {
			return Count{n, name}
		}
	}
	return Available()
}

// Workers is how many goroutines read and decode unless data.workers says so: one for each CPU. The threads of libtorch
// do not count, because whoever waits for batches does not compute meanwhile.
func Workers() Count { return Available() }

// online counts the CPUs that the machine runs, 0 where that cannot be told.
func online() int {
	text, err := os.ReadFile("/sys/devices/system/cpu/online")
	if err != nil {
		return 0
	}
	n := 0
	for part := range strings.SplitSeq(strings.TrimSpace(string(text)), ",") {
		from, to, found := strings.Cut(part, "-")
		if !found {
			to = from
		}
		low, err1 := strconv.Atoi(from)
		high, err2 := strconv.Atoi(to)
		if err1 != nil || err2 != nil {
			return 0
		}
		n += high - low + 1
	}
	return n
}

// oneCPU tells a process that its control group, or one around it, holds to one CPU or less. groups is the text of
// /proc/self/cgroup, root where the groups are mounted.
func oneCPU(root, groups string) bool {
	for line := range strings.Lines(groups) {
		_, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		controllers, group, _ := strings.Cut(rest, ":")
		switch {
		case controllers == "":
			if held(root, group) || held(filepath.Join(root, "unified"), group) {
				return true
			}
		case slices.Contains(strings.Split(controllers, ","), "cpu"):
			if held(filepath.Join(root, "cpu"), group) {
				return true
			}
		}
	}
	return false
}

// held looks at a group and all around it. In a container the path may be that of the host, and only the top is there.
func held(mount, group string) bool {
	for {
		if quotaOf(filepath.Join(mount, group)) <= 1 {
			return true
		}
		if group == "/" || group == "." || group == "" {
			return false
		}
		group = filepath.Dir(group)
	}
}

// quotaOf is the CPUs that a group may use on average, in either version's files; infinite without a limit.
func quotaOf(dir string) float64 {
	quota, period := numberIn(filepath.Join(dir, "cpu.cfs_quota_us")), numberIn(filepath.Join(dir, "cpu.cfs_period_us"))
	if text, err := os.ReadFile(filepath.Join(dir, "cpu.max")); err == nil {
		if fields := strings.Fields(string(text)); len(fields) == 2 {
			quota, period = number(fields[0]), number(fields[1]) // "max 100000" is no limit
		}
	}
	if quota > 0 && period > 0 {
		return quota / period
	}
	return math.Inf(1)
}

func numberIn(path string) float64 {
	text, err := os.ReadFile(path)
	if err != nil {
		return math.NaN()
	}
	return number(strings.TrimSpace(string(text)))
}

func number(text string) float64 {
	n, err := strconv.ParseFloat(text, 64)
	if err != nil {
		return math.NaN()
	}
	return n
}
