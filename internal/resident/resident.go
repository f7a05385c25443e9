// SPDX-License-Identifier: MIT

// Package resident tells how much memory this process holds, from the kernel's account.
package resident

import (
	"os"
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
