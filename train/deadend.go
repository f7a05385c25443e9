// SPDX-License-Identifier: MIT

package train

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"seer/checkpoint"
	"seer/runfolder"
)

// endless keeps where the run has ended if the same start would end there again, and has the error say how to go on. The
// checkpoints stay as they are: those steps have changed nothing but statistics.
func (p *Program) endless(err error) error {
	end := runfolder.DeadEnd{From: p.folder.SavedStep(), Start: p.Start}
	var broken *NonFiniteError
	var skipped *SkippedError
	var spike *SpikeError
	var failure error
	switch {
	case errors.As(err, &broken):
		end.Step, end.Why = broken.Step, "its loss, its gradient or what it made of the weights was not finite"
		failure, broken.Advice, err = p.dump(broken), WaysOn(p.folder, p.Ways), broken
	case errors.As(err, &spike):
		return err // nothing is saved of it: whoever has started the run goes back
	case errors.As(err, &skipped):
		end.Step, end.Why = skipped.Step-1, fmt.Sprintf("%d steps in a row %s", skipped.InARow, skipped.what())
		skipped.Advice, err = WaysOn(p.folder, p.Ways), skipped
	default:
		return nil
	}
	return errors.Join(err, failure, p.folder.KeepDeadEnd(end))
}

// dump keeps the tensors of a broken step for a look.
func (p *Program) dump(broken *NonFiniteError) error {
	if len(broken.Dump) == 0 {
		return nil
	}
	broken.Path = p.folder.Path(brokenName(broken.Step))
	meta := p.metadata()
	meta[StepKey] = strconv.FormatInt(broken.Step, 10)
	meta[EpochKey] = strconv.FormatInt(p.Clock.Epoch, 10)
	meta[imagesKey] = strconv.FormatInt(broken.Images, 10)
	meta[WorldKey] = strconv.Itoa(p.Engine.Mesh.Size())
	return errors.Join(
		checkpoint.WriteSafetensors(p.folder.Path(brokenStateName(broken.Step)), broken.State, meta),
		checkpoint.WriteSafetensors(broken.Path, broken.Dump, meta))
}

// WaysOn lists what can be added to the command of a run that has come to a dead end.
func WaysOn(f *runfolder.Folder, ways []Way) string {
	if steps := f.Steps(); len(steps) > 1 {
		ways = append(ways, Way{"--from-checkpoint " + runfolder.FromPrevious,
			fmt.Sprintf("an earlier checkpoint, or one by its number: there are %v", steps)})
	}
	ways = append(ways, Way{"--from-checkpoint " + runfolder.FromLatest, "the same once more, as it is"})
	var b strings.Builder
	b.WriteString("\nThe same command would end there again. Start it with one or more of:")
	for _, w := range ways {
		fmt.Fprintf(&b, "\n  %-32s %s", w.Flag, w.Meaning)
	}
	return b.String()
}
