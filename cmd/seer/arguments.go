// SPDX-License-Identifier: MIT

package main

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// flagsFirst moves the flags of a command line before its positional arguments, because the flag parser stops at the
// first of those: `seer pretrain FILE.toml --set key=value` is what people type. Everything behind "--" stays put.
func flagsFirst(app *cli.App, args []string) []string {
	commands, at := app.Commands, 1
	var flags []cli.Flag
	for at < len(args) {
		i := slices.IndexFunc(commands, func(c *cli.Command) bool { return c.HasName(args[at]) })
		if i < 0 {
			break
		}
		if commands[i].SkipFlagParsing { // what follows is for another command
			return args
		}
		flags, commands = commands[i].Flags, commands[i].Subcommands
		at++
	}
	var options, operands []string
	rest := args[at:]
	for len(rest) > 0 {
		if rest[0] == "--" {
			operands = append(operands, rest...)
			break
		}
		n := argumentsOf(rest, flags)
		if n > len(rest) {
			// Moved before the arguments, the flag would take one of them for its value.
			return slices.Concat(args[:at], options, rest)
		}
		if n == 0 {
			operands, rest = append(operands, rest[0]), rest[1:]
			continue
		}
		options, rest = append(options, rest[:n]...), rest[n:]
	}
	return slices.Concat(args[:at], options, operands)
}

// argumentsOf is how many arguments the flag at the front takes, 0 when there is none. They may be more than are left.
func argumentsOf(rest []string, flags []cli.Flag) int {
	name := strings.TrimLeft(rest[0], "-")
	if !strings.HasPrefix(rest[0], "-") || name == "" {
		return 0
	}
	for _, f := range flags {
		_, isBool := f.(*cli.BoolFlag)
		if slices.Contains(f.Names(), name) && !isBool {
			return 2
		}
	}
	return 1
}
