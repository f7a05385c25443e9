// SPDX-License-Identifier: MIT

// Package metrics counts how well scores tell classes: top-k accuracy and recall for images of one class, average
// precision for images of several. It is arithmetic on slices: no tensors, no files.
//
// [Classification] and [MultiLabel] take batches as they come. The first keeps two integers a class and k, so that a test
// set of any size fits; average precision needs the order of all scores, so the second keeps five bytes an image and class.
// Both merge, which is how several processes add up.
//
// All figures are fractions of 1. What has no value (the recall of a class without images, the average precision without
// positives) is NaN, and [Mean] leaves it out.
package metrics
