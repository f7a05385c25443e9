// SPDX-License-Identifier: MIT

// Package eval is frozen trunks: their features, what they are worth to a weighted nearest-neighbour vote, and their export.
//
// A [Backbone] is a trunk with all that its input needs (device, precision, normalisation); [OpenBackbone] finds one in
// a run folder, a file of weights or at random. [Backbone.Extract] turns a source of images into features once, on which
// [KNN] votes.
//
// The packages below this one (metrics, svm, logistic, knn, rankme) work on features and labels alone.
//
// Everything is a function of the seed: on one machine the same command prints the same numbers.
package eval
