// SPDX-License-Identifier: MIT

// Package source lists images wherever they lie and reads them one by one.
//
// A [Source] is a list of images with random access. [Open] makes one of
//
//   - a folder: all images below it in the bytewise order of their paths, links
//     followed, hidden files left out; with labels, the folders right below it
//     are the classes, sorted by name as torchvision's ImageFolder sorts them;
//   - a list: a text file, plain or gzip, with a path on every line, relative
//     to the list's folder or absolute; empty lines are skipped, and lines that
//     begin with # where there is no such file; an integer label may follow after a tab, or after spaces
//     where the path ends like an image file;
//   - tar shards: a file, a folder of them, or a pattern (shard-{000..127}.tar,
//     *.tar); images may be compressed once more (.jpg.gz, .jpg.zst); labels come
//     from the sibling .cls, .json ("label", "cls" or "class") or .txt
//     (an integer) as in WebDataset, or from the members' folders in shards
//     without siblings;
//   - an IDX file of raw images (MNIST, Fashion-MNIST), plain or gzip; labels
//     come from the file beside it;
//   - a list of URLs, as text or in a column of parquet files, which are
//     downloaded ahead of their turn (package fetch); labels as in a list, or
//     from a column of integers or names;
//   - an index that [BuildIndex] has written: a list of any of these but IDX,
//     so that opening it takes no time.
//
// Nothing is left out without a word: [ListingOf] counts what a source holds
// besides its images. [Location.Members] chooses images by their names.
//
// Lists are flat: a million paths cost about ten megabytes and no work for the
// garbage collector (package index). [Fingerprint] identifies a resolved list.
package source
