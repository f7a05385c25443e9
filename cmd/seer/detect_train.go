// SPDX-License-Identifier: MIT

package main

import (
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"seer/eval"
	"seer/tasks/detect"
	"seer/tasks/launch"
)

func detectTrainCommand() *cli.Command {
	return &cli.Command{
		Name:      "train",
		Usage:     "train Mask R-CNN on a pretrained trunk",
		ArgsUsage: "FILE.toml",
		Description: "Trains a detector with boxes and masks on the images of data.source that detect.annotations names, and scores it as\n" +
			"COCO does on those of detect.val while it trains. It starts from a run, a checkpoint or a file of weights (--weights),\n" +
			"or from scratch (--random-init). Runs are kept, stopped and continued like those of seer pretrain; one that is\n" +
			"continued needs no weights.\n\nExamples:\n" +
			"   seer detect train experiments/detect_coco_resnet50_1x.toml --weights model.pth \\\n" +
			"      --set data.source=/data/coco/train2017 --set detect.annotations=/data/coco/annotations/instances_train2017.json \\\n" +
			"      --set detect.val=/data/coco/val2017 --set detect.val_annotations=/data/coco/annotations/instances_val2017.json",
		Flags: append(weightFlags(),
			setFlag(),
			fromCheckpointFlag(),
			&cli.BoolFlag{Name: "json", Usage: "print the scores as one JSON line"},
		),
		Action: runDetectTrain,
	}
}

func runDetectTrain(c *cli.Context) error {
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
		s, err := detect.Run(c.Context, e, weights, o)
		if err != nil || s == nil {
			return err
		}
		score := &detectionScore{Annotations: e.Detect.ValAnnotations, Predictions: e.Run.Dir, Images: s.Images, Objects: s.Objects, Results: s.Found, Boxes: s.Boxes, Masks: s.Masks}
		if c.Bool("json") {
			return printJSON(c.App.Writer, score)
		}
		if _, err := fmt.Fprintln(c.App.Writer, e.Run.Dir); err != nil {
			return err
		}
		return score.print(c.App.Writer)
	})
}
