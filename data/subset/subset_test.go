// SPDX-License-Identifier: MIT

package subset_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/data/subset"
	"seer/internal/testrand"
)

// listed is names with labels.
type listed struct {
	names   []string
	labels  []int
	classes []string
}

func (l listed) Len() int64          { return int64(len(l.names)) }
func (l listed) Name(i int64) string { return l.names[i] }
func (l listed) Label(i int64) int   { return l.labels[i] }
func (l listed) Classes() []string   { return l.classes }

// classes has so many images of each class.
func classes(perClass ...int) (l listed) {
	for c, n := range perClass {
		l.classes = append(l.classes, fmt.Sprint("class", c))
		for i := range n {
			l.names, l.labels = append(l.names, fmt.Sprintf("c%d/%d_%05d.jpg", c, c, i)), append(l.labels, c)
		}
	}
	return l
}

func (l listed) counts(indices []int64) []int64 {
	n := make([]int64, len(l.classes))
	for _, i := range indices {
		n[l.labels[i]]++
	}
	return n
}

func TestDrawIsWhatItsDocumentationSays(t *testing.T) {
	// Python: int.from_bytes(hashlib.sha256(f"{7}/{'c0/0_00003.jpg'}".encode()).digest()[:8], "big")
	assert.Equal(t, uint64(9887661500905837693), subset.Draw(7, "c0/0_00003.jpg"))
}

func TestBalancedFractionsAreExactNestedAndRepeatable(t *testing.T) {
	rng := testrand.New(t)
	for range 10 {
		images := classes(1+rng.IntN(40), 1+rng.IntN(40), 1+rng.IntN(40))
		seed := rng.Uint64()
		var before []int64
		for _, percent := range []float64{5, 10, 20, 50, 100} {
			want := int(percent/100*float64(images.Len()) + .5)
			now, err := subset.Balanced(images, percent/100, seed)
			if want == 0 {
				require.Error(t, err)
				continue
			}
			require.NoError(t, err)
			require.Len(t, now, want)
			require.True(t, slices.IsSorted(now), "the order of the source")
			require.Subset(t, now, before, "a smaller draw is part of a larger one")
			again, err := subset.Balanced(images, percent/100, seed)
			require.NoError(t, err)
			require.Equal(t, now, again)
			before = now
		}
	}
}

func TestBalancedFractionsTakeTheSameOfEveryClass(t *testing.T) {
	for name, tt := range map[string]struct {
		classes  []int
		fraction float64
		want     []int64
	}{
		"it divides":           {[]int{40, 40, 40}, .1, []int64{4, 4, 4}},
		"it does not":          {[]int{50, 40, 40}, .1, []int64{5, 4, 4}},
		"small classes":        {[]int{100, 2, 98}, .5, []int64{49, 2, 49}},
		"all":                  {[]int{3, 2, 1}, 1, []int64{3, 2, 1}},
		"fewer than there are": {[]int{30, 40, 30}, .02, []int64{0, 1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			images := classes(tt.classes...)
			part, err := subset.Balanced(images, tt.fraction, 3)
			require.NoError(t, err)
			assert.Equal(t, tt.want, images.counts(part))
		})
	}
}

func TestSeedsDrawDifferently(t *testing.T) {
	a, err := subset.Balanced(classes(50, 50), .2, 1)
	require.NoError(t, err)
	b, err := subset.Balanced(classes(50, 50), .2, 2)
	require.NoError(t, err)
	assert.NotEqual(t, a, b)
}

func TestFractionsThatMakeNoSense(t *testing.T) {
	for _, f := range []float64{0, -1, 1.1} {
		_, err := subset.Balanced(classes(5, 5), f, 1)
		assert.ErrorContains(t, err, "allowed is over 0 to 1")
	}
	_, err := subset.Balanced(classes(5, 5), .01, 1)
	assert.ErrorContains(t, err, "take at least 0.1")
}

func TestShotsOfEveryClass(t *testing.T) {
	images := classes(9, 4, 20)
	four, err := subset.Shots(images, 4, 1)
	require.NoError(t, err)
	assert.Equal(t, []int64{4, 4, 4}, images.counts(four))
	two, err := subset.Shots(images, 2, 1)
	require.NoError(t, err)
	assert.Subset(t, four, two)
	_, err = subset.Shots(images, 5, 1)
	assert.ErrorContains(t, err, `class "class1" has 4`)
	_, err = subset.Shots(images, 0, 1)
	assert.ErrorContains(t, err, "allowed are 1")
}

func TestDrawsAClassNeedOneClassAnImage(t *testing.T) {
	images := classes(3, 3)
	images.labels[4] = -1
	_, err := subset.Shots(images, 1, 1)
	assert.ErrorContains(t, err, "c1/1_00001.jpg has none or several")
	_, err = subset.Balanced(images, .5, 1)
	assert.ErrorContains(t, err, "needs one class an image")
}

// list writes a file of names.
func list(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "names.txt")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestPublishedListsOfNames(t *testing.T) {
	images := listed{names: []string{"a/1.JPEG", "a/2.JPEG", "b/3.JPEG"}}
	taken, err := subset.Named(images, list(t, "3.JPEG\r\n\na/1.JPEG\n"))
	require.NoError(t, err)
	assert.Equal(t, []int64{0, 2}, taken, "the order of the source")
}

func TestListsOfNamesThatAreWrong(t *testing.T) {
	images := listed{names: []string{"a/1.jpg", "b/1.jpg", "b/2.jpg"}}
	for text, want := range map[string]string{
		"1.jpg\n":               "two images are called 1.jpg, the second is b/1.jpg",
		"x.jpg\ny.jpg\n2.jpg\n": `2 of its names are not in the source, "x.jpg" for one, and 1 are; the first name of the source is "a/1.jpg"`,
		"\n":                    "0 of its names",
	} {
		_, err := subset.Named(images, list(t, text))
		assert.ErrorContains(t, err, want)
	}
	_, err := subset.Named(images, "nowhere.txt")
	assert.ErrorContains(t, err, "nowhere.txt")
}
