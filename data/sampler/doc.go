// SPDX-License-Identifier: MIT

// Package sampler decides which image is seen when.
//
// An epoch is a keyed permutation of [0, n) that is computed, not stored: the
// index at any position costs tens of nanoseconds and no memory, for three
// images or for three billion. The order depends on the seed and the epoch
// only, so the whole state of a run is one integer, the global position:
// the number of images all ranks together have consumed. Any number of
// workers or ranks that agree on that integer agree on the order.
//
// Where random access is dear, [Windowed] reads shards from beginning to end and
// shuffles within windows; the position alone is the state there too.
//
// [Balanced] draws rare classes more often. It keeps the list of each class's
// images, and its whole state is the position, too.
//
// A [Sampler] also restricts a data set to its first images, to a random
// fraction that stays the same whatever the run's seed, or to a list.
package sampler
