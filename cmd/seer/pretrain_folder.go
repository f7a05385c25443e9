// SPDX-License-Identifier: MIT

package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"seer/config"
	"seer/internal/durable"
	"seer/mesh"
	"seer/runfolder"
)

// recipeFile is the experiment that was chosen for a folder of images, in its run folder.
const recipeFile = "recipe.toml"

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}

// folderExperiment is the experiment of a folder of images: the one that its run folder holds, or one that is chosen now
// and written there, so that the same command goes on with the same settings.
func folderExperiment(c *cli.Context) (*config.Experiment, error) {
	images, err := filepath.Abs(c.Args().First())
	if err != nil {
		return nil, err
	}
	if err := errors.Join(checkHours(c), notARun(images)); err != nil {
		return nil, err
	}
	name := filepath.Base(images)
	sets := append([]string{"name=" + name, "run.dir=" + filepath.Join("runs", name)}, c.StringSlice("set")...)
	set := config.Default()
	if err := set.Set(slices.DeleteFunc(slices.Clone(sets), notOfRun)); err != nil {
		return nil, err
	}
	dir := set.Run.Dir
	path := filepath.Join(dir, recipeFile)
	if _, err := os.Stat(path); err == nil {
		fmt.Fprintf(c.App.ErrWriter, "settings are those of %s\n", path)
		return config.Load(path, sets)
	}
	if err := mayChoose(c, dir); err != nil {
		return nil, err
	}
	text, r, err := chooseRecipe(c.Context, images, "auto", set.Run.Device, c.Float64("hours"))
	if err != nil {
		return nil, err
	}
	if _, err := durable.MkdirAll(durable.Disk, dir); err != nil {
		return nil, err
	}
	fmt.Fprintf(c.App.ErrWriter, "%s; settings and their reasons are in %s\n", r.String(), path)
	write := func(w io.Writer) error { _, err := w.Write(text); return err }
	if err := durable.WriteFile(path, write); err != nil {
		return nil, err
	}
	return config.Load(path, sets)
}

// notOfRun tells a setting that says nothing of where a run is and what it computes on.
func notOfRun(set string) bool { return !strings.HasPrefix(strings.TrimSpace(set), "run.") }

// notARun refuses a run folder, which is not what a run is made of.
func notARun(dir string) error {
	if _, err := os.Stat(filepath.Join(dir, runfolder.ConfigFile)); err != nil {
		return nil
	}
	return fmt.Errorf("%s is a run folder: give the experiment file or the folder of images that it was begun with", dir)
}

// mayChoose tells what keeps settings from being chosen: another run in the folder, or processes that would each choose.
func mayChoose(c *cli.Context, dir string) error {
	place, err := mesh.FromEnvironment(os.Getenv)
	if err != nil {
		return err
	}
	if place.World > 1 {
		return fmt.Errorf("one process alone chooses the settings: write them with seer recipe %s --out mine.toml, and run that file with all", c.Args().First())
	}
	if _, err := os.Stat(filepath.Join(dir, runfolder.ConfigFile)); err == nil {
		return fmt.Errorf("run.dir %s holds a run of an experiment file: choose another with --set run.dir=…, or go on with that file", dir)
	}
	if _, err := os.Stat(dir); err == nil && !c.Bool("resume") {
		return fmt.Errorf("run.dir %s exists already; choose another with --set run.dir=…, or leave out --resume=false to continue it", dir)
	}
	return nil
}
