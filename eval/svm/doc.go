// SPDX-License-Identifier: MIT

// Package svm trains linear support vector machines on features, one class against the rest: the probe of VOC07 and
// Places205 and of low-shot classification since Goyal et al. (arXiv 1905.01235), with VISSL's settings as [Defaults].
//
// [Train] minimises, for labels y = ±1,
//
//	½‖w‖² + ½ b² + C Σ cᵢ max(0, 1 − yᵢ(w·xᵢ + s·b))²
//
// by coordinate descent on its dual (Hsieh et al., A Dual Coordinate Descent Method for Large-scale Linear SVM, ICML 2008,
// algorithm 3): LIBLINEAR's solver 1, which scikit-learn's LinearSVC(dual=True) is. s is the intercept's scaling; b is
// regularised, as there. [Evaluate] chooses a cost C for each class and says the average precision on a test set, [LowShot]
// does it for k positives a class, sampled several times.
//
// Every number depends on the features, the labels and the seed only, whatever the number of goroutines.
package svm
