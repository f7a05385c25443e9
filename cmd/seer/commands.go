// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"runtime/debug"

	"github.com/urfave/cli/v2"

	"seer/internal/release"
	"seer/torch"
)

const description = "One TOML file describes an experiment; see experiments/. Start with\n" +
	"   seer pretrain experiments/quickstart.toml\nand continue a stopped run with the same command."

// commands lists the subcommands in the order in which a user meets them.
func commands() []*cli.Command {
	return []*cli.Command{
		demoCommand(), recipeCommand(), pretrainCommand(), finetuneCommand(), launchCommand(), linearEvalCommand(), knnCommand(), svmCommand(), sweepCommand(), predictCommand(), detectCommand(), featuresCommand(), exportCommand(), inspectCommand(), planCommand(), dataCommand(), doctorCommand(), reportCommand(), replayCommand(), benchCommand(),
	}
}

// version names the release, the revision it was built from and libtorch.
func version() string {
	return fmt.Sprintf("%s (revision %s, libtorch %s)", release.Version, revision(), torch.Version())
}

func revision() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	rev, dirty := "unknown", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision" && len(s.Value) >= 12:
			rev = s.Value[:12]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "-dirty"
		}
	}
	return rev + dirty
}
