// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/mesh/spawn"
	"seer/runfolder"
	"seer/tasks/launch"
	"seer/train"
)

// Rounding alone makes runs differ, and a method that decides sharply makes more of it with every step: one process whose
// threads or memory layout are others is no nearer. These settings let 20 steps pass before it shows, with everything that
// processes have to do together: two resolutions, batch norm in trunk and head, a queue, prototypes that rest.
var calm = []string{
	"optim.batch=12", "optim.base_batch=12", "optim.base_lr=0.005", "train.duration=20it", "run.threads=1", "run.log_every=1it",
	"run.channels_last=off", "swav.epsilon=0.25", "swav.temperature=0.5", "swav.batch_norm=true", "swav.queue_length=24", "swav.queue_start=3it",
	"swav.freeze_prototypes=2it", "crops=[{count=2, size=48, scale=[0.5, 1.0]}, {count=2, size=32, scale=[0.3, 0.6]}]",
}

// launched is a command line of so many processes; of one, without a launcher.
func launched(processes int, command []string, set ...string) []string {
	args := append([]string{}, command...)
	for _, s := range set {
		args = append(args, "--set", s)
	}
	if processes == 1 {
		return args
	}
	return append([]string{"launch", "-n", fmt.Sprint(processes)}, args...)
}

// runs executes a command line as a program.
func runs(t *testing.T, args []string) {
	t.Helper()
	c := program(args...)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	require.NoError(t, c.Start())
	require.Equal(t, 0, exitCode(t, c), out.String())
}

// lossesOf are those of each step of a run.
func lossesOf(t *testing.T, run string) (losses []float64) {
	t.Helper()
	all, err := runfolder.ReadLog[train.Record](filepath.Join(run, runfolder.MetricsLog))
	require.NoError(t, err)
	for _, r := range all {
		if r.Images > 0 { // a step, and not a validation
			losses = append(losses, r.Loss)
		}
	}
	return losses
}

// sameRun compares losses and weights of two runs: each loss, and of each parameter and statistic the largest difference
// against its largest value, within 1e-5.
func sameRun(t *testing.T, want, got string, steps int) {
	t.Helper()
	const tolerance = 1e-5
	wanted, losses := lossesOf(t, want), lossesOf(t, got)
	require.Len(t, wanted, steps)
	require.Len(t, losses, steps)
	worst := 0.0
	for i := range wanted {
		worst = max(worst, math.Abs(losses[i]-wanted[i])/math.Abs(wanted[i]))
		assert.InEpsilon(t, wanted[i], losses[i], tolerance, "loss of step %d", i+1)
	}
	other := weightsOf(t, got)
	furthest, named := 0.0, ""
	for name, w := range weightsOf(t, want) {
		difference, size := 0.0, 0.0
		for i := range w {
			difference, size = max(difference, math.Abs(float64(other[name][i]-w[i]))), max(size, math.Abs(float64(w[i])))
		}
		if size > 0 && difference/size > furthest {
			furthest, named = difference/size, name
		}
	}
	assert.LessOrEqual(t, furthest, tolerance, named)
	t.Logf("losses within %.1e, weights within %.1e (%s)", worst, furthest, named)
}

// weightsOf are the tensors of a run's newest checkpoint, but for integers.
func weightsOf(t *testing.T, run string) map[string][]float32 {
	t.Helper()
	c, err := runfolder.Newest(run, nil)
	require.NoError(t, err)
	file, err := c.Open(runfolder.ModelFile)
	require.NoError(t, err)
	defer file.Close()
	all := map[string][]float32{}
	for _, info := range file.Infos() {
		tensor, err := file.Read(info.Name)
		require.NoError(t, err)
		for i := 0; info.DType == "F32" && i < len(tensor.Data); i += 4 {
			all[info.Name] = append(all[info.Name], math.Float32frombits(binary.LittleEndian.Uint32(tensor.Data[i:])))
		}
	}
	return all
}

