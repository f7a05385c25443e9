// SPDX-License-Identifier: MIT

package train

import (
	"fmt"
	"strings"

	"seer/checkpoint"
	"seer/nn"
	"seer/ssl/swav"
	"seer/torch"
)

// NonFiniteError stops a run whose loss or gradient became NaN or infinite. The parameters are those before the step; the running
// statistics and the queue have seen it, so that a checkpoint must not be made of them.
type NonFiniteError struct {
	Step   int64
	Loss   float64
	Norm   float64             // of the gradient; 0 when the loss was broken already
	Report []string            // a line for each tensor of the step: range, and how much of it is not finite
	Dump   []checkpoint.Tensor // scores, assignments, embeddings and crops of the step
	Path   string              // where the run folder keeps the dump; set by whoever wrote it
}

// Error tells the step, what is broken, and where to look.
func (e *NonFiniteError) Error() string {
	where := ""
	if e.Path != "" {
		where = fmt.Sprintf("\nThe step's tensors are in %s (safetensors); list them with: seer inspect %s", e.Path, e.Path)
	}
	what := fmt.Sprintf("the loss of step %d is %v", e.Step, e.Loss)
	if finite(e.Loss) {
		what = fmt.Sprintf("the gradient norm of step %d is %v (loss %.4f)", e.Step, e.Norm, e.Loss)
	}
	return fmt.Sprintf("%s; training stopped before the weights changed.\n  %s%s\n"+
		"Usual causes: a learning rate that is too high (optim.base_lr, schedule.warmup), fp16 (use bf16), or crops and batches "+
		"so small that batch norm sees hardly any values.", what, strings.Join(e.Report, "\n  "), where)
}

// newNonFinite describes the tensors of the step, then the parameters and buffers that are broken themselves.
func newNonFinite(step int64, r Result, system *swav.SwAV, images []*torch.Tensor, out swav.Output) *NonFiniteError {
	e := &NonFiniteError{Step: step, Loss: r.Loss, Norm: r.GradientNorm}
	for i, x := range images {
		e.add(fmt.Sprintf("crops.%d", i), x)
	}
	e.add("embeddings", out.Embeddings)
	e.add("scores", out.Scores)
	e.add("assignments", out.Assignments)
	e.addBroken(nn.Parameters(system), "parameter")
	e.addBroken(nn.Buffers(system), "buffer")
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
