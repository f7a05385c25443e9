// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"seer/mesh/spawn"
)

// launchable are the commands that several processes do together.
var launchable = []string{"pretrain", "finetune"}

func launchCommand() *cli.Command {
	return &cli.Command{
		Name:      "launch",
		Usage:     "run a command in several processes of this machine",
		ArgsUsage: "-n N pretrain|finetune FILE.toml …",
		Description: "Starts N processes of seer that train together, each on its part of every batch (optim.batch is that of all).\n" +
			"The first one speaks; the others leave their messages in the folder ranks of the run folder. Signals go to all of\n" +
			"them. When one fails, the rest end within ten seconds, and which and why is said. The result does not depend on N,\n" +
			"and a run may be continued with another. Across machines the launcher is torchrun, srun or a PyTorchJob:\n" +
			"docs/scale.md.\n\nExamples:\n" +
			"   seer launch -n 2 pretrain experiments/quickstart.toml\n" +
			"   seer launch -n 4 pretrain mine.toml --set data.source=/data/images",
		// What follows belongs to the command that is launched.
		SkipFlagParsing: true,
		Action:          runLaunch,
	}
}

func runLaunch(c *cli.Context) error {
	n, command, err := launchArguments(c.Args().Slice())
	if err != nil {
		return err
	}
	if n == 0 {
		return cli.ShowSubcommandHelp(c)
	}
	fmt.Fprintf(c.App.ErrWriter, "Starting %d processes of seer %s on this machine\n", n, command[0])
	return spawn.Run(c.Context, spawn.Processes{N: n, Arguments: command, Errors: c.App.ErrWriter})
}

// launchArguments takes -n N from the front; 0 processes ask for help.
func launchArguments(args []string) (n int, command []string, err error) {
	if len(args) > 0 && slices.Contains([]string{"-h", "--help"}, args[0]) {
		return 0, nil, nil
	}
	if len(args) > 0 {
		if value, joined := strings.CutPrefix(args[0], "-n="); joined {
			args = slices.Concat([]string{"-n", value}, args[1:])
		}
	}
	if len(args) > 0 && strings.HasPrefix(args[0], "-") && args[0] != "-n" {
		return 0, nil, fmt.Errorf("launch: unknown flag %s; -n is the only one before the command, whose own flags follow it", args[0])
	}
	if len(args) < 3 || args[0] != "-n" {
		return 0, nil, fmt.Errorf("launch takes the number of processes and a command: seer launch -n 2 pretrain FILE.toml")
	}
	if _, err := fmt.Sscanf(args[1], "%d", &n); err != nil || n < 1 || n > 1024 {
		return 0, nil, fmt.Errorf("launch -n %s: the number of processes is from 1 to 1024", args[1])
	}
	if command = args[2:]; !slices.Contains(launchable, command[0]) {
		return 0, nil, fmt.Errorf("launch %s: several processes do %s together, everything else is done by one", command[0], strings.Join(launchable, " or "))
	}
	return n, command, nil
}
