// SPDX-License-Identifier: MIT

// Package detect is seer detect: Mask R-CNN on a pretrained trunk, trained on images with boxes and masks, and its use.
//
// detect.go is the order of a start. What is learned from: annotated.go, images and what is in them; views.go, how they are
// seen; batches.go, both as a step takes them. What learns: design.go, the detector of an experiment; method.go, what the
// engine trains. How well: precise.go, the statistics of batch norm before it is asked; validate.go. The result: model.go opens
// a finished run and finds objects; results.go writes and draw.go paints them, show.go what is learned from.
package detect
