// SPDX-License-Identifier: MIT

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/urfave/cli/v2"

	"seer/checkpoint/names"
	"seer/config"
	"seer/data/datatest"
	"seer/eval"
	"seer/internal/golden"
	"seer/sweep"
)

const repository = "../.."

// example is a piece of text with command lines in it that belong together and follow each other.
type example struct {
	from  string // a command or a file
	lines []string
}

// substitutions put something small in the place of what an example names. Everything else is run as it is written, in
// a workshop that has files and folders of those names.
var substitutions = []struct{ pattern, by string }{
	{`^/(data|scratch|tmp)\b`, "$1"},  // below the workshop
	{`=/(data|scratch|tmp)\b`, "=$1"}, // in a value of --set
	{`^(s3://bucket|s3://bucket/shards)/(?:train-)?\{0000\.\.\d+\}\.tar(\?.*)?$`, "shards/{0000..0001}.tar"},
	{`\{0+\.\.0*1\d+\}`, "{0000..0001}"},                    // two shards
	{`^step-0*\d+$|step-0*(500|10000)\b`, "step-000000003"}, // where the workshop's runs have ended
	{`^regnet_y_(16|32|8)gf$|^regnet_y_400mf$`, "regnet_y_200mf"},
	{`^DIR$`, "photos"},
	{`^(?:photos/holiday|DIR/photo)\.jpg$`, "photos/red/000.png"},
	{`=…$`, "=photos"},
	{`^384$`, "64"},
	{`^512$`, "8"}, // GPUs
	{`^--hours=\d+$`, "--hours=0.0005"},
	{`^1000000$`, "24"},
	{`^12000$`, "2"}, // a step that the run of mine.toml has a checkpoint of
}

// shortened are flags added to commands that would take long.
var shortened = map[string][]string{
	"bench step":   {"--batch", "2", "--steps", "1", "--crops", "2x32", "--hidden", "8", "--prototypes", "8", "--arch", "regnet_y_200mf"},
	"bench loader": {"--seconds", "0.05", "--crops", "1x16"},
	"doctor":       {"--disk-mb", "1"},
	"features":     {"--size", "32"},
}

// otherPrograms are the words that lines of other programs begin with, and a file of the repository that each names.
var otherPrograms = map[string]string{
	"tools/gpu/accept.sh": "tools/gpu/accept.sh", "tools/dist_check.sh": "tools/dist_check.sh",
	"./build.sh": "build.sh", "python3": "tools/peers/step_pytorch.py", "SEER_BENCH_IMAGES=DIR": "data/jpeg/bench_test.go", "for": "tools/peers/loader_pil.py",
	"^C": "cmd/seer/signals.go",
}

// notCommands are the code blocks of documents that show something else, by the words that they begin with.
var notCommands = []string{
	"torch  ←", "experiment.toml ─", "# relative to the folder", "runs/<name>/", "left out: 5000",
}

// TestEveryExampleWorks runs every command line of the help texts, the documents and the experiments' headers.
func TestEveryExampleWorks(t *testing.T) {
	all := slices.Concat(helpExamples(app().Commands, nil), documentExamples(t), headerExamples(t))
	require.Greater(t, len(all), 30)
	t.Setenv("SEER_FASHION_MNIST", "")
	t.Setenv(programEnv, "1") // processes that examples start are the program
	shop := newWorkshop(t)
	for _, e := range all {
		t.Run(strings.ReplaceAll(e.from, "/", "_"), func(t *testing.T) {
			shop.open(t, strings.Join(e.lines, "\n"))
			for _, line := range e.lines {
				shop.run(t, line)
			}
		})
	}
}

