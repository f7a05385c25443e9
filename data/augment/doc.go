// SPDX-License-Identifier: MIT

// Package augment specifies the random views ("crops") of an image and draws
// their parameters. It never touches a pixel: package jpeg renders what is
// drawn here.
//
// A [MultiCrop] is a list of [Group]s, each a number of equally sized crops. For
// every crop of every image [MultiCrop.Draw] yields a [Crop], the complete and plain
// description of one view: which box of the image, resized to what, flipped or
// not, the colour jitter's order and factors, grey or not, the blur's radius.
//
// Parameters are distributed as torchvision distributes them
// (RandomResizedCrop, RandomHorizontalFlip, ColorJitter inside RandomApply,
// RandomGrayscale) and as SwAV's own PIL blur does. The generator is
// counter-based (Philox4x32-10), keyed by seed, epoch, image index and crop
// number: a crop is a pure function of those four and of the image's size, so
// batches do not depend on the number of workers or on what was drawn before.
// Every operation reads its own stream, so switching the blur off does not
// change where the crops lie.
package augment
