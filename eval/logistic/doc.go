// SPDX-License-Identifier: MIT

// Package logistic fits multinomial logistic regression to features in float64: the probe of DINOv2 and CLIP, scikit-learn's
// LogisticRegression in its last digits. [Fit] minimises, over n images with classes y,
//
//	(1/n) Σ −ln softmax(W·x + b)_y + ‖W‖² / (2·C·n)
//
// which is scikit-learn's C·Σ loss + ½‖W‖² divided by C·n; the intercepts are free. [Evaluate] chooses C on a tenth of the
// training images and fits all of them again, as DINOv2 does (dinov2/eval/log_regression.py).
//
// The minimum is unique, so how it is found is free. Images are turned into the axes of their covariance and centred, which
// changes neither loss nor penalty; there the diagonal of the Hessian is nearly all of it (Böhning, 1992), and L-BFGS
// preconditioned with it takes tens of steps where it would take hundreds or thousands. Matrix products are libtorch's, on any
// device.
package logistic
