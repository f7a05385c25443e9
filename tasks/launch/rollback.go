// SPDX-License-Identifier: MIT

package launch

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"seer/config"
	"seer/runfolder"
	"seer/train"
)

// WithRollbacks starts a run. Where that ends in a step that would come again, or its loss has jumped, and run.rollbacks
// allows for it, the run goes back to the last checkpoint that is good, and on with other images and crops.
func WithRollbacks(e *config.Experiment, o StartOptions, start func(StartOptions) error) error {
	for back := 1; ; back++ {
		err := start(o)
		from, why := wayBack(e.Run.Dir, err)
		if from == "" || back > e.Run.Rollbacks {
			return err
		}
		fmt.Fprintf(o.Out, "warning: %s\nGoing back to the checkpoint before, with other images and crops from there on (%d of run.rollbacks = %d)\n", why, back, e.Run.Rollbacks)
		o.From, o.another = from, true
	}
}

// wayBack is the checkpoint to go back to after an error, see [runfolder.Folder.Choose], and the error in short; "" where going back is no
// help.
func wayBack(dir string, err error) (from, why string) {
	var broken *train.NonFiniteError
	var skipped *train.SkippedError
	var spike *train.SpikeError
	switch {
	case errors.As(err, &spike):
		return before(dir, spike.Step), spike.Error()
	case errors.As(err, &broken), errors.As(err, &skipped):
		why, _, _ = strings.Cut(err.Error(), "\n")
		return runfolder.FromLatest, why
	}
	return "", ""
}

// before is the newest checkpoint up to a step. Without one the run begins anew.
func before(dir string, step int64) string {
	list, err := runfolder.List(dir)
	if err != nil {
		return ""
	}
	from := ""
	for _, c := range list {
		if c.Problem == "" && c.Step <= step {
			from = strconv.FormatInt(c.Step, 10)
		}
	}
	return from
}

// seed is that of the order of images and of their crops: run.seed, and another one after each time that the run went back.
func (l *Launch) seed() uint64 { return l.Experiment.Run.Seed + uint64(l.rollbacks) }
