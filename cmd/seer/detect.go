// SPDX-License-Identifier: MIT

package main

import "github.com/urfave/cli/v2"

func detectCommand() *cli.Command {
	return &cli.Command{
		Name:        "detect",
		Usage:       "detection and segmentation of objects: train Mask R-CNN, find objects, look at what is learned, score results",
		Description: "Files are COCO's: annotations such as instances_val2017.json, and results as its server takes them.",
		Subcommands: []*cli.Command{detectTrainCommand(), detectPredictCommand(), detectShowCommand(), detectEvalCommand()},
	}
}
