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

// WeightedCrossEntropy is CrossEntropy with a weight for each class, float32 [classes]: an image counts as much as its
// class, and the sum is divided by the weights of all images, as PyTorch does (weight).
func WeightedCrossEntropy(scores, classes, weights *torch.Tensor, smoothing float64) *torch.Tensor {
	logs := scores.To(torch.Float32).LogSoftmax(1).Mul(weights)
	rows := classes.Size(0)
	sum := weights.IndexSelect(0, classes).Sum()
	own := logs.Gather(1, classes.Reshape(rows, 1)).Sum().Neg()
	uniform := logs.Sum().Neg().DivScalar(float64(scores.Size(1)))
	return own.MulScalar(1 - smoothing).Add(uniform.MulScalar(smoothing)).Div(sum)
}

// WeightedSoftCrossEntropy is SoftCrossEntropy with a weight for each class; it is divided by the number of images, as
// PyTorch does with shares.
func WeightedSoftCrossEntropy(scores, shares, weights *torch.Tensor) *torch.Tensor {
	logs := scores.To(torch.Float32).LogSoftmax(1)
	return logs.Mul(shares).Mul(weights).Sum().Neg().DivScalar(float64(scores.Size(0)))
}

// BinaryCrossEntropy is the mean over all entries that count of the logistic loss of scores [N, classes] with targets
// [N, classes] of 1 and 0 (torch.nn.functional.binary_cross_entropy_with_logits). Entries of -1 do not count: the class
// may be in the image or not (OpenImages, VOC's difficult objects).
func BinaryCrossEntropy(scores, targets *torch.Tensor) *torch.Tensor {
	return meanOfKnown(logistic(scores, targets), targets)
}

// logistic is the loss of each entry for targets of 1 and 0.
func logistic(scores, targets *torch.Tensor) *torch.Tensor {
	scores = scores.To(torch.Float32)
	return scores.ClampMin(0).Sub(scores.Mul(targets)).Add(softplus(scores))
}

// WeightedBinaryCrossEntropy is BinaryCrossEntropy with a weight for the positives of each class, float32 [classes]
// (pos_weight in PyTorch).
func WeightedBinaryCrossEntropy(scores, targets, weights *torch.Tensor) *torch.Tensor {
	scores = scores.To(torch.Float32)
	// log(1 + exp(-x)), which positives cost, is what softplus adds to max(-x, 0).
	positive := scores.Neg().ClampMin(0).Add(softplus(scores))
	negative := scores.Add(positive)
	shares := targets.ClampMin(0)
	return meanOfKnown(positive.Mul(shares).Mul(weights).Add(negative.Sub(negative.Mul(shares))), targets)
}

// softplus is log(1 + exp(-|x|)), which does not overflow.
func softplus(x *torch.Tensor) *torch.Tensor { return x.Abs().Neg().Exp().AddScalar(1).Log() }

// known is 1 for each target that counts and 0 for others.
func known(targets *torch.Tensor) *torch.Tensor { return targets.GtScalar(-0.5).To(torch.Float32) }

// meanOfKnown is the mean of the losses [N, classes] whose target is not -1.
func meanOfKnown(losses, targets *torch.Tensor) *torch.Tensor {
	counts := known(targets)
	return losses.Mul(counts).Sum().Div(counts.Sum().ClampMin(1))
}
