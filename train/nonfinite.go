// SPDX-License-Identifier: MIT

package train

import (
	"fmt"
	"path/filepath"
	"strings"

	"seer/checkpoint"
	"seer/nn"
	"seer/torch"
)

// NonFiniteError stops a run whose loss, gradient or weights became NaN or infinite. Unless Weights is set the parameters
// and buffers are those before the step.
type NonFiniteError struct {
	Step    int64
	Loss    float64
	Norm    float64             // of the gradient; 0 when the loss was broken already
	Weights bool                // the step was complete, and has broken the weights
	Report  []string            // a line for each tensor of the step: range, and how much of it is not finite
	Dump    []checkpoint.Tensor // views of the step, and what the method shows of it
	Images  int64               // of the batch
	State   []checkpoint.Tensor // parameters and buffers of the method before the step
	Path    string              // where the run folder keeps the dump; set by whoever wrote it
	Advice  string              // how the run can go on; likewise
}

// Error tells the step, what is broken, and where to look.
func (e *NonFiniteError) Error() string {
	where := ""
	if e.Path != "" {
		where = fmt.Sprintf("\nThe step's tensors are in %s (safetensors); list them with: seer inspect %s\n"+
			"Do the step again, and see which layer is the first that is not finite, with: seer replay %s", e.Path, e.Path, filepath.Dir(e.Path))
	}
	what := fmt.Sprintf("the loss of step %d is %v; training stopped before the weights changed", e.Step, e.Loss)
	switch {
	case e.Weights:
		what = fmt.Sprintf("step %d has made weights that are not finite (loss %.4f); no checkpoint is made of them", e.Step, e.Loss)
	case finite(e.Loss):
		what = fmt.Sprintf("the gradient norm of step %d is %v (loss %.4f); training stopped before the weights changed", e.Step, e.Norm, e.Loss)
	}
	return fmt.Sprintf("%s.\n  %s%s\n"+
		"Usual causes: a learning rate that is too high (optim.base_lr, schedule.warmup), fp16 (use bf16), or crops and batches "+
		"so small that batch norm sees hardly any values.%s", what, strings.Join(e.Report, "\n  "), where, e.Advice)
}

// soundWeights refuses weights and statistics that are not finite, which a step of finite loss and gradient can make: a
// checkpoint of them would take the place of the last good one.
func soundWeights(method nn.Walker, e Event) error {
	broken := &NonFiniteError{Step: e.Step - 1, Loss: e.Result.Loss, Weights: true}
	if err := torch.Try(func() {
		scope := torch.NewScope()
		defer scope.Close()
		if allFinite(nn.Entries(method)) {
			return
		}
		broken.addBroken(nn.Parameters(method), "parameter")
		broken.addBroken(nn.Buffers(method), "buffer")
	}); err != nil {
		return err
	}
	if len(broken.Report) == 0 {
		return nil
	}
	return broken
}

// allFinite looks at all tensors in one pass and waits for the device once. Values so large that their norm overflows make
// it false, too.
func allFinite(entries []nn.Entry) bool {
	var floats []*torch.Tensor
	for _, e := range entries {
		if e.Tensor.DType().IsFloat() { // counts of batches are not
			floats = append(floats, e.Tensor.Detach())
		}
	}
	return len(floats) == 0 || torch.ForeachNorms(floats).IsFinite().All().Item() != 0
}

// newNonFinite describes the tensors of the step, then the parameters and buffers that are broken themselves.
func newNonFinite(step int64, r Result, method nn.Walker, b *Batch, out Output) *NonFiniteError {
	e := &NonFiniteError{Step: step, Loss: r.Loss, Norm: r.GradientNorm, Images: b.Images}
	for i, x := range b.Views {
		e.add(fmt.Sprintf("%s%d", viewPrefix, i), x)
	}
	if t := b.Targets; t.Classes != nil {
		e.Dump = append(e.Dump, checkpoint.Tensor{Name: classesName, DType: checkpoint.I64, Shape: t.Classes.Shape(), Data: t.Classes.RawBytes()})
	}
	if t := b.Targets; t.Scores != nil {
		e.Dump = append(e.Dump, checkpoint.Tensor{Name: scoresName, DType: checkpoint.F32, Shape: t.Scores.Shape(), Data: t.Scores.RawBytes()})
	}
	if out.Dump != nil {
		for _, t := range out.Dump() {
			e.add(t.Name, t.Tensor)
		}
	}
	e.addBroken(nn.Parameters(method), "parameter")
	e.addBroken(nn.Buffers(method), "buffer")
	return e
}

// listed bounds the tensors of a kind: one broken layer breaks all behind it.
const listed = 5

func (e *NonFiniteError) addBroken(entries []nn.Entry, kind string) {
	broken := 0
	for _, p := range entries {
		if p.Tensor.IsFinite().All().Item() != 0 {
			continue
		}
		if broken++; broken <= listed {
			e.Report = append(e.Report, describe(kind+" "+p.Name, p.Tensor))
		}
	}
	if broken > listed {
		e.Report = append(e.Report, fmt.Sprintf("and %d more %ss", broken-listed, kind))
	}
}

func (e *NonFiniteError) add(name string, t *torch.Tensor) {
	e.Report = append(e.Report, describe(name, t))
	e.Dump = append(e.Dump, checkpoint.Tensor{
		Name: name, DType: "F32", Shape: t.Shape(), Data: t.To(torch.Float32).RawBytes(),
	})
}

// describe gives the range of the finite part and the share of the rest.
func describe(name string, t *torch.Tensor) string {
	finite := t.IsFinite()
	bad := 1 - finite.To(torch.Float32).Mean().Item()
	zero := torch.Zeros(t.DType(), t.Device(), 1)
	clean := torch.Where(finite, t.Detach(), zero)
	return fmt.Sprintf("%-12s %v: finite values from %.4g to %.4g, %.3g %% not finite", name, t, clean.Min().Item(),
		clean.Max().Item(), 100*bad)
}
