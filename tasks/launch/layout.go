// SPDX-License-Identifier: MIT

package launch

import (
	"seer/nn"
	"seer/torch"
	"seer/train"
)

// layoutFile keeps the memory layout that was measured: layouts round differently, so a run that starts again must not
// choose again.
const layoutFile = "layout.json"

type measuredLayout struct {
	ChannelsLast bool `json:"channels_last"`
}

// Layout follows run.channels_last. A measured choice is kept in the run folder before the first step. A file that cannot
// be read is an error: with another layout the run would go on, but not with the same bits. Of several processes rank 0
// chooses for all.
func (l *Launch) Layout(trunk nn.Module, precision torch.DType, views []train.Views) (channelsLast bool, err error) {
	switch l.Experiment.Run.ChannelsLast {
	case "on":
		return true, nil
	case "off":
		return false, nil
	}
	return l.Decide(func() (bool, error) { return l.faster(trunk, precision, views) })
}

// faster is the layout that was measured before, or is now.
func (l *Launch) faster(trunk nn.Module, precision torch.DType, views []train.Views) (channelsLast bool, err error) {
	var kept measuredLayout
	if known, err := l.Folder.Document(layoutFile, &kept); known || err != nil {
		return kept.ChannelsLast, err
	}
	on, report, err := train.FasterLayout(trunk, l.Device, precision, views)
	if err != nil {
		return false, err
	}
	l.Say("Memory layout: %s", report)
	l.measured = &measuredLayout{on}
	return on, nil
}
