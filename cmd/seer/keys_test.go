// SPDX-License-Identifier: MIT

package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"image/jpeg"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/config"
	"seer/data/datatest"
	"seer/inputs"
)

// change is another value of a key, the settings under which the key counts, and where its effect shows if not in what
// the experiment resolves to.
type change struct {
	value   string
	under   []string
	command string // "pretrain", "finetune", "knn" or "linear-eval": its results differ
	read    string // "FILE: TEXT": machine settings without a result; the text that reads them
}

// changes has every key of the file but version and base.
func changes(images, noisy string) map[string]change {
	rules := []string{"optim.rules=[{match = 'trunk.*'}, {match = '.*'}]"}
	pretrain := func(value string, under ...string) change { return change{value, under, "pretrain", ""} }
	plan := func(value string, under ...string) change { return change{value: value, under: under} }
	linear := func(value string, under ...string) change { return change{value, under, "linear-eval", ""} }
	knn := func(value string, under ...string) change { return change{value, under, "knn", ""} }
	finetune := func(value string, under ...string) change { return change{value, under, "finetune", ""} }
	detect := func(value string, under ...string) change { return change{value, under, "detect train", ""} }
	svm := func(value string, under ...string) change { return change{value, under, "svm", ""} }
	read := func(value, where string) change { return change{value: value, read: where} }
	list := filepath.Join(images, "..", "names.txt")
	return map[string]change{
		"name": pretrain("other", "run.dir="), "run.dir": pretrain("elsewhere"), "run.seed": pretrain("5"), "run.on_nonfinite": read("skip", "tasks/launch/engine.go: e.Run.OnNonfinite"), "run.rollbacks": read("1", "tasks/launch/rollback.go: e.Run.Rollbacks"), "run.max_skipped_steps": read("7", "tasks/launch/launch.go: l.Experiment.Run.MaxSkippedSteps"), "run.device": pretrain("cuda:7"),
		"run.precision": pretrain("bf16"), "run.threads": read("1", "tasks/pretrain/pretrain.go: torch.OnThread(e.Run.Threads"), "run.channels_last": pretrain("auto"),
		"run.tf32": read("false", "tasks/launch/launch.go: l.Experiment.Run.TF32"), "run.deterministic": read("true", "tasks/launch/launch.go: l.Experiment.Run.Deterministic"),
		"run.log_every": plan("3it"), "run.checkpoint_every": plan("3it"), "run.keep": pretrain("1", "run.checkpoint_every=1it"),
		"run.keep_every": pretrain("2it", "run.checkpoint_every=1it", "run.keep=1"), "run.keep_best": read("true", "tasks/launch/engine.go: e.Run.KeepBest"),
		"mesh.batch_norm_group": read("2", "cmd/seer/mesh.go: e.Mesh.BatchNormGroup"), "mesh.first_timeout_seconds": read("60", "cmd/seer/mesh.go: e.Mesh.FirstTimeoutSeconds"),
		"mesh.timeout_seconds": read("60", "cmd/seer/mesh.go: e.Mesh.TimeoutSeconds"),
		"mesh.shard_momentum":  read("true", "tasks/launch/ranks.go: l.Experiment.Mesh.ShardMomentum"), "train.accumulate": finetune("2"),
		// Gradients do not depend on them.
		"memory.checkpoint": read("blocks", "tasks/launch/memory.go: step.Plan(e.Memory)"), "memory.budget": read("1GiB", "footprint/step.go: m.Budget"),
		"data.source": plan("x"), "data.kind": plan("list"), "data.members": plan("*.png"), "data.labels": plan("true"),
		"data.workers": read("1", "tasks/launch/images.go: e.Data.Workers"), "data.prefetch": read("1", "tasks/launch/images.go: e.Data.Prefetch"),
		"data.max_bad_fraction": pretrain("0", "data.source="+noisy), "data.exif_orientation": pretrain("false", "augment.flip=0", "data.source="+noisy, "data.max_bad_fraction=1"),
		"data.refresh": plan("3it"), "data.shuffle_window": plan("8"), "data.shuffle_lanes": plan("2", "data.shuffle_window=8"),
		"data.cache.dir": plan("x"), "data.cache.size": plan("1GB", "data.cache.dir=x"),
		"data.subset.first": pretrain("9"), "data.subset.fraction": pretrain("0.5"), "data.subset.list": pretrain(list), "data.subset.balanced": pretrain("true", "data.subset.fraction=0.5", "data.labels=true"), "data.subset.shots": pretrain("2", "data.labels=true"),
		"data.subset.seed":      pretrain("3", "data.subset.fraction=0.5"),
		"data.urls.concurrency": plan("3"), "data.urls.per_host": plan("3"), "data.urls.timeout_seconds": plan("3"), "data.urls.max_mb": plan("3"),
		"data.urls.allow_private": plan("true"), "data.urls.contact": plan("me"), "data.urls.column": plan("x"), "data.urls.respect_robots_tag": plan("false"),
		"crops.count": plan("3"), "crops.size": plan("64"), "crops.scale": plan("[0.1, 0.5]"), "crops.ratio": plan("[1, 1]"),
		"augment.interpolation": plan("bicubic"), "augment.flip": plan("0"), "augment.gray": plan("0"), "augment.jitter.p": plan("0"), "augment.jitter.brightness": plan("0"), "augment.jitter.contrast": plan("0"),
		"augment.jitter.saturation": plan("0"), "augment.jitter.hue": plan("0"), "augment.blur.p": plan("0"), "augment.blur.sigma": plan("[1, 2]"),
		"augment.mean": pretrain("[0.1, 0.2, 0.3]"), "augment.std": pretrain("[0.1, 0.2, 0.3]"),
		"model.arch":  pretrain("regnet_y_200mf", "model.depth=0", "model.w0=0", "model.wa=0", "model.wm=0", "model.group_width=0"),
		"model.depth": pretrain("5"), "model.w0": pretrain("16"), "model.wa": pretrain("24"), "model.wm": pretrain("2.5"), "model.group_width": pretrain("4"),
		"swav.hidden": pretrain("[8]"), "swav.out": pretrain("4"), "swav.batch_norm": pretrain("true"), "swav.prototypes": pretrain("5"), "swav.temperature": pretrain("0.2"),
		"swav.epsilon": pretrain("0.2"), "swav.sinkhorn_iterations": pretrain("1"), "swav.assign_crops": pretrain("[0]"), "swav.queue_length": pretrain("8", "swav.queue_start=1it"),
		"swav.queue_start": plan("2it"), "swav.freeze_prototypes": plan("2it"),
		"optim.batch": plan("4"), "optim.base_lr": plan("0.2"), "optim.base_batch": plan("128"), "optim.scaling": plan("sqrt"), "optim.momentum": pretrain("0.5"),
		"optim.nesterov": pretrain("true"), "optim.weight_decay": pretrain("0.1"), "optim.adaptation": pretrain("none"), "optim.trust_coefficient": pretrain("0.5"),
		"optim.rules.match": pretrain("head.*", "optim.rules=[{match = 'trunk.*', lr_mult = 0.0}, {match = '.*'}]"), "optim.rules.lr_mult": pretrain("0.5", rules...),
		"optim.rules.weight_decay": pretrain("0.1", rules...), "optim.rules.adapt": pretrain("false", rules...), "optim.rules.freeze": pretrain("true", rules...),
		"optim.rules.freeze_until": pretrain("2it", rules...),
		"schedule.kind":            plan("constant"), "schedule.warmup": plan("1it"), "schedule.warmup_start": plan("0.1"), "schedule.end_factor": plan("0.5"), "schedule.phase": plan("restart"),
		"schedule.milestones": plan("1it"), "schedule.gamma": plan("0.5"), "schedule.window": plan("7it"), "schedule.factor": plan("0.7"), "schedule.threshold": plan("0.1"),
		"train.duration": plan("2it"),
		"finetune.val":   finetune(noisy, "data.max_bad_fraction=1"), "finetune.kind": finetune("list"), "finetune.multi_label": finetune("true"), "finetune.sampling": finetune("class-balanced", "data.subset.first=20"), "finetune.class_weights": finetune("balanced", "data.subset.first=20"), "finetune.hidden": finetune("[7]"), "finetune.projector_layers": finetune("1"), "finetune.label_smoothing": finetune("0.3"), "finetune.mixup": finetune("0.5"), "finetune.cutmix": finetune("0.5"),
		"finetune.head_lr": finetune("3"), "finetune.decay_norm": finetune("true", "optim.weight_decay=0.5"), "finetune.decay_bias": finetune("false", "optim.weight_decay=0.5"), "finetune.ema": finetune("0.9"), "finetune.validate_every": plan("3it"),
		"finetune.resize": finetune("64"), "finetune.crop": finetune("16"),
		"detect.annotations": detect("none.json"), "detect.val": detect("none"), "detect.val_annotations": detect("none.json"), "detect.validate_every": read("1it", "config/detect.go: e.Detect.ValidateEvery"),
		"detect.empty_images": read("true", "tasks/detect/annotated.go: Empty: d.EmptyImages"), "detect.convention": detect("detectron2"), "detect.width": detect("12"),
		"detect.proposal_convs": detect("2"), "detect.box_convs": detect("1"), "detect.box_linears": detect("1"), "detect.box_width": detect("12"), "detect.mask_convs": detect("2"),
		"detect.regions": detect("12"), "detect.trunk_norm": detect("trained"), "detect.pyramid_norm": detect("true"), "detect.head_norm": detect("true"),
		"detect.precise_images": detect("1", "detect.trunk_norm=trained"), "detect.freeze_stages": detect("1"), "detect.decay_norm": detect("true", "detect.pyramid_norm=true", "optim.weight_decay=0.5"),
		"detect.sides": detect("[72]"), "detect.longest": detect("64"), "detect.window": detect("96"), "detect.jitter": detect("[2, 3]", "detect.window=96"),
		"detect.val_side": read("32", "tasks/detect/views.go: d.ValSide"), "detect.val_longest": read("64", "tasks/detect/views.go: d.ValLongest"),
		"linear.train": linear(noisy, "data.max_bad_fraction=1"), "linear.val": linear(noisy, "data.max_bad_fraction=1"), "linear.kind": linear("list"),
		"linear.train_subset.first": linear("9"), "linear.train_subset.fraction": linear("0.5"), "linear.train_subset.list": linear(list),
		"linear.train_subset.balanced": linear("true", "linear.train_subset.fraction=0.5"), "linear.train_subset.shots": linear("2"),
		"linear.train_subset.seed": linear("3", "linear.train_subset.fraction=0.5"),
		"linear.duration":          plan("3ep"), "linear.batch": plan("4"), "linear.base_lr": plan("0.1"), "linear.momentum": linear("0.5"), "linear.nesterov": linear("false"),
		"linear.weight_decay": linear("0.1"), "linear.schedule": plan("constant"), "linear.milestones": plan("[1ep, 2ep]", "linear.schedule=step"), "linear.gamma": plan("0.5", "linear.schedule=step"),
		"linear.batch_norm": linear("false"), "linear.layers": linear("stage2:2x1"), "linear.decay_batch_norm": linear("true", "linear.weight_decay=0.5"), "linear.augment": linear("true"), "linear.scale": linear("[0.1, 0.2]", "linear.augment=true"), "linear.resize": linear("64"), "linear.crop": linear("16"),
		"knn.train": knn(noisy, "data.max_bad_fraction=1"), "knn.val": knn(noisy, "data.max_bad_fraction=1"), "knn.kind": knn("list"),
		"knn.train_subset.first": knn("9"), "knn.train_subset.fraction": knn("0.5"), "knn.train_subset.list": knn(list), "knn.train_subset.balanced": knn("true", "knn.train_subset.fraction=0.5"), "knn.train_subset.shots": knn("2"),
		"knn.train_subset.seed": knn("5", "knn.train_subset.fraction=0.3"),
		"linear.solver":         linear("lbfgs"), "probe.every": plan("3it"), "probe.images": read("9", "tasks/pretrain/probe.go: e.Probe.Images"),
		"svm.train": svm(noisy, "data.max_bad_fraction=1"), "svm.val": svm(noisy, "data.max_bad_fraction=1"), "svm.kind": svm("list"),
		"svm.train_subset.first": svm("19"), "svm.train_subset.fraction": svm("0.5"), "svm.train_subset.list": svm(list), "svm.train_subset.balanced": svm("true", "svm.train_subset.fraction=0.5"), "svm.train_subset.shots": svm("4"),
		"svm.train_subset.seed": svm("5", "svm.train_subset.fraction=0.5"),
		"svm.costs":             svm("[1e-6]"), "svm.layer": svm("stage1:2x2"), "knn.layer": knn("stage1:2x2", "knn.k=25"), "svm.choice": svm("test", "svm.val="+noisy, "data.max_bad_fraction=1"), "svm.shots": svm("[2]"), "svm.samples": svm("1", "svm.shots=[2]"),
		"svm.batch": read("3", "tasks/probe/svm.go: v.Batch"), "svm.resize": svm("128"), "svm.crop": svm("8"),
		"knn.k": knn("[3, 25]"), "knn.temperature": knn("100", "knn.k=25"), "knn.batch": read("3", "tasks/probe/session.go: k.Batch"), "knn.resize": knn("128"), "knn.crop": knn("8"),
	}
}

