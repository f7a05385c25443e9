// SPDX-License-Identifier: MIT

package main

import (
	"context"
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
	m, err := join(c.Context, place, mesh.JoinOptions{
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

// join waits for the other processes, unless somebody asks this one to stop: they may never come, and there is nothing to save.
func join(ctx context.Context, place mesh.Place, o mesh.JoinOptions) (*mesh.Mesh, error) {
	var m *mesh.Mesh
	joined := make(chan error, 1)
	go func() (err error) {
		defer func() { joined <- err }()
		m, err = mesh.Join(place, o)
		return err
	}()
	select {
	case err := <-joined:
		return m, err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
