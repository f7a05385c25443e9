// SPDX-License-Identifier: MIT

// Package regnet builds RegNetX and RegNetY trunks (Radosavovic et al., "Designing Network Design Spaces", arXiv 2003.13678), from
// 200 MF to the 10-billion-parameter model of SEER. The arithmetic that turns five numbers into stages and blocks is in
// regnet/arch and needs no tensors; this package makes modules of it. Structure, initialisation and parameter names are
// torchvision's, so public checkpoints load without a map.
package regnet
