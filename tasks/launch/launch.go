// SPDX-License-Identifier: MIT

package launch

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"

	"seer/config"
	"seer/inputs"
	"seer/internal/redact"
	"seer/mesh"
	"seer/nn"
	"seer/runfolder"
	"seer/torch"
	"seer/train"
)

// StartOptions say how a run presents itself.
type StartOptions struct {
	Out      io.Writer // messages and progress, for people
	Terminal bool      // Out is a terminal: show a progress bar in place of lines
	Version  string    // of seer, for the run folder
	// From is the checkpoint to continue from, see [runfolder.Folder.Choose]. Newer ones are set aside. A start that would
	// only repeat the end of the last one needs it.
	From string
	// Mesh are the processes of the run; nil: this one alone.
	Mesh    *mesh.Mesh
	another bool // order of images than the run has had so far: see [WithRollbacks]
	// Hooks run behind the run's own, before its checkpoints. An error of theirs ends the run after saving it.
	Hooks []train.Hook
}

// Launch is a start while it is prepared, and the run that comes of it. Until [Launch.Begin] it changes nothing.
type Launch struct {
	StartOptions
	Experiment *config.Experiment
	Folder     *runfolder.Folder
	Newest     *runfolder.Checkpoint // to continue from; nil: none yet
	Before     *config.Experiment    // of the run so far, nil where it is not known
	Device     torch.Device
	// Program is what is run; messages go around its progress bar. Nil while it is built.
	Program *train.Program

	rollbacks int64           // that the run has done: see [train.Clock]
	measured  *measuredLayout // by this start; Begin keeps it
	steps     *os.File        // of this process's last step, once there is one
}

// Open takes the run folder of an experiment, finds the checkpoint to continue from, and tells what differs from the run
// so far.
func Open(e *config.Experiment, o StartOptions) (l *Launch, err error) {
	l = &Launch{StartOptions: o, Experiment: e}
	keep := e.Run.Keep
	if keep == 0 {
		keep = math.MaxInt32
	}
	if !o.Mesh.Leads() {
		l.Folder = runfolder.Follow(e.Run.Dir)
		return l, l.look()
	}
	l.Folder, err = runfolder.Open(e.Run.Dir, runfolder.KeepOptions{
		Keep: keep, Needs: []string{runfolder.ModelFile, runfolder.OptimizerFile, runfolder.StateFile},
		Warn: func(message string) { l.Say("warning: %s", message) },
	})
	if err != nil {
		return nil, err
	}
	if err := l.look(); err != nil {
		return nil, errors.Join(err, l.Folder.Close())
	}
	return l, nil
}

func (l *Launch) look() (err error) {
	if _, err := l.experiment(); err != nil {
		return err
	}
	if l.Newest, err = l.chosen(); err != nil {
		return err
	}
	clock, _, err := l.Clock()
	if err != nil {
		return err
	}
	if l.rollbacks = clock.Rollbacks; l.another {
		l.rollbacks++
	}
	if l.Newest == nil || !l.Mesh.Leads() {
		return nil
	}
	return l.compare()
}

// compare names the keys that have changed since the checkpoint was written; one without an experiment of its own is of
// the run's last start.
func (l *Launch) compare() error {
	file := l.Folder.Path(runfolder.ConfigFile)
	if slices.Contains(l.Newest.Files, runfolder.ConfigFile) {
		file = filepath.Join(l.Newest.Dir, runfolder.ConfigFile)
	}
	before, err := config.Load(file, nil)
	var unread *fs.PathError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case errors.As(err, &unread): // it cannot be read, and must not be replaced for that
		return err
	case err != nil:
		l.Say("warning: the run's former %v; it will be replaced", err)
		return nil
	}
	l.Before = before
	for _, change := range config.Changes(before, l.Experiment) {
		l.Say("warning: continuing a run with another %s", change)
	}
	return nil
}

// Say tells people something.
func (l *Launch) Say(format string, args ...any) {
	if l.Program != nil {
		l.Program.Progress().Clear()
	}
	fmt.Fprintf(l.Out, format+"\n", args...)
}

// Warn tells people of problems that do not stop the start.
func (l *Launch) Warn(problems []config.Problem) {
	for _, p := range problems {
		l.Say("warning: %v", p)
	}
}

// CheckMachine refuses what this machine cannot do.
func (l *Launch) CheckMachine() (err error) {
	if err = inputs.CheckMemory(l.Experiment, l.Mesh.At().Machines()); err != nil {
		return err
	}
	if l.Device, err = torch.ParseDevice(l.device()); err != nil {
		return fmt.Errorf("run.device: %w", err)
	}
	return torch.SetCUDAMath(torch.CUDAMath{TF32: l.Experiment.Run.TF32, Deterministic: l.Experiment.Run.Deterministic})
}

// device is run.device; of several processes on a machine with GPUs each takes its own.
func (l *Launch) device() string {
	name, place := l.Experiment.Run.Device, l.Mesh.At()
	if name == "cuda" && place.LocalWorld > 1 || name == "auto" && place.LocalWorld > 1 && torch.CUDACount() > 0 {
		return fmt.Sprintf("cuda:%d", place.Local)
	}
	return name
}

// Clock reads how far the run is that is to be continued; false where there is none.
func (l *Launch) Clock() (c train.Clock, known bool, err error) {
	if l.Newest == nil {
		return c, false, nil
	}
	known, err = l.Newest.Document(train.ClockPart, &c)
	return c, known, err
}

