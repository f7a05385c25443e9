// SPDX-License-Identifier: MIT

package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/urfave/cli/v2"

	"seer/config"
	"seer/tasks/launch"
	"seer/tasks/pretrain"
)

func pretrainCommand() *cli.Command {
	return &cli.Command{
		Name:      "pretrain",
		Usage:     "train a trunk on images without labels",
		ArgsUsage: "FILE.toml | DIR",
		Description: "Runs the experiment of a TOML file and keeps everything in its run folder (run.dir). Of a folder of images it\n" +
			"takes the settings that seer recipe chooses, for a run of --hours, and keeps them in the run folder, runs/ and the\n" +
			"folder's name, as recipe.toml. Ctrl-C, SIGTERM or\n" +
			"SIGHUP saves a checkpoint and stops, a second one stops at once; status 75 after SIGTERM or SIGUSR1 says that a\n" +
			"batch system shall start it again. The same command continues where a run stopped, also after a crash. One whose\n" +
			"loss is no longer finite can go back, with another rate or order:\n" +
			"--from-checkpoint.\n\nExamples:\n" +
			"   seer pretrain DIR --hours=8\n" +
			"   seer pretrain experiments/quickstart.toml\n" +
			"   seer pretrain experiments/seer_regnety_16gf.toml --set data.source=/data/images --set optim.batch=256\n" +
			"   seer pretrain mine.toml --set run.dir=runs/second-try --set 'swav.hidden=[512, 512]'\n" +
			"   seer pretrain mine.toml --from-checkpoint previous --set run.seed=1",
		Flags: []cli.Flag{
			setFlag(),
			fromCheckpointFlag(),
			hoursFlag(),
			&cli.BoolFlag{Name: "resume", Value: true, Usage: "continue what run.dir holds; --resume=false refuses a folder that holds a checkpoint"},
		},
		Action: runPretrain,
	}
}

// setFlag overrides keys of an experiment from the command line.
func setFlag() *cli.StringSliceFlag {
	return &cli.StringSliceFlag{Name: "set", Aliases: []string{"s"}, Usage: "override a key: --set optim.base_lr=0.1 (repeatable)"}
}

// loadExperiment reads the command's one argument with its overrides.
func loadExperiment(c *cli.Context) (*config.Experiment, error) {
	if c.NArg() != 1 {
		return nil, fmt.Errorf("%s takes one experiment file, got %d arguments; flags may stand before or behind it: seer %s FILE.toml --set key=value",
			c.Command.Name, c.NArg(), c.Command.Name)
	}
	if err := local("the experiment", c.Args().First()); err != nil {
		return nil, err
	}
	return config.Load(c.Args().First(), c.StringSlice("set"))
}

func runPretrain(c *cli.Context) error {
	load := loadExperiment
	if isFolder(c.Args().First()) && c.NArg() == 1 {
		load = folderExperiment
	} else if c.IsSet("hours") {
		return errors.New("--hours is for a folder of images: of an experiment file train.duration says how long it is")
	}
	e, err := load(c)
	if err != nil {
		return err
	}
	if !c.Bool("resume") {
		if c.IsSet("from-checkpoint") {
			return errors.New("--resume=false and --from-checkpoint exclude each other: one begins a run, the other continues it")
		}
		if _, err := os.Stat(e.Run.Dir); !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("run.dir %s exists already; choose another with --set run.dir=…, or leave out --resume=false to continue it", e.Run.Dir)
		}
	}
	return onMesh(c, e, func(o launch.StartOptions) error { return pretrain.Run(c.Context, e, o) })
}
