// SPDX-License-Identifier: MIT

// Package nn holds the layers that trunks, convolutional and of attention, and projection heads are made of. A layer is a struct with its
// tensors as fields and a Forward method; nothing is registered and nothing is hidden. [Walk] visits the tensors of a
// module tree in definition order under PyTorch's names, which fixes one order of parameters for optimizers,
// checkpoints and all-reduce buckets.
//
// Whether a batch norm learns statistics, uses them, or leaves them alone is the caller's decision, passed down in a
// [Context]: a recomputing backward pass and synchronised groups need to say so per call.
package nn
