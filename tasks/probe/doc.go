// SPDX-License-Identifier: MIT

// Package probe is seer linear-eval and seer knn: what a frozen trunk's features are worth for images with labels. A
// [Session] opens the images and computes features once for all probes; linear.go trains the classifier as a
// [seer/train.Program].
package probe
