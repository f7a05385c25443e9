// SPDX-License-Identifier: MIT

package main

import (
	"errors"
	"fmt"
	"slices"

	"github.com/urfave/cli/v2"

	"seer/checkpoint/names"
	"seer/config"
	"seer/eval"
	"seer/tasks/finetune"
)

func exportCommand() *cli.Command {
	return &cli.Command{
		Name:      "export",
		Usage:     "write a trunk as a safetensors file for other libraries",
		ArgsUsage: "RUN | CHECKPOINT | FILE",
		Description: "Writes the trunk's weights, float32, with the parameter names of a library, and the classifier of a fine-tuned\n" +
			"run; SwAV's head, prototypes and optimizer are left out. The metadata hold architecture, step and normalisation. A file of weights is converted.\n\n" +
			"In Python:\n" +
			"   model = torchvision.models.regnet_y_16gf(); model.fc = torch.nn.Identity()\n" +
			"   model.load_state_dict(safetensors.torch.load_file(\"trunk.safetensors\"))\n\nExamples:\n" +
			"   seer export runs/x --out trunk.safetensors\n" +
			"   seer export runs/x/checkpoints/step-000010000 --style timm --out trunk.safetensors\n" +
			"   seer export vissl_checkpoint.torch --arch regnet_y_32gf --out trunk.safetensors",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "out", Aliases: []string{"o"}, Usage: "the safetensors `FILE` to write"},
			&cli.StringFlag{Name: "style", Value: string(names.Torchvision), Usage: "parameter names of torchvision, timm, transformers (hf), vissl, classy_vision or pycls"},
			&cli.StringFlag{Name: "arch", Usage: "architecture of a file of weights, where it does not show: `NAME` as in model.arch"},
			prefixFlag(),
		},
		Action: runExport,
	}
}

func runExport(c *cli.Context) error {
	if c.NArg() != 1 {
		return fmt.Errorf("export takes one argument, a run folder, a checkpoint or a file of weights; got %d", c.NArg())
	}
	if err := given(c, "out"); err != nil {
		return err
	}
	if err := local("the weights", c.Args().First()); err != nil {
		return err
	}
	out := output{flag: "out", path: c.String("out"), what: "safetensors", endings: []string{".safetensors"}, inputs: []string{c.Args().First()}}
	if err := out.check(); err != nil {
		return err
	}
	style, err := parseStyle(c.String("style"))
	if err != nil {
		return err
	}
	e := config.Default()
	e.Run.Device = "cpu" // copying needs no other
	warn := func(message string) { fmt.Fprintln(c.App.ErrWriter, "warning:", message) }
	b, err := eval.OpenBackbone(eval.TrunkSource{Weights: c.Args().First(), Arch: c.String("arch"), Prefix: c.String("prefix"), Experiment: e, Warn: warn})
	if err != nil {
		return err
	}
	defer b.Close()
	classifier, err := classifierOf(c.Args().First(), warn)
	if err != nil {
		return err
	}
	if err := b.Export(c.String("out"), style, version(), classifier); err != nil {
		return err
	}
	with := ""
	if classifier != nil {
		with = fmt.Sprintf(" and classifier of %d classes", len(classifier.Classes))
	}
	_, err = fmt.Fprintf(c.App.Writer, "%s: trunk%s of %s (%s), width %d, names of %s\n", c.String("out"), with, b.Origin.Arch, b.Origin, b.Trunk.Width(), style)
	return err
}

// classifierOf is the classifier of a fine-tuned run; nil where the weights have none.
func classifierOf(path string, warn func(string)) (*eval.Classifier, error) {
	classifier, err := finetune.Classifier(path, func(string) {}) // what is to be said was said with the trunk
	switch {
	case errors.Is(err, finetune.ErrNoClasses):
		return nil, nil
	case errors.Is(err, finetune.ErrHiddenLayers):
		warn(err.Error() + "; the trunk is written without it")
		return nil, nil
	}
	return classifier, err
}

func parseStyle(text string) (names.Style, error) {
	if text == "hf" {
		return names.Transformers, nil
	}
	if !slices.Contains(names.Styles(), names.Style(text)) {
		return "", fmt.Errorf("--style %q: allowed are %v and hf for transformers", text, names.Styles())
	}
	return names.Style(text), nil
}