// run runs one line of a shell, with the substitutions.
func (w *workshop) run(t *testing.T, line string) {
	t.Helper()
	words := shellWords(t, line)
	if words[0] == "taskset" {
		words = words[3:]
	}
	if file, ok := otherPrograms[words[0]]; ok {
		assert.FileExists(t, filepath.Join(w.repository, file), line)
		return
	}
	if i := slices.Index(words, "&&"); i > 0 {
		w.run(t, quoted(words[:i]))
		w.run(t, quoted(words[i+1:]))
		return
	}
	require.Contains(t, []string{"seer", "bin/seer"}, words[0], "%q is no command of this program: add it to otherPrograms", line)
	args := small(words[1:])
	out, messages, err := invoke(t, args...)
	if slices.Contains(args, "cuda") && err != nil {
		assert.ErrorContains(t, err, "checks found something", "without a GPU the doctor says so")
		return
	}
	require.NoError(t, err, "%s\nwas run as %q\n%s", line, args, messages)
	assert.NotEmpty(t, out+messages)
}

// small makes the substitutions.
func small(args []string) []string {
	for i, a := range args {
		for _, s := range substitutions {
			a = regexp.MustCompile(s.pattern).ReplaceAllString(a, s.by)
		}
		args[i] = a
	}
	for command, more := range shortened {
		if strings.HasPrefix(strings.Join(args, " "), command) {
			args = append(args, more...)
		}
	}
	return args
}

// quoted makes a line that shellWords takes apart again.
func quoted(words []string) string { return "'" + strings.Join(words, "' '") + "'" }

// shellWords splits a line as a shell does: at spaces outside quotes, up to a comment.
func shellWords(t *testing.T, line string) (words []string) {
	t.Helper()
	for _, m := range regexp.MustCompile(`(?:'[^']*'|[^\s'#]|\S#)+|#.*`).FindAllString(line, -1) {
		if strings.HasPrefix(m, "#") {
			break
		}
		words = append(words, strings.ReplaceAll(m, "'", ""))
	}
	require.NotEmpty(t, words, line)
	return words
}

