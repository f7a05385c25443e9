// SPDX-License-Identifier: MIT

package train

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"seer/checkpoint"
	"seer/checkpoint/runfolder"
	"seer/config"
	"seer/internal/redact"
	"seer/torch"
)

// The files of a checkpoint and of a run that this package writes.
const (
	ModelFile     = "model.safetensors"     // trunk, head, prototypes, queue: parameters and buffers
	OptimizerFile = "optimizer.safetensors" // momentum, loss scale
	StateFile     = "state.json"            // State
	ResolvedFile  = runfolder.ConfigFile    // the experiment with every default and override; also of each checkpoint
	layoutFile    = "layout.json"           // the memory layout that was measured
)

// LayoutKey is the metadata of weights that says whether they were trained channels-last, by choice or as measured.
const LayoutKey = "channels_last"

// folder is the run folder with what pretraining keeps in it. Until begin it changes nothing.
type folder struct {
	*runfolder.Folder
	metrics, bad *runfolder.Log
	newest       *runfolder.Checkpoint // nil: none yet
	before       *config.Experiment    // of the run so far, nil where it is not known
	measured     *measuredLayout       // by this start; begin keeps it

	experiment []byte            // as resolved.toml has it
	trunk      map[string]string // metadata of the weights
}

// openFolder takes the run folder of an experiment, finds the checkpoint to continue from, and tells what differs from
// the run so far.
func openFolder(e *config.Experiment, from string, out io.Writer) (f *folder, err error) {
	keep := e.Run.Keep
	if keep == 0 {
		keep = math.MaxInt32
	}
	rf, err := runfolder.Open(e.Run.Dir, runfolder.Options{
		Keep: keep, Needs: []string{ModelFile, OptimizerFile, StateFile},
		Warn: func(message string) { fmt.Fprintln(out, "warning:", message) },
	})
	if err != nil {
		return nil, err
	}
	f = &folder{Folder: rf}
	if err := f.look(e, from, out); err != nil {
		return nil, errors.Join(err, rf.Close())
	}
	return f, nil
}

func (f *folder) look(e *config.Experiment, from string, out io.Writer) (err error) {
	text, err := e.Text()
	if err != nil {
		return err
	}
	f.experiment = []byte(text)
	if f.trunk, err = config.Metadata(e.Model, e.Augment.Mean, e.Augment.Std); err != nil {
		return err
	}
	f.newest, err = f.choose(from)
	switch {
	case errors.Is(err, runfolder.ErrNoCheckpoint):
		return nil
	case err != nil:
		return err
	}
	return f.compare(e, out)
}

// private are the permission bits of the experiment: a source may have a password or a signature.
func (f *folder) private() fs.FileMode {
	if text := string(f.experiment); redact.Text(text) != text {
		return 0o600
	}
	return 0
}

func (f *folder) saveExperiment(w *runfolder.Writer) error {
	return w.Text(ResolvedFile, f.private(), f.experiment)
}

// compare names the keys that have changed since the checkpoint was written; one without an experiment of its own is of
// the run's last start.
func (f *folder) compare(e *config.Experiment, out io.Writer) error {
	file := f.Path(ResolvedFile)
	if slices.Contains(f.newest.Files, ResolvedFile) {
		file = filepath.Join(f.newest.Dir, ResolvedFile)
	}
	before, err := config.Load(file, nil)
	var unread *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.As(err, &unread): // it cannot be read, and must not be replaced for that
		return err
	case err != nil:
		fmt.Fprintf(out, "warning: the run's former %v; it will be replaced\n", err)
		return nil
	}
	f.before = before
	for _, change := range config.Changes(before, e) {
		fmt.Fprintf(out, "warning: continuing a run with another %s\n", change)
	}
	return nil
}

