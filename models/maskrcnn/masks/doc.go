// SPDX-License-Identifier: MIT

// Package masks is Mask R-CNN's arithmetic on masks that needs no tensors: what the mask head should say of a box ([Target],
// [PolygonTarget]), and the mask in the image that it means by what it says ([Paste]). torchvision and detectron2 do both
// differently; the convention is that of package boxes.
package masks
