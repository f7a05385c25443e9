// SPDX-License-Identifier: MIT

package main

import (
	"github.com/urfave/cli/v2"

	"seer/config"
	"seer/tasks/probe"
)

func svmCommand() *cli.Command {
	return &cli.Command{
		Name:      "svm",
		Usage:     "train support vector machines on a frozen trunk, print their mean average precision",
		ArgsUsage: "RUN | FILE.toml",
		Description: "One linear machine a class, squared hinge, on features that are divided by their length: VISSL's protocol, solved\n" +
			"as LIBLINEAR does. The cost is chosen for each class by cross-validation; svm.choice = \"test\" chooses on the\n" +
			"validation images, as VISSL's low-shot figures have it. svm.shots adds figures of few images a class. Arguments\n" +
			"and results are those of linear-eval; images come from [svm], or from [linear] where that says nothing.\n\nExamples:\n" +
			"   seer svm runs/quickstart\n" +
			"   seer svm runs/quickstart --set 'svm.shots=[1, 4]'\n" +
			"   seer svm experiments/quickstart.toml --random-init",
		Flags:  probeFlags(),
		Action: func(c *cli.Context) error { return runProbe(c, config.SVMEval, (*probe.Session).SVM) },
	}
}
