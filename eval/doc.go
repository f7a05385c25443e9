// SPDX-License-Identifier: MIT

// Package eval measures what a frozen trunk has learned: pooled features, a linear classifier trained on them, and a
// weighted nearest-neighbour vote. Both probes report top-1 and top-5 accuracy on labelled validation images.
//
// A [Backbone] is a trunk with all that its input needs (device, precision, normalisation); [OpenBackbone] finds one in
// a run folder, a file of weights or at random. [Backbone.Extract] turns a source of images into features once; [KNN]
// and [Linear] work on those, and [LinearAugmented] runs the trunk again for every random crop.
//
// The packages below this one (metrics, svm, logistic, knn, rankme) work on features and labels alone.
//
// Everything is a function of the seed: on one machine the same command prints the same numbers.
package eval
