// SPDX-License-Identifier: MIT

package train

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"

	"seer/checkpoint"
	"seer/nn"
	"seer/torch"
)

// Names of the tensors of a broken step in its file.
const (
	viewPrefix  = "views."
	classesName = "targets.classes"
	scoresName  = "targets.scores"
)

// brokenName is the file with the batch of a broken step, and what the method shows of it, brokenStateName the one with the
// method's tensors before the step.
func brokenName(step int64) string { return fmt.Sprintf(brokenFormat, step) }
func brokenStateName(step int64) string {
	return fmt.Sprintf("nonfinite-step-%d-model.safetensors", step)
}

const (
	brokenFormat  = "nonfinite-step-%d.safetensors"
	brokenPattern = "nonfinite-step-*.safetensors"
	imagesKey     = "images" // of the batch
)

// keptBuffers are a method's buffers before a step: running statistics and the queue, which a forward pass changes. The
// scope of the step owns the copies.
type keptBuffers struct{ buffers, copies []*torch.Tensor }

func keepBuffers(m nn.Walker) keptBuffers {
	k := keptBuffers{buffers: nn.Tensors(nn.Buffers(m))}
	for _, b := range k.buffers {
		k.copies = append(k.copies, b.Clone())
	}
	return k
}

// restore gives them back what they were.
func (k keptBuffers) restore() {
	if len(k.buffers) > 0 {
		torch.NoGrad(func() { torch.ForeachCopyInPlace(k.buffers, k.copies) })
	}
}

// Broken is a step that a run has kept: its batch, and the method's tensors before it.
type Broken struct {
	Step  int64
	batch *checkpoint.File
	state string
}

// OpenBroken opens a step that is kept in a run folder; -1 is the last one.
func OpenBroken(run string, step int64) (*Broken, error) {
	names, err := filepath.Glob(filepath.Join(run, brokenPattern))
	if err != nil {
		return nil, err
	}
	var steps []int64
	for _, name := range names {
		var n int64
		if _, err := fmt.Sscanf(filepath.Base(name), brokenFormat, &n); err == nil && filepath.Base(name) == brokenName(n) {
			steps = append(steps, n)
		}
	}
	slices.Sort(steps)
	switch {
	case len(steps) == 0:
		return nil, fmt.Errorf("%s has kept no step: there is one where a loss or a gradient was not finite", run)
	case step < 0:
		step = steps[len(steps)-1]
	case !slices.Contains(steps, step):
		return nil, fmt.Errorf("%s has not kept step %d: there are %v", run, step, steps)
	}
	file, err := checkpoint.Open(filepath.Join(run, brokenName(step)))
	return &Broken{Step: step, batch: file, state: filepath.Join(run, brokenStateName(step))}, err
}

// Close closes the files.
func (b *Broken) Close() error { return b.batch.Close() }

// Metadata are those of a checkpoint, and [EpochKey] and [WorldKey].
func (b *Broken) Metadata() map[string]string { return b.batch.Metadata() }

// Number is a number of the metadata; 0 where there is none.
func (b *Broken) Number(key string) int {
	n, _ := strconv.Atoi(b.Metadata()[key])
	return n
}

// Labelled tells whether the step has learned from labels.
func (b *Broken) Labelled() bool {
	_, classes := b.batch.Lookup(classesName)
	_, scores := b.batch.Lookup(scoresName)
	return classes || scores
}

// State are the method's tensors before the step.
func (b *Broken) State() ([]checkpoint.Tensor, error) {
	file, err := checkpoint.Open(b.state)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	return file.ReadAll()
}

// Tensor is one that was kept of the step, on dev; nil where there is none. The open scope owns it.
func (b *Broken) Tensor(name string, dev torch.Device) (*torch.Tensor, error) {
	if _, ok := b.batch.Lookup(name); !ok {
		return nil, nil
	}
	t, err := b.batch.Read(name)
	if err != nil {
		return nil, err
	}
	kind := torch.Float32
	if t.DType == checkpoint.I64 {
		kind = torch.Int64
	}
	return torch.FromBytes(t.Data, kind, t.Shape...).ToDevice(dev), nil
}

// Batch is what the step was given, as the method saw it. The open scope owns it.
func (b *Broken) Batch(dev torch.Device, channelsLast bool) (*Batch, error) {
	out := &Batch{}
	for i := 0; ; i++ {
		view, err := b.Tensor(fmt.Sprint(viewPrefix, i), dev)
		if err != nil {
			return nil, err
		}
		if view == nil {
			break
		}
		if channelsLast {
			view = view.ToChannelsLast()
		}
		out.Views = append(out.Views, view)
	}
	var errs [2]error
	out.Targets.Classes, errs[0] = b.Tensor(classesName, dev)
	out.Targets.Scores, errs[1] = b.Tensor(scoresName, dev)
	images, err := strconv.ParseInt(b.Metadata()[imagesKey], 10, 64)
	if err != nil {
		return nil, fmt.Errorf("%s does not say how many images it has: it is of another program", b.batch.Path())
	}
	out.Images = images
	return out, errors.Join(errs[:]...)
}
