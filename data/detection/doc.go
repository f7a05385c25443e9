// SPDX-License-Identifier: MIT

// Package detection makes training examples of annotated images: which objects count ([Build], [Rules]), and how image, boxes
// and masks move together ([View]) when a network sees the image resized, cut and mirrored ([ShortSide], [ScaleJitter]).
//
// Annotations are those of COCO's files and of PASCAL VOC, which package instances reads. Pixels are moved by package jpeg: a
// view says its crop. Views are drawn from counter-based numbers: a view is a function of seed, epoch, index and the image's size.
package detection
