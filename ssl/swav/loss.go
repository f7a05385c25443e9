// SPDX-License-Identifier: MIT

package swav

import "seer/torch"

// SwappedPrediction is the loss (equations 1, 2 and 6 of arXiv 2006.09882): for every assigned crop a and every other crop
// v of the same image, the cross-entropy between Q of a and the softmax of v's scores over τ,
//
//	L = mean over a, v ≠ a and images of  -Σₖ Qₐ[k] · log softmax(scores_v/τ)[k]
//
// scores is [V·B, K] crop-major and assignments [A·B, K] in the order of assignCrops. The average over pairs keeps the
// scale of the loss, and with it the learning rate, independent of the number of crops.
//
// Each crop's log-softmax meets the sum of all Q that it has to predict, which is one product in place of one a pair.
func SwappedPrediction(scores, assignments *torch.Tensor, assignCrops []int, batch int64, temperature float64) *torch.Tensor {
	crops := scores.Size(0) / batch
	targets := make([]*torch.Tensor, crops)
	for v := range targets {
		targets[v] = sumOfOthers(assignments, assignCrops, v, batch)
	}
	logp := scores.DivScalar(temperature).LogSoftmax(1)
	pairs := int64(len(assignCrops)) * (crops - 1)
	return torch.Cat(0, targets...).Mul(logp).Sum().DivScalar(-float64(pairs * batch))
}

// sumOfOthers adds up the assignments that crop v predicts: all but its own.
func sumOfOthers(assignments *torch.Tensor, assignCrops []int, v int, batch int64) *torch.Tensor {
	sum := torch.Zeros(torch.Float32, assignments.Device(), batch, assignments.Size(1))
	for a, crop := range assignCrops {
		if crop != v {
			sum.AddInPlace(assignments.Narrow(0, int64(a)*batch, batch))
		}
	}
	return sum
}
