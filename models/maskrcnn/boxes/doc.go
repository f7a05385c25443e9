// SPDX-License-Identifier: MIT

// Package boxes is the arithmetic of Mask R-CNN (arXiv 1703.06870, and Faster R-CNN before it, 1506.01497) that needs no tensors:
// anchors, how boxes are coded, which anchor is matched with which object, what is sampled for the losses, which of the overlapping
// boxes stay, which level of the pyramid a box is looked up in. An idea a file.
//
// Boxes are float32, and every sum is made in the order in which torchvision 0.26 makes it on the CPU, so that matches and
// choices are the same. Matching needs anchors and objects only: it can be done where examples are loaded. torchvision and
// detectron2 differ in details that change results; [Convention] is the one switch for them.
package boxes
