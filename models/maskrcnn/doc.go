// SPDX-License-Identifier: MIT

// Package maskrcnn is Mask R-CNN (He et al., arXiv 1703.06870) with a feature pyramid on any convolutional trunk: it finds
// objects, their boxes, classes and masks.
//
// Read it beside the paper in this order: model.go, what the parts are; rpn.go, the network that proposes regions; heads.go,
// what looks at a region; train.go, from examples to five losses; detect.go, from images to detections. The arithmetic of
// boxes and masks needs no tensors and lies in the packages boxes and masks. torchvision and detectron2 differ in details
// that change results: [boxes.Convention] is the one switch for them. Tensors have torchvision's names, so that its
// checkpoints load without a map.
package maskrcnn
