// SPDX-License-Identifier: MIT

package finetune

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"seer/checkpoint"
	"seer/eval"
	"seer/nn"
	"seer/nn/statedict"
	"seer/runfolder"
	"seer/supervised"
)

// projector is the beginning of SwAV's projection head, which stays between trunk and classes: SimCLR v2 (arXiv
// 2006.10029, section 2.2) and VISSL's "swav_head" fine-tune from there. Its layers become the first hidden ones of the
// head. Batch norm is the projector's, or begins anew where the projector has none.
type projector struct {
	widths  []int
	tensors []checkpoint.Tensor // hidden.0.0.weight, … as in supervised.Head; nil where a checkpoint brings the whole head
}

// openProjector reads as many layers as finetune.projector_layers says from the weights that the trunk is from.
func (r *run) openProjector(weights eval.TrunkSource) (p projector, err error) {
	n := r.Experiment.Finetune.ProjectorLayers
	switch {
	case n == 0:
		return p, nil
	case r.Newest != nil:
		p.widths, err = savedWidths(r.Newest, n)
	case weights.Random:
		err = errors.New("it keeps layers of SwAV's head, and --random-init has none: leave it out, or give widths of new layers in finetune.hidden")
	default:
		p, err = readProjector(weights, n)
	}
	if err != nil {
		return p, fmt.Errorf("finetune.projector_layers = %d: %w", n, err)
	}
	return p, nil
}

// savedWidths are those of the first n hidden layers of a run's head.
func savedWidths(c *runfolder.Checkpoint, n int) ([]int, error) {
	file, err := c.Open(runfolder.ModelFile)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	head, err := statedict.Below(file, headName+".")
	if err != nil {
		return nil, err
	}
	widths := hiddenWidths(head)
	if len(widths) < n {
		return nil, fmt.Errorf("the head of %s has %d hidden layers; give the run its own value again, or begin another with --set run.dir=…", c.Dir, len(widths))
	}
	return widths[:n], nil
}

// hiddenWidths are the widths of a head's hidden layers, by its tensors.
func hiddenWidths(head []checkpoint.Tensor) (widths []int) {
	for {
		name := fmt.Sprintf("hidden.%d.0.weight", len(widths))
		i := slices.IndexFunc(head, func(t checkpoint.Tensor) bool { return t.Name == name })
		if i < 0 {
			return widths
		}
		widths = append(widths, int(head[i].Shape[0]))
	}
}

// readProjector reads the first n hidden layers of the projection head that a file of weights holds.
func readProjector(weights eval.TrunkSource, n int) (p projector, err error) {
	found, err := runfolder.Find(weights.Weights, func(string) {}) // what is to be said was said with the trunk
	if err != nil {
		return p, err
	}
	file, err := checkpoint.Open(found.File)
	if err != nil {
		return p, err
	}
	defer file.Close()
	prefix, linears, err := projectionHead(file, weights.Prefix)
	if err != nil {
		return p, err
	}
	if hidden := len(linears) - 1; n > hidden { // the last maps to embeddings
		return p, fmt.Errorf("the projection head of %s has %d hidden layers; allowed are 0 to that", file.Path(), hidden)
	}
	for i, at := range linears[:n] {
		for to, from := range map[string]int{"0": at, "1": at + 1} {
			read, err := statedict.Below(file, fmt.Sprintf("%s%d.", prefix, from))
			if err != nil {
				return p, err
			}
			for _, t := range read {
				if t.Name != "num_batches_tracked" {
					t.Name = fmt.Sprintf("hidden.%d.%s.%s", i, to, t.Name)
					p.tensors = append(p.tensors, t)
				}
			}
		}
	}
	p.widths = hiddenWidths(p.tensors)
	return p, nil
}

// projectionHead finds SwAV's head in a file of this program or of VISSL: what its names begin with, and the numbers of its
// Linears.
func projectionHead(file *checkpoint.File, below string) (prefix string, linears []int, err error) {
	heads := map[string][]int{}
	for _, info := range file.Infos() {
		module, isWeight := strings.CutSuffix(info.Name, ".weight")
		at := strings.LastIndex(module, "projection_head.")
		if !isWeight || at < 0 || len(info.Shape) != 2 || !strings.HasPrefix(module, below) {
			continue
		}
		name := module[:at] + "projection_head."
		if number, err := strconv.Atoi(module[len(name):]); err == nil {
			heads[name] = append(heads[name], number)
		}
	}
	switch names := sortedNames(heads); len(names) {
	case 0:
		return "", nil, fmt.Errorf("%s has no projection head of SwAV (projection_head.0.weight, …); seer inspect lists what it holds", file.Path())
	case 1:
		slices.Sort(heads[names[0]])
		return names[0], heads[names[0]], nil
	default:
		return "", nil, fmt.Errorf("%s has several projection heads: %s; choose with --prefix", file.Path(), strings.Join(names, ", "))
	}
}

func sortedNames(heads map[string][]int) (names []string) {
	for name := range heads {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// fill puts the projector's tensors into a head.
func (p projector) fill(head *supervised.Head) error {
	given := map[string]bool{}
	for _, t := range p.tensors {
		given[t.Name] = true
	}
	return statedict.Set(only{head, given}, p.tensors)
}

// only are the tensors of a walker that have certain names.
type only struct {
	nn.Walker
	names map[string]bool
}

// Walk visits those tensors.
func (o only) Walk(prefix string, visit func(nn.Entry)) {
	o.Walker.Walk(prefix, func(e nn.Entry) {
		if o.names[e.Name] {
			visit(e)
		}
	})
}