func TestPretrainingDoesNotDependOnTheNumberOfProcesses(t *testing.T) {
	experiment, run := experimentFile(t, noise(t))
	for _, n := range []int{1, 2, 4} {
		dir := fmt.Sprint(run, n)
		runs(t, launched(n, []string{"pretrain", experiment}, append(calm, "run.dir="+dir)...))
		if n > 1 {
			sameRun(t, run+"1", dir, 20)
		}
	}
	for _, name := range []string{"rank-0000.json", "rank-0001.json", "rank-0001.log", "rank-0003.log"} {
		assert.FileExists(t, filepath.Join(run+"4", launch.RanksDir, name))
	}
	log, err := os.ReadFile(filepath.Join(run+"4", launch.RanksDir, "rank-0003.log"))
	require.NoError(t, err)
	assert.Contains(t, string(log), "step 20/20")
}

func TestFinetuningDoesNotDependOnTheNumberOfProcesses(t *testing.T) {
	images := coloured(t, 36)
	experiment, run := experimentFile(t, images)
	set := []string{
		"optim.batch=12", "optim.base_batch=12", "optim.base_lr=1e-4", "train.duration=20it", "run.threads=1", "run.log_every=1it",
		"run.channels_last=off", "crops=[{count=1, size=48, scale=[0.5, 1.0]}]", "finetune.val=" + images, "finetune.validate_every=10it",
		"finetune.ema=0.9", "optim.adaptation=none", "run.seed=1", // a draw without an activation so near to zero that rounding decides its ReLU
	}
	for _, n := range []int{1, 2, 4} {
		dir := fmt.Sprint(run, n)
		runs(t, launched(n, []string{"finetune", experiment, "--random-init"}, append(set, "run.dir="+dir)...))
		if n > 1 {
			sameRun(t, run+"1", dir, 20)
		}
	}
}

// Momentum that is divided among processes changes no bit of a run or of its checkpoints, which another number of processes,
// and one without it, continues.
func TestDividedMomentumChangesNothing(t *testing.T) {
	experiment, run := experimentFile(t, noise(t))
	divided := append(calm, "mesh.shard_momentum=true", "run.checkpoint_every=7it", "run.keep_best=true", "probe.every=5it", "probe.images=12")
	runs(t, launched(2, []string{"pretrain", experiment}, append(calm, "run.dir="+run+"-plain")...))
	runs(t, launched(2, []string{"pretrain", experiment}, append(divided, "run.dir="+run+"-divided")...))
	sameBits(t, run+"-plain", run+"-divided")
	for i, n := range []int{2, 4} { // stopped twice
		c := program(launched(n, []string{"pretrain", experiment}, append(divided, "run.dir="+run)...)...)
		var said bytes.Buffer
		c.Stdout, c.Stderr = &said, &said
		require.NoError(t, c.Start())
		awaitSteps(t, run, 4+4*i)
		require.NoError(t, c.Process.Signal(syscall.SIGTERM))
		require.Equal(t, spawn.Requeue, exitCode(t, c), said.String())
		savedWhole(t, run)
	}
	runs(t, launched(1, []string{"pretrain", experiment}, append(divided, "run.dir="+run)...))
	sameRun(t, run+"-plain", run, 20)
}

// sameBits compares weights and momentum of two runs.
func sameBits(t *testing.T, want, got string) {
	t.Helper()
	for _, name := range []string{runfolder.ModelFile, runfolder.OptimizerFile} {
		sums := make([][32]byte, 2)
		for i, run := range []string{want, got} {
			c, err := runfolder.Newest(run, nil)
			require.NoError(t, err)
			content, err := os.ReadFile(filepath.Join(c.Dir, name))
			require.NoError(t, err)
			sums[i] = sha256.Sum256(content)
		}
		assert.Equal(t, sums[0], sums[1], name)
	}
}

