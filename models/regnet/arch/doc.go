// SPDX-License-Identifier: MIT

// Package arch is the arithmetic of RegNetY: from six numbers to stages, blocks,
// parameter names and shapes, parameter counts and multiply-adds, without a single
// tensor. A model is one line of variants.go.
//
// A RegNet (arXiv 2003.13678) grows its block widths along a line, u_j = w_0 + w_a·j,
// and quantises them to w_0·w_m^s with whole s, so that equal widths form stages.
// RegNetY adds squeeze-and-excitation. The stem halves the image and so does the
// first block of every stage; four stages make a stride of 32.
//
// Two ways of fitting a width to its group width are in use. torchvision never
// lets a width shrink by more than a tenth; VISSL, with which SEER was trained,
// rounds to the nearest multiple. They differ for 800MF and 8GF, whose checkpoints
// therefore do not exchange: a plain name means torchvision's widths, the suffix
// _seer means SEER's.
package arch
