// SPDX-License-Identifier: MIT

// Package resident tells how much memory this process holds, and how much there is, from the kernel's account.
package resident

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Now is the resident memory in bytes, 0 where the kernel does not tell.
func Now() int64 { return status("VmRSS:") }

// Peak is the largest resident memory so far in bytes, 0 where the kernel does not tell.
func Peak() int64 { return status("VmHWM:") }

func status(key string) int64 {
	data, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, key); ok {
			kb, _ := strconv.ParseInt(strings.Fields(rest)[0], 10, 64)
			return kb << 10
		}
	}
	return 0
}

// Machine is the memory of this machine and how much of it is free, in bytes: the kernel's account, or a container's
// limit where that is lower.
func Machine() (total, free int64, err error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, 0, err
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		kb, _ := strconv.ParseInt(fields[1], 10, 64)
		switch fields[0] {
		case "MemTotal:":
			total = kb << 10
		case "MemAvailable:":
			free = kb << 10
		}
	}
	if limit, err := cgroup("memory.max"); err == nil && limit < total {
		used, err := cgroup("memory.current")
		if err == nil {
			total, free = limit, min(free, limit-used+cachedFiles())
		}
	}
	return total, free, nil
}

// cgroup reads a number of the container that this process runs in (cgroup v2 inside a container).
func cgroup(name string) (int64, error) {
	text, err := os.ReadFile(filepath.Join("/sys/fs/cgroup", name))
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
}

// cachedFiles counts as used in a container's account, and is given up when memory is asked for.
func cachedFiles() int64 {
	text, err := os.ReadFile("/sys/fs/cgroup/memory.stat")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		if n, ok := strings.CutPrefix(line, "inactive_file "); ok {
			bytes, _ := strconv.ParseInt(strings.TrimSpace(n), 10, 64)
			return bytes
		}
	}
	return 0
}
