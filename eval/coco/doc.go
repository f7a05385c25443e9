// SPDX-License-Identifier: MIT

// Package coco scores detections as COCO does: average precision and recall of boxes or masks, over ten thresholds of overlap,
// four ranges of area and 1, 10 or 100 detections an image and category. Every number is that of pycocotools (COCOeval), which
// all published tables are made with, to the rounding of float64. It needs no libtorch and no Python.
//
//	truth, err := instances.Open("instances_val2017.json")
//	results, err := instances.OpenResults("results.json")
//	e, err := coco.Evaluate(truth, results, coco.Boxes, coco.Defaults())
//	fmt.Println(e.Summary().AP)
//
// How it goes, for each image and category by itself: detections, the best score first, take the object that they overlap most
// and that is still free ([match]); crowds and objects outside a range of areas count neither for nor against, and nor does a
// detection that finds only such a one, or finds nothing and is outside the range itself. Then all images of a category are put
// in one row by score, and precision over recall is read at 101 recalls (accumulate.go). A mean takes what there is: what has no
// objects has the value -1 and is left out.
//
// pycocotools has habits that change numbers, and they are kept:
//
//   - The area of a detection, which decides whether it is inside a range, is that of its box where it has one, also for masks.
//     detectron2 and mmdetection take the boxes away first; [Params].MaskAreas does as they do.
//   - An annotation with the id 0 is found by no detection: 0 is its mark for "none". [Evaluation].Notes says so.
//   - Objects of categories or images that the file does not list are passed over; Notes counts them.
//
// Where it stops with a bare KeyError, or with none, the error here says the element and what is wrong with it.
package coco
