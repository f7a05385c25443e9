// SPDX-License-Identifier: MIT

// Package labelled reads labelled data sets in the layouts in which they are published: ImageNet with its development kit
// or as Kaggle has it, class folders, Places, iNaturalist, Open Images, PASCAL VOC and COCO.
//
// [Open] returns a [Set]: a [data.Source], so that the loader reads its images, with names of classes in a documented
// order and with targets. A set has either one class an image ([Set.Label]) or many ([Set.Row]: 1 there, 0 not there, -1
// not known, which a loss leaves out).
//
// What an annotation names and the disk lacks is left out and counted ([data.ListingOf]); it is an error only when nothing
// is left. What contradicts itself is an error that names the file and the line: a label that is no class, an image with
// two classes.
//
// Smaller sets for low-shot learning are made by [seer/data/subset].
package labelled