// SayComplete is for a run that is at its end.
func (l *Launch) SayComplete(c train.Clock, steps int64) error {
	l.Say("The run is complete: %d of %d steps. Its latest checkpoint is %s. To go on, raise train.duration", c.Step, steps, l.Newest.Dir)
	return c.Learned(l.Say)
}

// Accept is the end of every preparation: the program goes on where its run is, and what its loader would refuse, or would
// only fail again, is refused now.
func (l *Launch) Accept(p *train.Program, images *Images, plan *config.Resolved) error {
	if err := l.resume(p); err != nil {
		return err
	}
	if err := images.check(p, plan); err != nil {
		return err
	}
	if l.Mesh.Leads() {
		if err := l.refuseDeadEnd(p); err != nil {
			return err
		}
	}
	return p.Engine.Share()
}

// resume has a program go on from the newest checkpoint, if there is one.
func (l *Launch) resume(p *train.Program) error {
	defer func() { p.Clock.Rollbacks = l.rollbacks }()
	if l.Newest == nil {
		return nil
	}
	epoch := p.Clock.Epoch // of the source as it is now
	if err := p.Load(l.Newest); err != nil {
		return err
	}
	p.Clock.Epoch = epoch
	if p.Clock.ChannelsLast != p.Engine.ChannelsLast {
		nn.SetChannelsLast(p.Engine.Method, p.Engine.ChannelsLast)
		l.Say("warning: run.channels_last has changed since step %d: the run goes on, but not bit for bit", p.Clock.Step)
	}
	l.Say("Continuing at step %d of %d from %s", p.Clock.Step, p.Steps, l.Newest.Dir)
	return nil
}

// refuseDeadEnd stops a start that would do again what the last one did.
func (l *Launch) refuseDeadEnd(p *train.Program) error {
	end, ok := l.Folder.DeadEnd()
	if !ok || l.From != "" || end.From != l.Folder.SavedStep() || end.Start != p.Start {
		return nil
	}
	before, err := config.Load(l.Folder.Path(runfolder.ConfigFile), nil)
	if err != nil || len(config.Changes(before, l.Experiment)) > 0 {
		return nil
	}
	return fmt.Errorf("run folder %s: the last start ended in step %d, because %s, and nothing has changed since.%s",
		l.Folder.Dir(), end.Step, end.Why, train.WaysOn(l.Folder, p.Ways))
}

// Ways are the settings that get a run out of a dead end.
func Ways(e *config.Experiment) []train.Way {
	ways := []train.Way{
		{Flag: "--set optim.base_lr=…", Meaning: fmt.Sprintf("a lower rate, now %g", e.Optim.BaseLR)},
		{Flag: "--set run.seed=…", Meaning: fmt.Sprintf("another order and other crops of the images from here on, now %d", e.Run.Seed)},
	}
	if e.Run.Precision == "fp16" {
		ways = append(ways, train.Way{Flag: "--set run.precision=bf16", Meaning: "float32's range"})
	}
	return ways
}

// experiment is the run's own, for its folder and each of its checkpoints. A source may have a password or a signature:
// then it is for its owner only.
func (l *Launch) experiment() (runfolder.File, error) {
	text, err := l.Experiment.Text()
	file := runfolder.File{Name: runfolder.ConfigFile, Data: []byte(text)}
	if redact.Text(text) != text {
		file.Perm = 0o600
	}
	return file, err
}

// Begin makes the start take effect, once everything was checked, by every process of the run, and the checkpoint was
// found to fit: rank 0 writes the resolved experiment and opens the logs where the newest checkpoint ends.
func (l *Launch) Begin() error {
	if err := l.Mesh.Agree(nil); err != nil {
		return err
	}
	if l.Mesh.Leads() {
		if err := l.begin(); err != nil {
			return err
		}
	}
	return l.join()
}

func (l *Launch) begin() error {
	experiment, err := l.experiment()
	if err != nil {
		return err
	}
	versions, err := runfolder.JSONFile(runfolder.VersionsFile, runfolder.NewVersions(l.Version, torch.Version()))
	if err != nil {
		return err
	}
	saved := l.Folder.SavedStep()
	start := runfolder.Start{
		Files: []runfolder.File{experiment, versions},
		// Bad images carry the number of the step that they belonged to, which is one less than the steps done after it.
		Logs: map[string]int64{runfolder.MetricsLog: saved, runfolder.BadImagesLog: saved - 1},
	}
	if l.measured != nil {
		layout, err := runfolder.JSONFile(layoutFile, l.measured)
		if err != nil {
			return err
		}
		start.Files = append(start.Files, layout)
	}
	if err := l.Folder.Begin(start); err != nil {
		return err
	}
	return l.Folder.ForgetDeadEnd()
}

// badImages is the log of images that could not be read; Begin has opened it.
func (l *Launch) badImages() io.Writer { return l.Folder.Log(runfolder.BadImagesLog) }

// Fill gives a program what the start knows: where it speaks, what its checkpoints carry, how often.
func (l *Launch) Fill(p *train.Program) error {
	experiment, err := l.experiment()
	if err != nil {
		return err
	}
	l.Program = p
	p.Out, p.Terminal = l.Out, l.Terminal
	p.Hooks = append(p.Hooks, l.Hooks...)
	p.Files = []runfolder.File{experiment}
	p.GoesBack = l.Experiment.Run.Rollbacks > 0
	p.MaxSkipped = int64(l.Experiment.Run.MaxSkippedSteps)
	p.Ways = Ways(l.Experiment)
	l.keepLastStep(p)
	return nil
}

// Close gives the run folder back.
func (l *Launch) Close() error { return errors.Join(l.Folder.Close(), l.closeRank()) }