// Every documented key does something: another value changes what the experiment resolves to, or a result. A key that
// nobody reads, or that is added without a line here, fails.
func TestEveryKeyDoesSomething(t *testing.T) {
	images := noise(t)
	noisy := odd(t)
	experiment, _ := experimentFile(t, images)
	table := changes(images, noisy)
	for _, key := range config.Keys() {
		if key == "version" || key == "base" { // of the file, not of the experiment
			continue
		}
		t.Run(key, func(t *testing.T) {
			c, ok := table[key]
			require.True(t, ok, "say what another value of %s changes", key)
			if c.read != "" {
				file, text, _ := strings.Cut(c.read, ": ")
				source, err := os.ReadFile(filepath.Join(repository, file))
				require.NoError(t, err)
				assert.Contains(t, string(source), text)
				return
			}
			path := regexp.MustCompile(`^(crops|optim\.rules)\.`).ReplaceAllString(key, "$1.0.")
			set := append(c.under[:len(c.under):len(c.under)], path+"="+c.value)
			if c.command == "" {
				assert.NotEqual(t, resolved(t, experiment, c.under), resolved(t, experiment, set))
				return
			}
			if c.command == "detect train" {
				objects, annotations := datatest.Objects(t, 2)
				under := append(detectSets(objects, annotations), c.under...)
				assert.NotEqual(t, result(t, c.command, experiment, under), result(t, c.command, experiment, append(under, path+"="+c.value)))
				return
			}
			assert.NotEqual(t, result(t, c.command, experiment, c.under), result(t, c.command, experiment, set))
		})
	}
}