// Passes over parts of a batch learn what so many processes learn, whose batch norms are each by itself.
func TestAccumulationLearnsWhatProcessesLearn(t *testing.T) {
	images := coloured(t, 36)
	experiment, run := experimentFile(t, images)
	set := []string{
		"optim.batch=12", "optim.base_batch=12", "optim.base_lr=1e-4", "train.duration=20it", "run.threads=1", "run.log_every=1it",
		"run.channels_last=off", "crops=[{count=1, size=48, scale=[0.5, 1.0]}]", "finetune.val=" + images, "finetune.validate_every=10it",
		"optim.adaptation=none", "run.seed=1",
	}
	runs(t, launched(2, []string{"finetune", experiment, "--random-init"}, append(set, "mesh.batch_norm_group=1", "run.dir="+run+"-processes")...))
	runs(t, launched(1, []string{"finetune", experiment, "--random-init"}, append(set, "train.accumulate=2", "run.dir="+run+"-passes")...))
	wanted, losses := lossesOf(t, run+"-processes"), lossesOf(t, run+"-passes")
	require.Len(t, losses, 20)
	assert.InEpsilonSlice(t, wanted, losses, 1e-5)
	other := weightsOf(t, run+"-passes")
	for name, w := range weightsOf(t, run+"-processes") {
		if !strings.Contains(name, "running_") { // a process has seen its part only
			largest := 0.0
			for i := range w {
				largest = max(largest, math.Abs(float64(w[i]-other[name][i])))
			}
			assert.LessOrEqual(t, largest, 1e-5, name)
		}
	}
	code, _, stderr := runProgram(t, "finetune", experiment, "--random-init", "--set", "train.accumulate=5", "--set", "optim.batch=12",
		"--set", "crops=[{count=1, size=48, scale=[0.5, 1.0]}]", "--set", "finetune.val="+images, "--set", "run.dir="+run+"-uneven")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "train.accumulate = 5: must divide the 12 images")
	code, _, stderr = runProgram(t, "pretrain", experiment, "--set", "train.accumulate=2")
	assert.Equal(t, 1, code)
	assert.Contains(t, stderr, "train.accumulate = 2: SwAV assigns the images of a whole batch together")
}

// A run that was begun by two processes is continued by four and then by one.
func TestARunIsContinuedByAnotherNumberOfProcesses(t *testing.T) {
	experiment, run := experimentFile(t, noise(t))
	whole := append(calm, "run.dir="+run+"-whole")
	runs(t, launched(1, []string{"pretrain", experiment}, whole...))
	c := program(launched(2, []string{"pretrain", experiment}, append(calm, "run.dir="+run)...)...)
	require.NoError(t, c.Start())
	awaitSteps(t, run, 4)
	require.NoError(t, c.Process.Signal(syscall.SIGTERM))
	require.Equal(t, spawn.Requeue, exitCode(t, c))
	stopped := len(lossesOf(t, run))
	require.Less(t, stopped, 20)
	c = program(launched(4, []string{"pretrain", experiment}, append(calm, "run.dir="+run)...)...)
	require.NoError(t, c.Start())
	awaitSteps(t, run, stopped+3)
	require.NoError(t, c.Process.Signal(syscall.SIGTERM))
	require.Equal(t, spawn.Requeue, exitCode(t, c))
	runs(t, launched(1, []string{"pretrain", experiment}, append(calm, "run.dir="+run)...))
	sameRun(t, run+"-whole", run, 20)
}

// ends runs an endless run of two processes, does something to it, and returns its exit code and what it said.
func ends(t *testing.T, disturb func(run string, pids []int), set ...string) (code int, said, run string) {
	t.Helper()
	args, run := endless(t)
	for _, s := range set {
		args = append(args, "--set", s)
	}
	c := program(append([]string{"launch", "-n", "2"}, args...)...)
	var out bytes.Buffer
	c.Stdout, c.Stderr = &out, &out
	require.NoError(t, c.Start())
	awaitSteps(t, run, 3)
	begun := time.Now()
	disturb(run, ranks(t, run))
	code = exitCode(t, c)
	assert.Less(t, time.Since(begun), 13*time.Second, out.String()) // ten, and three of a time-out
	return code, out.String(), run
}

// ranks are the processes of a run, which say so in its folder.
func ranks(t *testing.T, run string) (pids []int) {
	t.Helper()
	for rank := range 2 {
		text, err := os.ReadFile(filepath.Join(run, launch.RanksDir, fmt.Sprintf("rank-%04d.json", rank)))
		require.NoError(t, err)
		var pid int
		_, behind, _ := strings.Cut(string(text), `"pid":`)
		_, err = fmt.Sscanf(behind, "%d", &pid)
		require.NoError(t, err)
		pids = append(pids, pid)
	}
	return pids
}

