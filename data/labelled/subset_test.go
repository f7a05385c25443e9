// SPDX-License-Identifier: MIT

package labelled

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/data/datatest"
	"seer/internal/testrand"
)

// listed is a set with so many images of each class, none of which exists.
func listed(t testing.TB, perClass ...int) *Set {
	t.Helper()
	var list, classes strings.Builder
	for c, n := range perClass {
		fmt.Fprintf(&classes, "/class%d %d\n", c, c)
		for i := range n {
			fmt.Fprintf(&list, "/c%d/%d_%05d.jpg %d\n", c, c, i, c)
		}
	}
	root := tree(t, map[string]string{"categories_places365.txt": classes.String(), "places365_train_standard.txt": list.String(), "data_256/": "x"})
	return open(t, root, Options{Unchecked: true})
}

func names(s *Set) []string {
	out, _, _ := contents(s)
	return out
}

func TestDrawIsWhatItsDocumentationSays(t *testing.T) {
	// Python: int.from_bytes(hashlib.sha256(f"{7}/{'c0/0_00003.jpg'}".encode()).digest()[:8], "big")
	assert.Equal(t, uint64(9887661500905837693), Draw(7, "c0/0_00003.jpg"))
}

func TestFractionsAreExactNestedAndRepeatable(t *testing.T) {
	rng := testrand.New(t)
	for range 10 {
		s := listed(t, 1+rng.IntN(40), 1+rng.IntN(40), 1+rng.IntN(40))
		seed := rng.Uint64()
		for _, balanced := range []bool{false, true} {
			var before []string
			for _, percent := range []float64{5, 10, 20, 50, 100} {
				want := int64(percent/100*float64(s.Len()) + .5)
				part, err := s.Fraction(percent/100, balanced, seed)
				if want == 0 {
					require.Error(t, err)
					continue
				}
				require.NoError(t, err)
				now := names(part)
				require.EqualValues(t, want, part.Len())
				require.True(t, slices.IsSorted(now), "the order of the set")
				for _, name := range before {
					require.Contains(t, now, name, "a smaller draw is part of a larger one")
				}
				again, err := s.Fraction(percent/100, balanced, seed)
				require.NoError(t, err)
				require.Equal(t, now, names(again))
				before = now
			}
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
			part, err := listed(t, tt.classes...).Fraction(tt.fraction, true, 3)
			require.NoError(t, err)
			assert.Equal(t, tt.want, part.Counts())
		})
	}
}

func TestSeedsDrawDifferently(t *testing.T) {
	s := listed(t, 50, 50)
	a, err := s.Fraction(.2, false, 1)
	require.NoError(t, err)
	b, err := s.Fraction(.2, false, 2)
	require.NoError(t, err)
	assert.NotEqual(t, names(a), names(b))
	assert.NotEqual(t, a.Fingerprint(), b.Fingerprint())
}

func TestFractionsThatMakeNoSense(t *testing.T) {
	s := listed(t, 5, 5)
	for _, f := range []float64{0, -1, 1.1} {
		_, err := s.Fraction(f, false, 1)
		assert.ErrorContains(t, err, "allowed is over 0 to 1")
	}
	_, err := s.Fraction(.01, false, 1)
	assert.ErrorContains(t, err, "take at least 0.1")
}

func TestShotsOfEveryClass(t *testing.T) {
	s := listed(t, 9, 4, 20)
	part, err := s.Shots(4, 1)
	require.NoError(t, err)
	assert.Equal(t, []int64{4, 4, 4}, part.Counts())
	two, err := s.Shots(2, 1)
	require.NoError(t, err)
	for _, name := range names(two) {
		assert.Contains(t, names(part), name)
	}
	_, err = s.Shots(5, 1)
	assert.ErrorContains(t, err, `class "/class1" has 4`)
	_, err = s.Shots(0, 1)
	assert.ErrorContains(t, err, "allowed are 1")
}

func TestShotsOfOneClassAgainstTheRest(t *testing.T) {
	s := listed(t, 9, 4, 20)
	positive, negative := s.ShotsOf(1, 3, 6, 1)
	assert.Len(t, positive, 3)
	assert.Len(t, negative, 6)
	for _, i := range positive {
		assert.Equal(t, 1, s.Label(i))
	}
	for _, i := range negative {
		assert.NotEqual(t, 1, s.Label(i))
	}
	positive, _ = s.ShotsOf(1, 100, 0, 1)
	assert.Len(t, positive, 4, "as many as there are")
}

func TestPublishedListsOfNames(t *testing.T) {
	s := open(t, tree(t, examples["imagenet"]), Options{})
	list := filepath.Join(t.TempDir(), "1percent.txt")
	datatest.Write(t, list, []byte("n02119789_1.JPEG\r\nn01440764/n01440764_10.JPEG\nn09999999_7.JPEG\n"))
	part, absent, err := s.Named(list)
	require.NoError(t, err)
	assert.Equal(t, []string{"n01440764/n01440764_10.JPEG", "n02119789/n02119789_1.JPEG"}, names(part), "the order of the set")
	assert.EqualValues(t, 1, absent.N)
	assert.Equal(t, "n09999999_7.JPEG", absent.First)
	requireReadable(t, part)
	rest, _, err := part.Named(list)
	require.NoError(t, err)
	assert.Equal(t, names(part), names(rest), "of a subset")
}

func TestListsOfNamesThatAreWrong(t *testing.T) {
	s := open(t, tree(t, map[string]string{"train/a/1.jpg": "", "train/b/1.jpg": ""}), Options{})
	list := filepath.Join(t.TempDir(), "names.txt")
	datatest.Write(t, list, []byte("1.jpg\n"))
	_, _, err := s.Named(list)
	assert.ErrorContains(t, err, "two images are called 1.jpg")
	datatest.Write(t, list, []byte("x.jpg\ny.jpg\n"))
	_, _, err = s.Named(list)
	assert.ErrorContains(t, err, "none of the 2 images")
	assert.ErrorContains(t, err, "whose first is a/1.jpg")
	_, _, err = s.Named(list + "x")
	assert.ErrorContains(t, err, "names.txtx")
}
