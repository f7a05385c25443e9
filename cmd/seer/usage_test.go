// SPDX-License-Identifier: MIT

package main

import (
	"context"
	"encoding/json"
	"io"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/urfave/cli/v2"

	"seer/data/datatest"
)

// A wrong command line is one error that says what to type, and standard output stays empty.
func TestWrongCommandLines(t *testing.T) {
	for typed, want := range map[string]string{
		"pretrian x.toml":            `no command "pretrian"; nearest: seer pretrain`,
		"train":                      "no command \"train\"",
		"data shwo":                  `seer data has no command "shwo"; nearest: seer data show`,
		"bench speed":                `seer bench has no command "speed"; there are step, loader`,
		"--verison":                  "unknown flag --verison; nearest: --version",
		"pretrain x.toml --sett a=1": "unknown flag --sett; nearest: --set; see seer pretrain --help",
		"pretrain --resum":           "nearest: --resume",
		"data index x --outt y":      "unknown flag --outt; nearest: --out; see seer data index --help",
		"features --imags x":         "nearest: --images",
		"features --out":             "--out needs a value",
		"features --images x":        "--out is missing or empty; see seer features --help for examples",
		"features --out x.npy":       "--images is missing or empty",
		"export x":                   "--out is missing or empty",
		"data index x":               "--out is missing or empty; see seer data index --help",
		"bench loader":               "--images is missing or empty",
		"bench step --batch many":    `invalid value "many" for flag -batch`,
		"bench step --batch 99999999999999999999": "invalid value",
		"bench step more":                         `bench step takes no arguments beside its flags, got "more"`,
		"bench loader --images x more":            `bench loader takes no arguments beside its flags, got "more"`,
		"demo more":                               `demo takes no arguments beside its flags, got "more"`,
		"doctor more":                             `doctor takes no arguments beside its flags, got "more"`,
		"features --images x --out x.npy more":    `features takes no arguments beside its flags, got "more"`,
		"pretrain a.toml b.toml":                  "pretrain takes one experiment file, got 2 arguments",
		"knn a b":                                 "takes one argument",
		"linear-eval a b":                         "takes one argument",
		"export a b --out x":                      "takes one argument",
		"inspect a b":                             "takes one argument",
		"report":                                  "takes a run folder, or several; got none",
		"report a b":                              "name the page of several runs",
		"data show a.toml b.toml":                 "takes one experiment file",
		"data verify a b":                         "takes one argument",
		"data stats a b":                          "takes one argument",
		"data index a b --out x":                  "takes one argument",
		"pretrain x.toml --set":                   "--set needs a value",
	} {
		out, messages, err := invoke(t, strings.Fields(typed)...)
		assert.ErrorContains(t, err, want, typed)
		assert.Empty(t, out+messages, "%s: the error says all", typed)
	}
}

// --json prints one JSON document and nothing else, whatever the command says beside it.
func TestJSONIsPure(t *testing.T) {
	images := coloured(t, 30)
	datatest.Write(t, filepath.Join(images, "red", "broken.png"), []byte("none"))
	_, run := pretrained(t, coloured(t, 9))
	bad := " --set data.max_bad_fraction=0.5 --set linear.train=" + images
	for _, typed := range []string{
		"knn " + run + " --set knn.k=3 --json" + bad, "linear-eval " + run + " --json" + bad,
		"inspect " + run + " --json", "data verify " + images + " --json", "data stats " + images + " --labels --json --svg " + filepath.Join(t.TempDir(), "x.svg"),
		"bench loader --images " + images + " --crops 1x16 --seconds 0.05 --json",
		"bench step --arch regnet_y_200mf --batch 2 --crops 2x32 --hidden 8 --out 4 --prototypes 4 --steps 1 --json",
	} {
		out, _, err := invoke(t, strings.Fields(typed)...)
		if err != nil {
			assert.ErrorIs(t, err, errFindings, typed)
		}
		d := json.NewDecoder(strings.NewReader(out))
		var v map[string]any
		assert.NoError(t, d.Decode(&v), "%s: %s", typed, out)
		assert.ErrorIs(t, d.Decode(&v), io.EOF, "%s: there is more", typed)
	}
}

