// SPDX-License-Identifier: MIT

package mesh

import (
	"fmt"
	"strconv"
	"strings"
)

// Place is where a process stands among those of a run, as its launcher says.
type Place struct {
	Rank, World int // this process, and how many there are
	// Local is the process's number on its machine, which has LocalWorld of them.
	Local, LocalWorld int
	// Host and Port are where the processes meet: on the machine of rank 0.
	Host string
	Port int
	// Served says that the launcher serves the store there, and not rank 0 (torchrun).
	Served bool
	// Listener is the descriptor of a socket that listens at the port, which rank 0 got from its launcher; 0: none.
	Listener int
	// Attempt tells a restart from the start before it, where both meet in one store.
	Attempt string
}

// The variable by which seer launch hands a listening socket to rank 0.
const ListenerVariable = "SEER_STORE_FD"

// Alone tells a run of one process.
func (p Place) Alone() bool { return p.World <= 1 }

// Machines is on how many machines the run is, if all have as many processes.
func (p Place) Machines() int { return max(p.World/max(p.LocalWorld, 1), 1) }

// String names the process for people.
func (p Place) String() string { return fmt.Sprintf("rank %d of %d", p.Rank, p.World) }

// variables reads numbers of the environment; the first that is none is the error.
type variables struct {
	get func(string) string
	err error
}

// number is the value of the first of the names that is set, or otherwise.
func (v *variables) number(otherwise int, names ...string) int {
	for _, name := range names {
		text := v.get(name)
		if text == "" {
			continue
		}
		n, err := strconv.Atoi(text)
		if (err != nil || n < 0) && v.err == nil {
			v.err = fmt.Errorf("the environment variable %s is %q: the launcher should have set it to a number from 0", name, text)
		}
		return n
	}
	return otherwise
}

// FromEnvironment reads the place that a launcher gave this process; without one it is alone. get is os.Getenv.
func FromEnvironment(get func(string) string) (Place, error) {
	v := &variables{get: get}
	var p Place
	switch {
	case get("RANK") != "" && get("WORLD_SIZE") != "":
		p = v.torchrun()
	case get("SLURM_PROCID") != "" && get("SLURM_STEP_NUM_TASKS") != "":
		p = v.slurm()
	default:
		return Place{World: 1, LocalWorld: 1}, nil
	}
	if v.err != nil {
		return p, v.err
	}
	return p, p.check()
}

// torchrun's variables are also those of PyTorchJob, which has no local ones, and of seer launch.
func (v *variables) torchrun() Place {
	return Place{
		Rank: v.number(0, "RANK"), World: v.number(1, "WORLD_SIZE"),
		Local: v.number(0, "LOCAL_RANK"), LocalWorld: v.number(1, "LOCAL_WORLD_SIZE"),
		Host: v.get("MASTER_ADDR"), Port: v.number(0, "MASTER_PORT"),
		Served:   v.get("TORCHELASTIC_USE_AGENT_STORE") == "True",
		Listener: v.number(0, ListenerVariable), Attempt: v.get("TORCHELASTIC_RESTART_COUNT"),
	}
}

// SLURM's own ports for a job's processes: jobs that share a machine must not meet each other.
const slurmPorts, slurmFirstPort = 20000, 20000

// slurm reads what srun sets for each task of a step. Without MASTER_ADDR they meet on the first host of the step.
func (v *variables) slurm() Place {
	p := Place{
		Rank: v.number(0, "SLURM_PROCID"), World: v.number(1, "SLURM_STEP_NUM_TASKS"),
		Local: v.number(0, "SLURM_LOCALID"), LocalWorld: v.number(1, "SLURM_NTASKS_PER_NODE"),
		Host: v.get("MASTER_ADDR"), Port: v.number(slurmFirstPort+v.number(0, "SLURM_JOB_ID")%slurmPorts, "MASTER_PORT"),
		Attempt: v.get("SLURM_STEP_ID"),
	}
	if p.Host == "" {
		p.Host = firstHost(v.get("SLURM_STEP_NODELIST"))
	}
	return p
}

// firstHost is the first name of a list as SLURM writes it: "node[003-006,9],login" begins with node003.
func firstHost(list string) string {
	name, rest, bracket := strings.Cut(list, "[")
	if comma := strings.IndexByte(name, ','); comma >= 0 || !bracket {
		first, _, _ := strings.Cut(name, ",")
		return first
	}
	inside, behind, _ := strings.Cut(rest, "]")
	end := strings.IndexAny(inside, ",-")
	if end < 0 {
		end = len(inside)
	}
	suffix, _, _ := strings.Cut(behind, ",")
	return name + inside[:end] + suffix
}

func (p Place) check() error {
	switch {
	case p.World < 1 || p.Rank >= p.World:
		return fmt.Errorf("the launcher's variables say rank %d of %d processes: ranks are numbers below that of the processes", p.Rank, p.World)
	case p.Alone():
		return nil
	case p.Host == "" || p.Port < 1 || p.Port > 65535:
		return fmt.Errorf("this is %v, and the environment does not say where they meet: MASTER_ADDR is %q and MASTER_PORT %d; "+
			"set them to the host of rank 0 and a port that is free there", p, p.Host, p.Port)
	}
	return nil
}
