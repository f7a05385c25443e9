// SPDX-License-Identifier: MIT

package cpus

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// childEnv makes the test binary print what it found: affinity and GOMAXPROCS are those of a process.
const childEnv = "SEER_TEST_CPUS"

func TestMain(m *testing.M) {
	if os.Getenv(childEnv) != "" {
		fmt.Printf("%v; %v; %v", Available(), Threads(), Workers())
		return
	}
	os.Exit(m.Run())
}

// found is what a child with these variables prints.
func found(t *testing.T, env ...string) string {
	t.Helper()
	child := exec.Command(os.Args[0])
	for _, v := range os.Environ() {
		if !strings.HasPrefix(v, "OMP_") && !strings.HasPrefix(v, "MKL_") && !strings.HasPrefix(v, "GOMAXPROCS=") {
			child.Env = append(child.Env, v)
		}
	}
	child.Env = append(append(child.Env, childEnv+"=1"), env...)
	out, err := child.Output()
	require.NoError(t, err)
	return string(out)
}

func TestThreadsFollowTheEnvironment(t *testing.T) {
	for value, want := range map[string]int{"1": 1, "7": 7, " 3": 3, "4,2": 4} {
		t.Setenv("OMP_NUM_THREADS", value)
		assert.Equal(t, Count{want, "OMP_NUM_THREADS"}, Threads(), value)
	}
	t.Setenv("MKL_NUM_THREADS", "5")
	for _, nonsense := range []string{"", "0", "-2", "many"} {
		t.Setenv("OMP_NUM_THREADS", nonsense)
		assert.Equal(t, Count{5, "MKL_NUM_THREADS"}, Threads(), nonsense)
	}
	t.Setenv("MKL_NUM_THREADS", "")
	assert.Equal(t, Available(), Threads())
	t.Setenv("OMP_NUM_THREADS", "1")
	assert.Equal(t, Available(), Workers(), "OpenMP's threads are not the loader's")
}

func TestAvailableFollowsGOMAXPROCSAndAffinity(t *testing.T) {
	if runtime.NumCPU() < 2 {
		t.Skip("one CPU: nothing can be taken away")
	}
	assert.Equal(t, "1 (GOMAXPROCS); 1 (GOMAXPROCS); 1 (GOMAXPROCS)", found(t, "GOMAXPROCS=1"))
	assert.Equal(t, "1 (GOMAXPROCS); 6 (OMP_NUM_THREADS); 1 (GOMAXPROCS)", found(t, "GOMAXPROCS=1", "OMP_NUM_THREADS=6"))
	assert.NotContains(t, found(t, "GOMAXPROCS=999"), "999", "there are no more CPUs than there are")

	runtime.LockOSThread() // and never unlocked: the thread ends with its mask
	var one unix.CPUSet
	var mask unix.CPUSet
	require.NoError(t, unix.SchedGetaffinity(0, &mask))
	for cpu := range 1024 {
		if mask.IsSet(cpu) {
			one.Set(cpu)
			break
		}
	}
	require.NoError(t, unix.SchedSetaffinity(0, &one)) // a child inherits the mask of the thread that starts it
	assert.Contains(t, found(t), "1 (CPU affinity, of ")
}

func TestOneCPUOfAContainer(t *testing.T) {
	const v1, v2 = "3:cpuset:/\n2:cpu,cpuacct:/docker/ab\n", "0::/user.slice/job\n"
	one := map[string]string{"cpu.cfs_quota_us": "100000\n", "cpu.cfs_period_us": "100000\n"}
	for name, c := range map[string]struct {
		groups, dir string
		files       map[string]string
		want        bool
	}{
		"one":                    {v2, "user.slice/job", map[string]string{"cpu.max": "100000 100000\n"}, true},
		"half of one, around it": {v2, "user.slice", map[string]string{"cpu.max": "50000 100000\n"}, true},
		"beside older groups":    {v2, "unified/user.slice/job", map[string]string{"cpu.max": "50000 100000\n"}, true},
		"of the host":            {v2, "", map[string]string{"cpu.max": "50000 100000\n"}, true},
		"one and a half":         {v2, "user.slice/job", map[string]string{"cpu.max": "150000 100000\n"}, false},
		"no limit":               {v2, "user.slice/job", map[string]string{"cpu.max": "max 100000\n"}, false},
		"another group":          {v2, "user.slice/other", map[string]string{"cpu.max": "50000 100000\n"}, false},
		"old":                    {v1, "cpu/docker/ab", one, true},
		"old, inside":            {v1, "cpu", one, true},
		"old, no limit":          {v1, "cpu/docker/ab", map[string]string{"cpu.cfs_quota_us": "-1\n", "cpu.cfs_period_us": "100000\n"}, false},
		"nothing":                {"", "", nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			for name, text := range c.files {
				path := filepath.Join(root, c.dir, name)
				require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
				require.NoError(t, os.WriteFile(path, []byte(text), 0o644))
			}
			assert.Equal(t, c.want, oneCPU(root, c.groups))
		})
	}
}
