// SPDX-License-Identifier: MIT

package main

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"seer/data/remote"
	"seer/internal/nearest"
	"seer/internal/redact"
)

// strict makes a command, and those below it, answer a wrong command line with one error that says what to type: the
// library would print its help to standard output, where results belong.
func strict(c *cli.Command) {
	c.OnUsageError = func(ctx *cli.Context, err error, _ bool) error { return usageError(c.HelpName, c.Flags, err) }
	if len(c.Subcommands) > 0 {
		c.HideHelpCommand = true
		c.Action = func(ctx *cli.Context) error {
			return chooseCommand(ctx, c.HelpName, c.Subcommands, cli.ShowSubcommandHelp)
		}
	} else if c.ArgsUsage == "" && c.Before == nil {
		c.Before = func(ctx *cli.Context) error { return noArguments(ctx, c) }
	}
	for _, sub := range c.Subcommands {
		strict(sub)
	}
}

// noArguments refuses what stands beside the flags.
func noArguments(ctx *cli.Context, c *cli.Command) error {
	if ctx.NArg() == 0 {
		return nil
	}
	return fmt.Errorf("%s takes no arguments beside its flags, got %q; see %s --help", strings.TrimPrefix(c.HelpName, "seer "), ctx.Args().First(), c.HelpName)
}

// chooseCommand is what a name with commands below it does by itself: it helps, or says that there is no such command.
func chooseCommand(ctx *cli.Context, name string, commands []*cli.Command, help func(*cli.Context) error) error {
	if ctx.NArg() == 0 {
		return help(ctx)
	}
	var known []string
	for _, c := range commands {
		known = append(known, c.Name)
	}
	typed := ctx.Args().First()
	if near := nearest.Names(typed, known, 1); len(near) > 0 {
		return fmt.Errorf("%s has no command %q; nearest: %s %s", name, typed, name, near[0])
	}
	return fmt.Errorf("%s has no command %q; there are %s", name, typed, strings.Join(known, ", "))
}

// usageError says what is wrong with a flag, in this program's words.
func usageError(command string, flags []cli.Flag, err error) error {
	text := err.Error()
	if typed, found := strings.CutPrefix(text, "flag provided but not defined: -"); found {
		var known []string
		for _, f := range flags {
			known = append(known, f.Names()...)
		}
		hint := ""
		if near := nearest.Names(strings.TrimLeft(typed, "-"), known, 1); len(near) > 0 {
			hint = "; nearest: " + dashed(near[0])
		}
		return fmt.Errorf("unknown flag %s%s; see %s --help", dashed(strings.TrimLeft(typed, "-")), hint, command)
	}
	if name, found := strings.CutPrefix(text, "flag needs an argument: -"); found {
		return fmt.Errorf("%s needs a value; see %s --help", dashed(strings.TrimLeft(name, "-")), command)
	}
	return fmt.Errorf("%s; see %s --help", text, command)
}

func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// local refuses a URL where only a file or folder of this machine is read.
func local(what, path string) error {
	if !remote.Is(path) {
		return nil
	}
	return fmt.Errorf("%s is a URL, and only images are read from URLs: download %s, or mount where it lies", redact.URL(path), what)
}

// within wants whole numbers of flags between bounds.
func within(c *cli.Context, most int, least map[string]int) error {
	for _, flag := range slices.Sorted(maps.Keys(least)) {
		if v := c.Int(flag); v < least[flag] {
			return fmt.Errorf("--%s %d: must be at least %d", flag, v, least[flag])
		} else if v > most {
			return fmt.Errorf("--%s %d: must be at most %d", flag, v, most)
		}
	}
	return nil
}

// given wants flags that a command cannot do without.
func given(c *cli.Context, flags ...string) error {
	var errs []error
	for _, f := range flags {
		if c.String(f) == "" {
			errs = append(errs, fmt.Errorf("--%s is missing or empty; see seer %s --help for examples", f, strings.TrimPrefix(c.Command.HelpName, "seer ")))
		}
	}
	return errors.Join(errs...)
}
