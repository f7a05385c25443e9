// SPDX-License-Identifier: MIT

// Package sketch draws networks without tensors. A description of an architecture draws its layers once, and the
// [Sketch] holds what follows from that: the names and shapes of its state dict, where its stages end, and the work and
// memory of each segment. Nothing of the tensors' size is allocated, and libtorch is not needed.
package sketch
