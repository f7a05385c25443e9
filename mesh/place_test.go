// SPDX-License-Identifier: MIT

package mesh

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func environment(values map[string]string) func(string) string {
	return func(name string) string { return values[name] }
}

func TestPlacesOfLaunchers(t *testing.T) {
	for name, c := range map[string]struct {
		environment map[string]string
		want        Place
	}{
		"none": {nil, Place{World: 1, LocalWorld: 1}},
		"torchrun": {map[string]string{
			"RANK": "5", "WORLD_SIZE": "16", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "4", "MASTER_ADDR": "node7", "MASTER_PORT": "29500",
			"TORCHELASTIC_USE_AGENT_STORE": "True", "TORCHELASTIC_RESTART_COUNT": "2",
		}, Place{Rank: 5, World: 16, Local: 1, LocalWorld: 4, Host: "node7", Port: 29500, Served: true, Attempt: "2"}},
		"PyTorchJob": {map[string]string{"RANK": "1", "WORLD_SIZE": "3", "MASTER_ADDR": "job-master-0", "MASTER_PORT": "23456"},
			Place{Rank: 1, World: 3, LocalWorld: 1, Host: "job-master-0", Port: 23456}},
		"srun": {map[string]string{
			"SLURM_PROCID": "9", "SLURM_STEP_NUM_TASKS": "16", "SLURM_LOCALID": "1", "SLURM_NTASKS_PER_NODE": "8", "SLURM_JOB_ID": "1234567",
			"SLURM_STEP_NODELIST": "gpu[012-013]", "SLURM_STEP_ID": "0",
		}, Place{Rank: 9, World: 16, Local: 1, LocalWorld: 8, Host: "gpu012", Port: 34567, Attempt: "0"}},
		"a batch script, which is one process of its job": {map[string]string{"SLURM_PROCID": "0", "SLURM_NTASKS": "16"}, Place{World: 1, LocalWorld: 1}},
		"torchrun with one process":                       {map[string]string{"RANK": "0", "WORLD_SIZE": "1", "LOCAL_WORLD_SIZE": "1"}, Place{World: 1, LocalWorld: 1}},
	} {
		got, err := FromEnvironment(environment(c.environment))
		require.NoError(t, err, name)
		assert.Equal(t, c.want, got, name)
	}
}

func TestPlacesThatMakeNoSenseAreRefused(t *testing.T) {
	for want, values := range map[string]map[string]string{
		`RANK is "x"`:                {"RANK": "x", "WORLD_SIZE": "2", "MASTER_ADDR": "a", "MASTER_PORT": "1"},
		"rank 2 of 2 processes":      {"RANK": "2", "WORLD_SIZE": "2", "MASTER_ADDR": "a", "MASTER_PORT": "1"},
		`MASTER_ADDR is ""`:          {"RANK": "1", "WORLD_SIZE": "2", "MASTER_PORT": "1"},
		"MASTER_PORT 70000; set":     {"RANK": "1", "WORLD_SIZE": "2", "MASTER_ADDR": "a", "MASTER_PORT": "70000"},
		`WORLD_SIZE is "-1": the la`: {"RANK": "0", "WORLD_SIZE": "-1"},
	} {
		_, err := FromEnvironment(environment(values))
		assert.ErrorContains(t, err, want)
	}
}

func TestFirstHostOfAList(t *testing.T) {
	for list, want := range map[string]string{
		"node1": "node1", "node1,node2": "node1", "node[3-6]": "node3", "node[003,005]": "node003", "a,b[1-2]": "a",
		"rack[1-2]-n": "rack1-n", "n[7],m": "n7", "": "",
	} {
		assert.Equal(t, want, firstHost(list), list)
	}
}

func TestMachinesOfAPlace(t *testing.T) {
	assert.Equal(t, 1, Place{World: 1, LocalWorld: 1}.Machines())
	assert.Equal(t, 1, Place{World: 4, LocalWorld: 4}.Machines())
	assert.Equal(t, 8, Place{World: 64, LocalWorld: 8}.Machines())
}
