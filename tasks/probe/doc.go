// SPDX-License-Identifier: MIT

// Package probe is seer linear-eval, seer knn and seer svm: what a frozen trunk's features are worth for images with
// labels. A [Session] opens the images and computes features once for all probes.
//
// linear.go trains classifiers as a [seer/train.Program]: heads.go is the method, a grid of them that learn beside each
// other; batches.go brings features and targets, judge.go scores, kept.go keeps the state of a training that takes long.
package probe
