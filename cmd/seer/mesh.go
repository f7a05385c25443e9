// SPDX-License-Identifier: MIT

package main

import (
	"os"
	"time"

	"github.com/urfave/cli/v2"

	"seer/config"
	"seer/mesh"
	"seer/tasks/launch"
)

// onMesh runs a task with the other processes that a launcher has started for it, or alone. An error of this process is
// told to the others before it leaves them.
func onMesh(c *cli.Context, e *config.Experiment, task func(launch.StartOptions) error) error {
	place, err := mesh.FromEnvironment(os.Getenv)
	if err != nil {
		return err
	}
	m, err := mesh.Join(place, mesh.JoinOptions{
		NormGroup: e.Mesh.BatchNormGroup, First: seconds(e.Mesh.FirstTimeoutSeconds), Later: seconds(e.Mesh.TimeoutSeconds),
	})
	if err != nil {
		return err
	}
	defer m.Close()
	o := launchOptions(c)
	o.Mesh = m
	return m.Failed(task(o))
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
