// SPDX-License-Identifier: MIT

package main

import (
	"errors"
	"os"

	"github.com/urfave/cli/v2"
	"golang.org/x/term"

	"seer/eval"
	"seer/tasks/finetune"
	"seer/tasks/launch"
)

func finetuneCommand() *cli.Command {
	return &cli.Command{
		Name:      "finetune",
		Usage:     "train a pretrained trunk and a classifier on images with labels",
		ArgsUsage: "FILE.toml",
		Description: "Trains all weights on the labelled images of data.source and validates on finetune.val: one class an image, or any\n" +
			"number (finetune.multi_label). It starts from a run,\n" +
			"a checkpoint or a file of weights (--weights), or from scratch (--random-init), which is what pretraining has to\n" +
			"beat. Runs are kept, stopped and continued like those of seer pretrain; one that is continued needs no weights.\n" +
			"The accuracy is printed, and kept in results.jsonl of the run folder.\n\nExamples:\n" +
			"   seer finetune experiments/finetune_in1k.toml --weights runs/x \\\n" +
			"      --set data.source=/data/imagenet/train --set finetune.val=/data/imagenet/val\n" +
			"   seer finetune experiments/finetune_in1k.toml --random-init --set model.arch=regnet_y_16gf \\\n" +
			"      --set run.dir=runs/scratch --set data.source=/data/imagenet/train --set finetune.val=/data/imagenet/val",
		Flags: append(weightFlags(),
			setFlag(),
			fromCheckpointFlag(),
			&cli.BoolFlag{Name: "json", Usage: "print the result as one JSON line"},
		),
		Action: runFinetune,
	}
}

func runFinetune(c *cli.Context) error {
	e, err := loadExperiment(c)
	if err != nil {
		return err
	}
	weights := eval.TrunkSource{Weights: c.String("weights"), Random: c.Bool("random-init"), Arch: c.String("arch"), Prefix: c.String("prefix")}
	if weights.Random && weights.Weights != "" {
		return errors.New("--weights and --random-init exclude each other: one begins with what was learned, the other with nothing")
	}
	if err := local("the weights", weights.Weights); err != nil {
		return err
	}
	return onMesh(c, e, func(o launch.StartOptions) error {
		r, err := finetune.Run(c.Context, e, weights, o)
		if err != nil || r == nil {
			return err
		}
		return showResult(c, *r, e)
	})
}

// launchOptions say how a run of this command presents itself.
func launchOptions(c *cli.Context) launch.StartOptions {
	return launch.StartOptions{
		Out: c.App.ErrWriter, Terminal: term.IsTerminal(int(os.Stderr.Fd())), Version: version(), From: c.String("from-checkpoint"),
	}
}

// fromCheckpointFlag goes back in a run.
func fromCheckpointFlag() cli.Flag {
	return &cli.StringFlag{Name: "from-checkpoint", Usage: "continue from `STEP`, the number of a checkpoint, from previous (the one before the newest) or from latest; newer ones are set aside"}
}
