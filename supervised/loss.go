// SPDX-License-Identifier: MIT

package supervised

import "seer/torch"

// CrossEntropy is the mean over images of the cross-entropy of scores [N, classes] with one class each, int64 [N]
// (torch.nn.functional.cross_entropy). smoothing in [0,1) is the share of the target that all classes get alike
// (Szegedy et al., arXiv 1512.00567, section 7; label_smoothing in PyTorch).
func CrossEntropy(scores, classes *torch.Tensor, smoothing float64) *torch.Tensor {
	scores = scores.To(torch.Float32)
	loss := torch.CrossEntropy(scores, classes)
	if smoothing == 0 {
		return loss
	}
	uniform := scores.LogSoftmax(1).Mean().Neg() // mean over images and classes
	return loss.MulScalar(1 - smoothing).Add(uniform.MulScalar(smoothing))
}

// SoftCrossEntropy is the mean over images of the cross-entropy of scores [N, classes] with shares [N, classes] that add
// up to 1 a row, as mixed images have them.
func SoftCrossEntropy(scores, shares *torch.Tensor) *torch.Tensor {
	return torch.CrossEntropy(scores.To(torch.Float32), shares)
}

// BinaryCrossEntropy is the mean over all entries that count of the logistic loss of scores [N, classes] with targets
// [N, classes] of 1 and 0 (torch.nn.functional.binary_cross_entropy_with_logits). Entries of -1 do not count: the class
// may be in the image or not (OpenImages, VOC's difficult objects).
func BinaryCrossEntropy(scores, targets *torch.Tensor) *torch.Tensor {
	scores = scores.To(torch.Float32)
	counts := targets.GtScalar(-0.5).To(torch.Float32)
	// max(x,0) - x·t + log(1 + exp(-|x|)), which does not overflow.
	softplus := scores.Abs().Neg().Exp().AddScalar(1).Log()
	loss := scores.ClampMin(0).Add(scores.Mul(targets).Neg()).Add(softplus)
	return loss.Mul(counts).Sum().Div(counts.Sum().ClampMin(1))
}