func TestAKilledProcessEndsTheOthersAndIsNamed(t *testing.T) {
	for rank, want := range []string{"rank 0 was ended by signal 9", "rank 1 was ended by signal 9"} {
		code, said, _ := ends(t, func(_ string, pids []int) { require.NoError(t, syscall.Kill(pids[rank], syscall.SIGKILL)) })
		assert.Equal(t, 1, code)
		assert.Contains(t, said, want)
	}
}

// A signal to one process has all of them stop, and saves; what launched them ends with the code of the one that was asked.
func TestASignalToOneProcessSavesTheRun(t *testing.T) {
	for signal, want := range map[syscall.Signal]int{syscall.SIGINT: 130, syscall.SIGUSR1: spawn.Requeue} {
		code, said, run := ends(t, func(_ string, pids []int) { require.NoError(t, syscall.Kill(pids[1], signal)) })
		assert.Equal(t, want, code, said)
		savedWhole(t, run)
	}
}

// A process whose others never come stops when it is asked to.
func TestAProcessThatWaitsForTheOthersStops(t *testing.T) {
	args, run := endless(t)
	c := program(args...)
	c.Env = append(c.Env, "RANK=1", "WORLD_SIZE=2", "MASTER_ADDR=127.0.0.1", fmt.Sprint("MASTER_PORT=", freePort(t)))
	require.NoError(t, c.Start())
	time.Sleep(2 * time.Second) // until it waits; earlier, the signal ends it as it ends any program
	require.NoError(t, c.Process.Signal(syscall.SIGTERM))
	assert.Contains(t, []int{spawn.Requeue, -int(syscall.SIGTERM)}, exitCode(t, c))
	assert.NoDirExists(t, run)
}

func TestAProcessThatHangsIsNamed(t *testing.T) {
	code, said, run := ends(t, func(_ string, pids []int) {
		require.NoError(t, syscall.Kill(pids[1], syscall.SIGSTOP))
	}, "mesh.timeout_seconds=2")
	assert.Equal(t, 1, code)
	assert.Contains(t, said, "rank 1 of 2 does not answer: it was killed, its machine is gone, or it hangs")
	assert.FileExists(t, filepath.Join(run, launch.RanksDir, "rank-0001.json"), "its last step")
}

func TestSettingsThatSeveralProcessesCannotHaveAreRefused(t *testing.T) {
	experiment, run := experimentFile(t, coloured(t, 24))
	for _, c := range []struct {
		set  []string
		want []string
	}{
		{[]string{"optim.batch=9"}, []string{"optim.batch = 9: must be over 0 and divide by the 2 processes"}},
		{[]string{"mesh.batch_norm_group=2", "data.refresh=1ep"}, []string{"data.refresh", "are for runs of one process, and this one has 2"}},
	} {
		code, _, stderr := runProgram(t, launched(2, []string{"pretrain", experiment}, append(c.set, "run.dir="+run)...)...)
		assert.Equal(t, 1, code)
		for _, want := range c.want {
			assert.Contains(t, stderr, want)
		}
		assert.NoDirExists(t, run, "a start that is refused leaves nothing")
	}
}

// runProgram executes a command line as a program and returns what it wrote.
func runProgram(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	c := program(args...)
	var out, err bytes.Buffer
	c.Stdout, c.Stderr = &out, &err
	require.NoError(t, c.Start())
	return exitCode(t, c), out.String(), err.String()
}

func TestLaunchSaysWhatItTakes(t *testing.T) {
	for want, args := range map[string][]string{
		"launch takes the number of processes and a command":    {"pretrain", "x.toml"},
		"launch -n 0: the number of processes is from 1":        {"-n", "0", "pretrain", "x.toml"},
		"launch knn: several processes do pretrain or finetune": {"-n", "2", "knn", "x"},
	} {
		_, _, err := launchArguments(args)
		assert.ErrorContains(t, err, want)
	}
	n, command, err := launchArguments([]string{"-n=3", "pretrain", "x.toml", "--set", "a=b"})
	require.NoError(t, err)
	assert.Equal(t, 3, n)
	assert.Equal(t, []string{"pretrain", "x.toml", "--set", "a=b"}, command)
}
