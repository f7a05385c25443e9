// SPDX-License-Identifier: MIT

// Package instances reads the two files of COCO's object detection: annotations, such as instances_val2017.json, which say what
// is in each image ([Open]), and results, which say what somebody found ([OpenResults]). Boxes of PASCAL VOC become annotations of the same form ([OpenVOC]). It takes them as they are: what they
// mean for training is decided in package detection, what for a score in package eval/coco.
//
// Files are read element by element, in one pass. What is kept of the 450 MB of instances_train2017.json is its numbers.
// Every error says the file, the place in it ("annotations[12].bbox"), what was found and what is allowed.
package instances