// begin makes the start take effect, once everything was checked and the checkpoint was found to fit: it writes the
// resolved experiment and opens the logs where the newest checkpoint ends.
func (f *folder) begin(version string) error {
	versions, err := runfolder.JSONFile(runfolder.VersionsFile, runfolder.NewVersions(version, torch.Version()))
	if err != nil {
		return err
	}
	start := runfolder.Start{
		Files: []runfolder.File{{Name: ResolvedFile, Data: f.experiment, Perm: f.private()}, versions},
		// Bad images carry the number of the step that they belonged to, which is one less than the steps done after it.
		Logs: map[string]int64{runfolder.MetricsLog: f.savedStep(), runfolder.BadImagesLog: f.savedStep() - 1},
	}
	if f.measured != nil {
		layout, err := runfolder.JSONFile(layoutFile, f.measured)
		if err != nil {
			return err
		}
		start.Files = append(start.Files, layout)
	}
	if err := f.Begin(start); err != nil {
		return err
	}
	f.metrics, f.bad = f.Log(runfolder.MetricsLog), f.Log(runfolder.BadImagesLog)
	return nil
}

// savedStep is the number of steps in the newest checkpoint, 0 without one.
func (f *folder) savedStep() int64 {
	if f.newest == nil {
		return 0
	}
	return f.newest.Step
}

// latest is the path of the newest checkpoint.
func (f *folder) latest() string {
	if f.newest == nil {
		return "(none)"
	}
	return f.newest.Dir
}

// load restores the newest checkpoint, and reports whether there is one.
func (f *folder) load(t *Trainer, s *State) (found bool, err error) {
	if f.newest == nil {
		return false, nil
	}
	if err := f.newest.ReadJSON(StateFile, s); err != nil {
		return false, err
	}
	if s.Step != f.newest.Step {
		return false, fmt.Errorf("%s is of step %d, and its %s of step %d: they do not belong together", f.newest.Dir, f.newest.Step, StateFile, s.Step)
	}
	model, err := f.newest.Open(ModelFile)
	if err != nil {
		return false, err
	}
	defer model.Close()
	optimizer, err := f.newest.Open(OptimizerFile)
	if err != nil {
		return false, err
	}
	defer optimizer.Close()
	if err := Restore(t.System, model); err != nil {
		return false, err
	}
	return true, t.restoreOptimizer(optimizer)
}

// save writes a checkpoint of everything that the next step depends on.
func (f *folder) save(step int64, t *Trainer, s State) error {
	model, err := Tensors(t.System)
	if err != nil {
		return err
	}
	optimizer, err := Tensors(t.optimizerState())
	if err != nil {
		return err
	}
	meta := maps.Clone(f.trunk)
	meta["step"] = strconv.FormatInt(step, 10)
	meta[LayoutKey] = strconv.FormatBool(s.ChannelsLast)
	err = f.Save(step, func(w *runfolder.Writer) error {
		return errors.Join(w.Safetensors(ModelFile, model, meta), w.Safetensors(OptimizerFile, optimizer, meta),
			w.JSON(StateFile, s), f.saveExperiment(w))
	})
	if err != nil {
		return fmt.Errorf("writing a checkpoint of step %d: %w; the one before it is complete", step, err)
	}
	f.newest = &runfolder.Checkpoint{Dir: f.Path(runfolder.CheckpointsDir, runfolder.StepName(step)), Step: step}
	return f.metrics.Sync()
}

func (f *folder) logMetrics(line any) error { return f.metrics.Append(line) }

func (f *folder) badImages() io.Writer { return f.bad }

// dump writes the tensors of a broken step.
func (f *folder) dump(step int64, tensors []checkpoint.Tensor) (path string, err error) {
	path = f.Path(fmt.Sprintf("nonfinite-step-%d.safetensors", step))
	return path, checkpoint.WriteSafetensors(path, tensors, map[string]string{"step": strconv.FormatInt(step, 10)})
}

// measuredLayout is what layout.json holds.
type measuredLayout struct {
	ChannelsLast bool `json:"channels_last"`
}

// layout is the memory layout that an earlier start of the run measured. A file that cannot be read is an error: with
// another layout the run would go on, but not with the same bits.
func (f *folder) layout() (channelsLast, known bool, err error) {
	data, err := os.ReadFile(f.Path(layoutFile))
	if errors.Is(err, fs.ErrNotExist) {
		return false, false, nil
	}
	if err != nil {
		return false, false, err
	}
	var l measuredLayout
	return l.ChannelsLast, json.Unmarshal(data, &l) == nil, nil
}

// keepLayout has begin keep a measured layout.
func (f *folder) keepLayout(channelsLast bool) { f.measured = &measuredLayout{channelsLast} }

func (f *folder) close() { _ = f.Close() }