// noise is a folder of images whose classes are hard to tell, and a list of some of their names beside it.
func noise(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "images")
	var names []string
	for i := range 36 {
		name := fmt.Sprintf("%c/%02d.png", 'a'+i%6, i)
		datatest.Write(t, filepath.Join(dir, name), datatest.PNG(40, 36, uint64(i)))
		if i > 11 {
			names = append(names, name)
		}
	}
	datatest.Write(t, filepath.Join(dir, "..", "names.txt"), []byte(strings.Join(names, "\n")))
	return dir
}

// odd is a folder of the same classes with a broken image and turned ones.
func odd(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for i := range 12 {
		var b bytes.Buffer
		require.NoError(t, jpeg.Encode(&b, datatest.Draw(60, 30, uint64(90+i)), nil))
		turned := append([]byte("\xff\xd8\xff\xe1\x00\x22Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00\x00\x00\x00\x00"), b.Bytes()[2:]...)
		datatest.Write(t, filepath.Join(dir, string(rune('a'+i%6)), fmt.Sprintf("%02d.jpg", i)), turned)
	}
	datatest.Write(t, filepath.Join(dir, "a", "broken.jpg"), []byte("none"))
	return dir
}

// resolved is all that an experiment becomes before anything runs.
func resolved(t *testing.T, experiment string, sets []string) string {
	t.Helper()
	e, err := config.Load(experiment, sets)
	require.NoError(t, err)
	plan, _, err := e.Resolve(1000, 1)
	require.NoError(t, err)
	linear, err := e.Linear.Resolve(1000)
	require.NoError(t, err)
	text, err := json.Marshal(plan)
	require.NoError(t, err)
	spec := inputs.Location(e.Data)
	spec.Progress = nil
	rates := ""
	for step := range int64(50) {
		rates += fmt.Sprint(linear.Schedule.At(step*50), " ")
	}
	return fmt.Sprintf("%s %+v %+v %d %s", text, spec, e.Views(), linear.Steps, rates)
}