// Numbers that no machine could work with, in every flag that takes one.
func TestNumbersOfFlagsAreBounded(t *testing.T) {
	images := coloured(t, 3)
	base := map[string]string{
		"bench step": "bench step --arch regnet_y_200mf", "bench loader": "bench loader --images " + images, "data index": "data index " + images + " --out x.seeridx",
		"data verify": "data verify " + images, "data stats": "data stats " + images, "doctor": "doctor",
		"features": "features --random-init --arch regnet_y_200mf --out x.npy --images " + images,
	}
	for command, flags := range map[string]string{
		"bench step": "batch out prototypes steps threads", "bench loader": "batch workers", "data index": "memory", "data verify": "workers min-side",
		"data stats": "workers", "doctor": "disk-mb", "features": "size batch resize workers threads",
	} {
		for flag := range strings.FieldsSeq(flags) {
			for _, number := range []string{"-1", "-9223372036854775808", "99999999999999999999", "0x", "1.5", ""} {
				_, _, err := invoke(t, append(strings.Fields(base[command]), "--"+flag, number)...)
				assert.ErrorContains(t, err, flag, "%s %s", command, number)
			}
		}
	}
	_, _, err := invoke(t, "bench", "step", "--crops", "100000x4096")
	assert.ErrorContains(t, err, "bytes are allowed")
	_, _, err = invoke(t, "bench", "step", "--batch", "16000000")
	assert.ErrorContains(t, err, "this machine has")
}

// Every command, also one added later, takes part in the rules of usage.go.
func TestEveryCommandIsStrict(t *testing.T) {
	var walk func(names []string, list []*cli.Command)
	walk = func(names []string, list []*cli.Command) {
		for _, c := range list {
			at := append(names[:len(names):len(names)], c.Name)
			out, _, err := invoke(t, append(at, "--no-such-flag")...)
			assert.ErrorContains(t, err, "unknown flag --no-such-flag", "%v", at)
			assert.Empty(t, out, "%v", at)
			if len(c.Subcommands) == 0 && c.ArgsUsage == "" {
				_, _, err := invoke(t, append(at, "surplus")...)
				assert.ErrorContains(t, err, "takes no arguments", "%v", at)
			}
			walk(at, c.Subcommands)
		}
	}
	walk(nil, commands())
}

// The values of --set arrive whole, whatever separators they hold.
func TestSetTakesItsValueWhole(t *testing.T) {
	experiment, _ := experimentFile(t, "nowhere")
	for _, set := range []string{
		"swav.hidden=[512, 512]", "swav.hidden=512,512", "swav.hidden=[]", "data.source=shards/{a,b}.tar", "data.source=com,ma",
		"augment.mean=0.1, 0.2, 0.3", "augment.blur.sigma=[0.1,1.0]", "data.source=a=b;c&d|e", "schedule.milestones=1ep,2ep",
		"crops=[{count = 2, size = 32, scale = [0.2, 1.0]}]", "data.source='quoted, value'", "name=ünï, cødé",
	} {
		_, _, err := invoke(t, "pretrain", experiment, "--set", set)
		assert.Error(t, err)
		assert.ErrorContains(t, err, "no such file", "%s: the key is set; what fails is its use", set)
	}
}

// What main does with an error: standard error, status 1.
func TestExitStatus(t *testing.T) {
	assert.Equal(t, 1, run(context.Background(), []string{"seer", "pretrain"}))
	assert.Equal(t, 0, run(context.Background(), []string{"seer", "--version"}))
	assert.Equal(t, 1, run(context.Background(), []string{"seer", "nothing"}))
}
