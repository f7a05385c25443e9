// SPDX-License-Identifier: MIT

package subset

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
)

// Images are what a subset is taken of: the names of a source's images and the class of each.
type Images interface {
	Len() int64
	Name(i int64) string
	Label(i int64) int // -1 without a class, or with several
	Classes() []string
}

// Draw is the lot of an image: those with the smallest are taken first. It is the first eight bytes, big-endian, of the
// SHA-256 of the seed in decimal, a slash and the name. So a smaller draw of a seed is part of every larger one.
//
//	int.from_bytes(hashlib.sha256(f"{seed}/{name}".encode()).digest()[:8], "big")
func Draw(seed uint64, name string) uint64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%d/%s", seed, name))
	return binary.BigEndian.Uint64(sum[:])
}

// Balanced draws round(fraction · n) of n images, the same number of every class, the largest one more where it does not
// divide; a class that has fewer gives all, and the others make up for it.
func Balanced(images Images, fraction float64, seed uint64) ([]int64, error) {
	n := int64(math.Round(fraction * float64(images.Len())))
	switch {
	case !(fraction > 0 && fraction <= 1):
		return nil, fmt.Errorf("a fraction of %g of the images; allowed is over 0 to 1", fraction)
	case n == 0:
		return nil, fmt.Errorf("a fraction of %g of %d images is none; take at least %g", fraction, images.Len(), 1/float64(images.Len()))
	}
	classes, err := byClass(images)
	if err != nil {
		return nil, err
	}
	return drawEach(images, classes, quotas(classes, n), seed), nil
}

// Shots draws k images of every class. A class that has fewer is an error.
func Shots(images Images, k int64, seed uint64) ([]int64, error) {
	classes, err := byClass(images)
	if err != nil {
		return nil, err
	}
	quota := make([]int64, len(classes))
	for class, members := range classes {
		if k < 1 || int64(len(members)) < k {
			return nil, fmt.Errorf("%d images of every class: class %q has %d; allowed are 1 to the size of the smallest class", k, images.Classes()[class], len(members))
		}
		quota[class] = k
	}
	return drawEach(images, classes, quota, seed), nil
}

// Named finds the images that a text file names, one a line: by their whole names, or as SimCLR's 1percent.txt has them
// (n04235860_14959.JPEG) by the last part. A name that is missing, or that two images have, is an error: a subset with a
// hole would be another benchmark.
func Named(images Images, path string) ([]int64, error) {
	wanted, err := readNames(path)
	if err != nil {
		return nil, err
	}
	var taken []int64
	missing := len(wanted)
	for i := range images.Len() {
		name := images.Name(i)
		for _, key := range []string{name, name[strings.LastIndexByte(name, '/')+1:]} {
			found, ok := wanted[key]
			if found {
				return nil, fmt.Errorf("%s: two images are called %s, the second is %s; name them by their paths", path, key, name)
			}
			if ok {
				wanted[key] = true
				missing--
				taken = append(taken, i)
				break
			}
		}
	}
	if missing > 0 || len(taken) == 0 {
		return nil, fmt.Errorf("%s: %d of its names are not in the source, %q for one, and %d are; the first name of the source is %q: give a list of this source's images, a name a line",
			path, missing, firstMissing(wanted), len(taken), images.Name(0))
	}
	return taken, nil
}

// readNames gives the names of a list, none of them found yet.
func readNames(path string) (map[string]bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	names := map[string]bool{}
	scan := bufio.NewScanner(f)
	for scan.Scan() {
		if line := strings.TrimSpace(scan.Text()); line != "" {
			names[line] = false
		}
	}
	return names, scan.Err()
}

func firstMissing(wanted map[string]bool) string {
	var missing []string
	for name, found := range wanted {
		if !found {
			missing = append(missing, name)
		}
	}
	slices.Sort(missing)
	return append(missing, "")[0]
}

// byClass lists the images of each class.
func byClass(images Images) ([][]int64, error) {
	out := make([][]int64, len(images.Classes()))
	for i := range images.Len() {
		label := images.Label(i)
		if label < 0 || label >= len(out) {
			return nil, fmt.Errorf("as many of every class: that needs one class an image, and %s has none or several; draw a fraction at random, or for a source whose labels are not read set data.labels = true", images.Name(i))
		}
		out[label] = append(out[label], i)
	}
	return out, nil
}

// quotas shares n out: the class with the fewest images is served first, and what it cannot give the others do.
func quotas(classes [][]int64, n int64) []int64 {
	order := make([]int, len(classes))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(len(classes[a]), len(classes[b])) })
	quota := make([]int64, len(classes))
	for k, class := range order {
		quota[class] = min(n/int64(len(order)-k), int64(len(classes[class])))
		n -= quota[class]
	}
	return quota
}

// drawEach takes of each class the images with the smallest lots, in the order of the source.
func drawEach(images Images, classes [][]int64, quota []int64, seed uint64) (taken []int64) {
	type lot struct {
		draw  uint64
		image int64
	}
	for class, members := range classes {
		lots := make([]lot, len(members))
		for k, i := range members {
			lots[k] = lot{Draw(seed, images.Name(i)), i}
		}
		slices.SortFunc(lots, func(a, b lot) int { return cmp.Or(cmp.Compare(a.draw, b.draw), cmp.Compare(a.image, b.image)) })
		for _, l := range lots[:quota[class]] {
			taken = append(taken, l.image)
		}
	}
	slices.Sort(taken)
	return taken
}