var times = regexp.MustCompile(`"(seconds|images_per_second|wait_share|memory_mb|started|weights|run|origin)":[^,}]*|"settings":.*`)

// result is what a command brings about: its result without times, the files of the run folder with digests of the
// weights, or its error.
func result(t *testing.T, command, experiment string, sets []string) string {
	t.Helper()
	t.Chdir(t.TempDir())
	args := append(strings.Fields(command), experiment, "--set", "run.dir=run")
	if command == "finetune" {
		args = append(args, "--set", "crops=[{count = 1, size = 32, scale = [0.5, 1.0]}]")
	}
	if command != "pretrain" {
		args = append(args, "--random-init", "--json")
	}
	for _, s := range sets {
		args = append(args, "--set", s)
	}
	out, _, err := invoke(t, args...)
	if err != nil {
		return err.Error()
	}
	all := times.ReplaceAllString(out, "")
	require.NoError(t, filepath.WalkDir(".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() || command != "pretrain" && command != "finetune" && command != "detect train" {
			return err
		}
		all += "\n" + path
		if filepath.Ext(path) == ".safetensors" {
			content, err := os.ReadFile(path)
			all += fmt.Sprintf(" %x", sha256.Sum256(content))
			return err
		}
		return nil
	}))
	return all
}

// detectSets make a small detector's experiment of any, on pictures of rectangles.
func detectSets(images, annotations string) []string {
	return []string{
		"model.arch=regnet_y", "model.depth=6", "model.w0=8", "model.wa=12", "model.wm=2", "model.group_width=8",
		"data.source=" + images, "detect.annotations=" + annotations, "detect.val=" + images, "detect.val_annotations=" + annotations,
		"optim.batch=1", "optim.base_lr=0.01", "optim.scaling=none", "train.duration=2it", "schedule.kind=constant", "schedule.warmup=0it",
		"detect.width=8", "detect.box_width=8", "detect.mask_convs=1", "detect.regions=8", "detect.sides=[64]", "detect.longest=96", "detect.val_side=48", "detect.val_longest=96", "detect.validate_every=2it",
	}
}
