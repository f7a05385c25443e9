// SPDX-License-Identifier: MIT

package supervised

import "seer/torch"

// ClasswiseBinaryCrossEntropy is the sum over classes of the mean logistic loss over the images that count for a class, of
// scores [N, classes] with targets [N, classes] of 1 and 0; entries of -1 do not count. It is VISSL's loss for OpenImages
// (bce_logits_multiple_output_single_target), with the scale that its learning rates are for. [BinaryCrossEntropy] is the
// mean over classes in its place.
func ClasswiseBinaryCrossEntropy(scores, targets *torch.Tensor) *torch.Tensor {
	counts := known(targets)
	return logistic(scores, targets).Mul(counts).SumDims(false, 0).Div(counts.SumDims(false, 0).ClampMin(1)).Sum()
}