// joined puts continued lines together and leaves out what is empty.
func joined(text string) (lines []string) {
	for line := range strings.SplitSeq(regexp.MustCompile(`\\\n#?\s*`).ReplaceAllString(text, ""), "\n") {
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// helpExamples are the command lines of the help texts: what is indented and begins with the program's name.
func helpExamples(list []*cli.Command, path []string) (all []example) {
	for _, c := range list {
		at := append(path[:len(path):len(path)], c.Name)
		e := example{from: "seer " + strings.Join(at, " ") + " --help"}
		for _, line := range joined(c.Description) {
			if strings.HasPrefix(line, "seer ") {
				e.lines = append(e.lines, line)
			}
		}
		if len(e.lines) > 0 {
			all = append(all, e)
		}
		all = append(all, helpExamples(c.Subcommands, at)...)
	}
	return all
}

var codeBlock = regexp.MustCompile("(?ms)^```(\\w*)\n(.*?)^```")

// documents are the texts for users.
func documents(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(repository + "/docs/*.md")
	require.NoError(t, err)
	return append(files, repository+"/README.md")
}

// documentExamples are the code blocks with command lines. What is neither these nor TOML, Python or on a list is an
// error, so that nothing is passed over.
func documentExamples(t *testing.T) (all []example) {
	t.Helper()
	for _, path := range documents(t) {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for i, m := range codeBlock.FindAllStringSubmatch(string(text), -1) {
			shows := func(start string) bool { return strings.HasPrefix(m[2], start) }
			if m[1] != "" && m[1] != "sh" || isTOML(m[2]) || slices.ContainsFunc(notCommands, shows) {
				continue
			}
			all = append(all, example{from: fmt.Sprintf("%s block %d", filepath.Base(path), i+1), lines: joined(m[2])})
		}
	}
	return all
}

func isTOML(block string) bool { return strings.HasPrefix(block, "[") || isGrid(block) }

// headerExamples are the commands in the headers of the experiments.
func headerExamples(t *testing.T) (all []example) {
	t.Helper()
	files, err := filepath.Glob(repository + "/experiments/*.toml")
	require.NoError(t, err)
	for _, path := range files {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		header, _, _ := strings.Cut(string(text), "\nversion = 1")
		e := example{from: filepath.Base(path)}
		for _, line := range joined(header) {
			if at := strings.Index(line, "seer "); at >= 0 && regexp.MustCompile(`^#\s+(Command:|or:)\s+seer `).MatchString(line) {
				e.lines = append(e.lines, line[at:])
			}
		}
		require.NotEmpty(t, e.lines, path)
		all = append(all, e)
	}
	return all
}

// TOML in documents loads as it stands there, with the version that every file has.
func TestEveryTOMLSnippetLoads(t *testing.T) {
	found := 0
	for _, path := range documents(t) {
		text, err := os.ReadFile(path)
		require.NoError(t, err)
		for _, m := range codeBlock.FindAllStringSubmatch(string(text), -1) {
			if !isTOML(m[2]) {
				continue
			}
			found++
			file := filepath.Join(t.TempDir(), "snippet.toml")
			if isGrid(m[2]) {
				loadGridSnippet(t, path, file, m[2])
				continue
			}
			require.NoError(t, os.WriteFile(file, []byte("version = 1\n"+m[2]), 0o644))
			e, err := config.Load(file, nil)
			require.NoError(t, err, "%s:\n%s", path, m[2])
			_, err = e.Validate(config.Pretrain)
			for _, key := range []string{"data.urls", "data.cache", "data.refresh", "data.kind", "data.max_bad_fraction", "data.members"} {
				assert.NotContains(t, err.Error(), key, "%s:\n%s", path, m[2])
			}
		}
	}
	assert.Greater(t, found, 4)
}

// isGrid tells a grid of seer sweep, or a part of one, from a part of an experiment.
func isGrid(block string) bool {
	return regexp.MustCompile(`(?m)^\[(axes|\[step\]|sets\.)`).MatchString(block)
}

// loadGridSnippet reads a grid as seer sweep does; what stands above the tables of every grid is added where it is not shown.
func loadGridSnippet(t *testing.T, document, file, block string) {
	t.Helper()
	if !strings.HasPrefix(block, "version") {
		block = "version = 1\ndir = \"runs/snippet\"\n" + block
	}
	require.NoError(t, os.WriteFile(file, []byte(block), 0o644))
	_, err := sweep.Load(file)
	require.NoError(t, err, "%s:\n%s", document, block)
}

// workshop has everything that examples name, in small: what they only read is made once, the rest for each.
type workshop struct {
	repository string
	template   string // a folder of what is only read
	run3       string // a run of three steps
	tuned      string // a run of seer finetune
	detector   string // a run of seer detect train
	experiment *config.Experiment
}

func newWorkshop(t *testing.T) *workshop {
	t.Helper()
	w := &workshop{template: t.TempDir()}
	var err error
	w.repository, err = filepath.Abs(repository)
	require.NoError(t, err)
	images := coloured(t, 60)
	path, run := experimentFile(t, images)
	mustInvoke(t, "pretrain", path, "--set", "model.arch=regnet_y_200mf", "--set", "model.depth=0", "--set", "model.w0=0", "--set", "model.wa=0",
		"--set", "model.wm=0", "--set", "model.group_width=0")
	w.run3 = run
	w.tuned = filepath.Join(t.TempDir(), "tuned")
	mustInvoke(t, "finetune", path, "--weights", run, "--set", "run.dir="+w.tuned, "--set", "crops=[{count = 1, size = 32, scale = [0.5, 1.0]}]")
	w.experiment, err = config.Load(filepath.Join(run, "resolved.toml"), nil)
	require.NoError(t, err)
	t.Chdir(w.template)
	for _, name := range []string{
		"photos", "imagenet/train", "data/images", "data/imagenet/train", "data/imagenet/val", "cifar10/train", "cifar10/test",
		"data/places205", "data/inat18", "data/openimages", "data/voc",
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.Symlink(images, name))
	}
	for _, name := range []string{"data/imagenet/1percent.txt", "data/imagenet/10percent.txt"} {
		datatest.Write(t, name, []byte("red/000.png\ngreen/001.png\nblue/002.png\nred/003.png\ngreen/004.png\nblue/005.png\nred/006.png\nblue/008.png\n"))
	}
	shards := datatest.Shards(t, 2, 6, 2)
	for i := range 2 {
		shard, err := os.ReadFile(fmt.Sprintf("%s/shard-%03d.tar", shards, i))
		require.NoError(t, err)
		datatest.Write(t, fmt.Sprintf("shards/%04d.tar", i), shard)
	}
	for _, name := range []string{"far.seeridx", "train.seeridx"} {
		mustInvoke(t, "data", "index", "shards", "--labels", "--out", name)
	}
	weightFiles(t)
	objects, annotations := datatest.Objects(t, 2)
	w.detector = filepath.Join(t.TempDir(), "detector")
	sets := append(detectSets(objects, annotations), "run.dir="+w.detector)
	args := []string{"detect", "train", path, "--random-init"}
	for _, s := range sets {
		args = append(args, "--set", s)
	}
	mustInvoke(t, args...)
	for name, at := range map[string]string{
		"data/coco/train2017": objects, "data/coco/val2017": objects,
		"data/coco/annotations/instances_train2017.json": annotations, "data/coco/annotations/instances_val2017.json": annotations,
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(name), 0o755))
		require.NoError(t, os.Symlink(at, name))
	}
	for name, file := range map[string]string{"instances_val2017.json": "annotations.json", "results.json": "results.json"} {
		require.NoError(t, os.Symlink(filepath.Join(golden.Dir(), "coco", file), name))
	}
	return w
}

