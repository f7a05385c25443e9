// SPDX-License-Identifier: MIT

// Package recompute plans activation checkpointing (Chen et al., arXiv 1604.06174): what of a trunk's forward pass is kept
// for its backward pass, and what is computed again there. It is arithmetic on what the segments cost; nn.Tape does what a
// plan says.
package recompute
