// SPDX-License-Identifier: MIT

// Package mask holds the pixels of an object as runs, the way COCO does: column after column, first how many pixels lie
// outside, then how many inside, and so on. A mask of a person takes a few hundred bytes that way, and area, box, overlap and
// union are counted on runs, without a picture.
//
// Everything agrees with pycocotools.mask to the pixel: the compressed strings ([Parse], [RLE.Text]), lists of counts
// ([FromRuns]), polygons ([FromPolygons]), boxes ([FromBox]), [RLE.Area], [RLE.Box], [IoU], [Union] and [Intersection].
// What pycocotools takes without a check (runs that do not fill the mask, strings that end early, sizes that overflow, points
// at 1e300) is an error here: it comes from files that anybody may have written, and there it hangs or reads beyond its memory.
//
// Masks do not change once they are made.
package mask