// weightFiles are trunks with random weights under the names that examples have for files from elsewhere.
func weightFiles(t *testing.T) {
	t.Helper()
	e := config.Default()
	e.Run.Device = "cpu"
	b, err := eval.OpenBackbone(eval.TrunkSource{Random: true, Arch: "regnet_y_200mf", Experiment: e})
	require.NoError(t, err)
	defer b.Close()
	for name, style := range map[string]names.Style{
		"trunk.safetensors": names.Torchvision, "model.pth": names.Timm, "regnet_y_16gf.pth": names.Torchvision, "vissl_checkpoint.torch": names.VISSL,
	} {
		require.NoError(t, b.Export(name, style, "test", nil))
	}
}

// open goes into a fresh folder with all that the lines of an example name.
func (w *workshop) open(t *testing.T, lines string) {
	t.Helper()
	t.Chdir(t.TempDir())
	t.Setenv(programEnv, "1") // of the processes that a sweep starts
	for _, name := range []string{"runs", "figures", "scratch", "tmp", "experiments"} {
		require.NoError(t, os.Mkdir(name, 0o755))
	}
	entries, err := os.ReadDir(w.template)
	require.NoError(t, err)
	for _, e := range entries {
		from := filepath.Join(w.template, e.Name())
		switch { // what is written by examples is copied
		case e.Name() == "shards":
			require.NoError(t, os.CopyFS(e.Name(), os.DirFS(from)))
		case filepath.Ext(e.Name()) != ".seeridx":
			require.NoError(t, os.Symlink(from, e.Name()))
		default:
			text, err := os.ReadFile(from)
			require.NoError(t, err)
			datatest.Write(t, e.Name(), text)
		}
	}
	for _, name := range []string{"runs/x", "runs/quickstart", "runs/mine", "runs/cifar10"} {
		if strings.Contains(lines, name) && !strings.Contains(lines, "run.dir="+name) {
			require.NoError(t, os.CopyFS(name, os.DirFS(w.run3)))
		}
	}
	if strings.Contains(lines, "seer replay") {
		breakStep(t)
	}
	if strings.Contains(lines, "runs/tuned") {
		require.NoError(t, os.CopyFS("runs/tuned", os.DirFS(w.tuned)))
	}
	if strings.Contains(lines, "runs/detector") {
		require.NoError(t, os.CopyFS("runs/detector", os.DirFS(w.detector)))
	}
	shipped, err := filepath.Glob(w.repository + "/experiments/*.toml")
	require.NoError(t, err)
	for _, path := range shipped {
		w.write(t, "experiments/"+filepath.Base(path), path)
	}
	datatest.Write(t, "grid.toml", []byte("version = 1\ndir = \"runs/sweep\"\n[axes]\nk = [2, 3]\n[[step]]\nname = \"knn\"\ncommand = \"knn\"\n"+
		"experiment = \"mine.toml\"\nrandom_init = true\nset = [\"knn.k={k}\"]\n"))
	for _, name := range []string{"experiments/mine.toml", "experiments/swav_in1k.toml", "mine.toml"} {
		w.write(t, name, "")
	}
	if strings.Contains(lines, "--from-checkpoint") { // of a run that has some
		_, messages, err := invoke(t, "pretrain", "mine.toml")
		require.NoError(t, err, messages)
	}
}

// breakStep has runs/mine keep a step that could not be done, as number 1234.
func breakStep(t *testing.T) {
	t.Helper()
	_, _, err := invoke(t, append([]string{"pretrain", "runs/mine/resolved.toml", "--set", "run.dir=runs/mine"}, mad...)...)
	require.Error(t, err)
	files, err := filepath.Glob("runs/mine/nonfinite-step-*")
	require.NoError(t, err)
	for _, file := range files {
		require.NoError(t, os.Rename(file, regexp.MustCompile(`step-\d+`).ReplaceAllString(file, "step-1234")))
	}
}

// write makes an experiment: that of a shipped file, if one is named, with trunk, crops, data and length of the workshop.
func (w *workshop) write(t *testing.T, name, shipped string) {
	t.Helper()
	e := *w.experiment
	if shipped != "" {
		loaded, err := config.Load(shipped, nil)
		require.NoError(t, err)
		e = *loaded
		small := w.experiment
		crops := small.Crops
		if e.Finetune.Val != "" { // which sees one view of an image
			crops = []config.Crop{{Count: 1, Size: 32, Scale: [2]float64{0.5, 1}}}
			e.Finetune.Resize, e.Finetune.Crop = 32, 32
			e.Finetune.Kind, e.Finetune.MultiLabel = "auto", false // the workshop's images lie in folders, a class each
		}
		e.Model, e.Crops, e.SwAV, e.Data, e.Linear, e.KNN, e.SVM, e.Train = small.Model, crops, small.SwAV, small.Data, small.Linear, small.KNN, small.SVM, small.Train
		if d := &e.Detect; d.Val != "" { // which has images of its own
			e.Model, e.Data.Source = config.Model{Arch: "regnet_y_200mf"}, loaded.Data.Source
			for _, path := range []*string{&e.Data.Source, &d.Annotations, &d.Val, &d.ValAnnotations} { // below the workshop
				*path = strings.TrimPrefix(*path, "/")
			}
			d.Width, d.BoxWidth, d.Regions, d.PreciseImages = 8, 8, 8, min(d.PreciseImages, 2)
			d.Sides, d.Longest, d.ValSide, d.ValLongest, d.Window = []int{48}, 96, 48, 96, min(d.Window, 64)
			e.Optim.Batch, e.Train.Duration = 1, config.Duration{Value: 1, Unit: config.Steps}
		}
		e.Optim.Batch, e.Optim.Rules, e.Schedule, e.Run = small.Optim.Batch, nil, small.Schedule, small.Run
	}
	e.Run.CheckpointEvery, e.Run.Keep = config.Duration{Value: 1, Unit: config.Steps}, 0
	e.Run.Dir = "runs/of-" + strings.TrimSuffix(filepath.Base(name), ".toml")
	text, err := e.Text()
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(name, []byte(text), 0o644))
}
