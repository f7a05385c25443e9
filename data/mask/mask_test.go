// SPDX-License-Identifier: MIT

package mask

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/internal/golden"
)

const seed = 20210302 // of the golden files

// references are what pycocotools says: tools/golden/make_masks.py.
type references struct {
	Polygons, Unions, Intersections []string
	First                           []struct{ Text string }
	Areas                           []uint32
	Boxes                           []Box
	DrawnBoxes                      []string `json:"drawn_boxes"`
	Overlaps                        struct {
		Masks, Boxes []float64
		MaskCrowds   []float64 `json:"mask_crowds"`
		BoxCrowds    []float64 `json:"box_crowds"`
	}
	Counts []struct {
		Counts []uint32
		Pixels []uint16
		Text   string
	}
}

func load(t testing.TB) (r references) {
	t.Helper()
	require.NoError(t, golden.JSON("masks.json", &r))
	return r
}

func sizeOf(i int) (h, w int) { return 20 + i/4*37%200, 20 + i/4*53%260 }

// polygon is the script's.
func polygon(i, h, w int) []float64 {
	n := 3 + i%17
	xy := make([]float64, 2*n)
	unit := []float64{0, 1, 10, 100}[i%4]
	for k, v := range golden.Fill(fmt.Sprintf("polygon.%d", i), seed, 2*n) {
		xy[k] = (float64(float64(v)*0.7) + 0.5) * []float64{float64(w), float64(h)}[k%2]
		if unit > 0 {
			xy[k] = math.Floor(float64(xy[k]*unit)+0.5) / unit
		}
	}
	return xy
}

// box is the script's.
func box(i int) (b Box) {
	source := i
	if i%4 == 3 {
		source = i / 4 * 4
	}
	for k, v := range golden.Fill(fmt.Sprintf("box.%d", source), seed, 4) {
		if i%29 != 0 {
			b[k] = math.Floor(float64(float64(v)*60)+60+float64(i%4)) / []float64{1, 2, 4, 8}[i%4]
		}
	}
	return b
}

// drawn is the mask of polygons i to i+n-1, at the size of the first.
func drawn(t testing.TB, i, n int) (masks []RLE) {
	t.Helper()
	h, w := sizeOf(i)
	for k := range n {
		m, err := FromPolygons(h, w, [][]float64{polygon(i+k, h, w)})
		require.NoError(t, err)
		masks = append(masks, m)
	}
	return masks
}

// digests are those of blocks of a hundred lines.
func digests(count int, text func(i int) string) (all []string) {
	for from := 0; from < count; from += 100 {
		var lines []string
		for i := from; i < min(from+100, count); i++ {
			lines = append(lines, text(i))
		}
		sum := sha256.Sum256([]byte(strings.Join(lines, "\n")))
		all = append(all, hex.EncodeToString(sum[:]))
	}
	return all
}

func TestPolygonsHaveThePixelsOfPycocotools(t *testing.T) {
	want := load(t)
	for i, m := range want.First {
		assert.Equal(t, m.Text, drawn(t, i, 1)[0].Text(), "polygon %d", i)
	}
	assert.Equal(t, want.Polygons, digests(100*len(want.Polygons), func(i int) string { return drawn(t, i, 1)[0].Text() }))
}

func TestBoxesAreDrawnAsPolygons(t *testing.T) {
	got := digests(300, func(i int) string {
		m, err := FromBox(100, 120, box(i))
		require.NoError(t, err)
		return m.Text()
	})
	assert.Equal(t, load(t).DrawnBoxes, got)
}

func TestUnionsAndIntersections(t *testing.T) {
	want := load(t)
	assert.Equal(t, want.Unions, digests(100*len(want.Unions), func(i int) string {
		m, err := Union(drawn(t, i, 3)...)
		require.NoError(t, err)
		return m.Text()
	}))
	assert.Equal(t, want.Intersections, digests(100*len(want.Intersections), func(i int) string {
		m, err := Intersection(drawn(t, i, 2)...)
		require.NoError(t, err)
		return m.Text()
	}))
	none, err := Union()
	require.NoError(t, err)
	assert.Zero(t, none)
}

func TestAreasAndBoxes(t *testing.T) {
	want := load(t)
	for i := range want.Areas {
		m := drawn(t, i, 1)[0]
		assert.Equal(t, want.Areas[i], m.Area(), "polygon %d", i)
		assert.Equal(t, want.Boxes[i], m.Box(), "polygon %d", i)
	}
}

func TestOverlapsAreTheSameToTheBit(t *testing.T) {
	want := load(t).Overlaps
	for i := range want.Masks {
		m := drawn(t, i, 2)
		for crowd, value := range map[bool]float64{false: want.Masks[i], true: want.MaskCrowds[i]} {
			got, err := IoU(m[0], m[1], crowd)
			require.NoError(t, err)
			assert.Equal(t, value, got, "masks %d, crowd %v", i, crowd)
		}
		assert.Equal(t, want.Boxes[i], BoxIoU(box(i), box(i+1), false), "boxes %d", i)
		assert.Equal(t, want.BoxCrowds[i], BoxIoU(box(i), box(i+1), true), "boxes %d beside a crowd", i)
	}
}

func TestListsOfCounts(t *testing.T) {
	for _, c := range load(t).Counts {
		m, err := FromRuns(3, 4, c.Counts)
		require.NoError(t, err, c.Counts)
		assert.Equal(t, c.Text, m.Text(), "runs of nothing are joined away: %v", c.Counts)
		for i, p := range m.Bitmap() {
			assert.EqualValues(t, c.Pixels[i], p, "%v, pixel %d", c.Counts, i)
		}
		again, err := FromBitmap(3, 4, m.Bitmap())
		require.NoError(t, err)
		assert.Equal(t, m, again)
	}
}

func TestTextAndBitmapsComeBack(t *testing.T) {
	for i := range 200 {
		m := drawn(t, i, 1)[0]
		again, err := Parse(m.Height, m.Width, m.Text())
		require.NoError(t, err)
		assert.Equal(t, m, again)
		again, err = FromBitmap(m.Height, m.Width, m.Bitmap())
		require.NoError(t, err)
		assert.Equal(t, m, again)
		again, err = FromRuns(m.Height, m.Width, m.Runs())
		require.NoError(t, err)
		assert.Equal(t, m, again)
	}
}

func TestWhatCannotBeAMaskIsRefused(t *testing.T) {
	parse := func(h, w int, text string) error { _, err := Parse(h, w, text); return err }
	polygon := func(xy ...float64) error { _, err := FromPolygons(9, 9, [][]float64{xy}); return err }
	runs := func(h, w int, counts ...uint32) error { _, err := FromRuns(h, w, counts); return err }
	_, sizes := IoU(RLE{2, 2, []uint32{4}}, RLE{2, 3, []uint32{6}}, false)
	_, pixels := FromBitmap(2, 2, make([]byte, 5))
	for want, err := range map[string]error{
		"the runs have 11 pixels together, and a mask of height 3 and width 4 has 12":        runs(3, 4, 5, 6),
		"the runs have 0 pixels together":                                                    runs(3, 4),
		"a mask of height 0 and width 4: both must be at least 1":                            runs(0, 4),
		"a mask of height 65536 and width 65536: both must be at least 1, and their product": parse(1<<16, 1<<16, "0"),
		"character 2 of the counts: ' ' is none of those from '0' to 'o'":                    parse(3, 4, "11 "),
		"character 1 of the counts: the text ends within a number":                           parse(3, 4, "1P"),
		"character 0 of the counts: a number of more than 7 characters":                      parse(3, 4, "PPPPPPPP0"),
		"character 0 of the counts: run 0 would have -1 pixels":                              parse(3, 4, "O"),
		"polygon 0: 5 numbers; an x and a y for each corner are needed":                      polygon(1, 2, 3, 4, 5),
		"polygon 0: 2 numbers": polygon(1, 2),
		"polygon 0: number 3 is 1e+300; coordinates must lie within ±429496729": polygon(1, 2, 3, 1e300, 5, 6),
		"polygon 0: number 0 is NaN":                  polygon(math.NaN(), 2, 3, 4),
		"masks of different sizes: 2 × 2 and 2 × 3":   sizes,
		"5 pixels for a mask of height 2 and width 2": pixels,
	} {
		assert.ErrorContains(t, err, want)
	}
}

// A far corner costs as much as the image's columns: pycocotools would walk two thousand million points.
func TestFarCornersCostNothing(t *testing.T) {
	far := float64(maxCoordinate - 1)
	m, err := FromPolygons(40, 30, [][]float64{{-far, -far, far, -far, far, far, -far, far}})
	require.NoError(t, err)
	assert.EqualValues(t, 1200, m.Area())
	_, err = FromPolygons(1, math.MaxInt32, [][]float64{{-far, 0, far, 0, far, 1, -far, 1}})
	assert.ErrorContains(t, err, "crosses columns of pixels more than")
}

func TestPickedPixelsAreThoseOfThePicture(t *testing.T) {
	for i := range 120 {
		m := drawn(t, i, 1)[0]
		rows, columns := make([]int, 7+i), make([]int, 5+2*i)
		for y := range rows { // resized, with a border above and below
			if rows[y] = (y - i%4) * m.Height / max(1, len(rows)-i%5); y < i%4 || rows[y] >= m.Height {
				rows[y] = -1
			}
		}
		for x := range columns { // mirrored, with a border at one side
			if columns[x] = m.Width - 1 - x*m.Width/(len(columns)+3) - i%6; columns[x] < 0 {
				columns[x] = -1
			}
		}
		got, err := m.Pick(rows, columns)
		require.NoError(t, err)
		pixels, want := m.Bitmap(), make([]byte, len(rows)*len(columns))
		for y, fromY := range rows {
			for x, fromX := range columns {
				if fromY >= 0 && fromX >= 0 {
					want[y*len(columns)+x] = pixels[fromY*m.Width+fromX]
				}
			}
		}
		same, err := FromBitmap(len(rows), len(columns), want)
		require.NoError(t, err)
		require.Equal(t, same, got, "mask %d", i)
	}
	nothing, err := drawn(t, 0, 1)[0].Pick([]int{-1, -1}, []int{-1, 0, 1})
	require.NoError(t, err)
	assert.Zero(t, nothing.Area())
	_, err = nothing.Pick(nil, nil)
	assert.Error(t, err)
}

func TestEmptyMasks(t *testing.T) {
	m, err := FromPolygons(4, 5, nil)
	require.NoError(t, err)
	assert.Zero(t, m.Area())
	assert.Equal(t, Box{}, m.Box())
	iou, err := IoU(m, m, true)
	require.NoError(t, err)
	assert.Zero(t, iou)
}

func FuzzParse(f *testing.F) {
	f.Add(3, 4, []byte("345"))
	f.Add(48, 60, []byte("QQ13f1O1O1N2N"))
	f.Fuzz(func(t *testing.T, h, w int, text []byte) {
		m, err := Parse(h, w, text)
		if err != nil {
			return
		}
		again, err := Parse(h, w, m.Text())
		require.NoError(t, err)
		require.Equal(t, m.runs, again.runs)
		m.Box()
		if iou, err := IoU(m, m, false); m.Area() > 0 {
			require.NoError(t, err)
			require.Equal(t, 1., iou)
		}
	})
}

// Whatever the corners, the mask is one, and the reference drawing of all points agrees.
func FuzzPolygon(f *testing.F) {
	f.Add(uint8(9), uint8(12), 1.5, 2.5, 7., 3., 4.4, 8.6, -3.1, 2.)
	f.Fuzz(func(t *testing.T, h, w uint8, x0, y0, x1, y1, x2, y2, x3, y3 float64) {
		xy := []float64{x0, y0, x1, y1, x2, y2, x3, y3}
		for _, v := range xy {
			if !(math.Abs(v) < 1e4) {
				return
			}
		}
		m, err := FromPolygons(int(h), int(w), [][]float64{xy})
		if err != nil {
			return
		}
		require.Equal(t, walked(int(h), int(w), xy).Text(), m.Text())
	})
}

// walked draws a polygon by walking all points of its edges, as pycocotools does.
func walked(h, w int, xy []float64) RLE {
	var us, vs []int
	for i := 0; i < len(xy); i += 2 {
		k := (i + 2) % len(xy)
		x, y, toX, toY := onGrid(xy[i]), onGrid(xy[i+1]), onGrid(xy[k]), onGrid(xy[k+1])
		dx, dy := abs(toX-x), abs(toY-y)
		flip := dx >= dy && x > toX || dx < dy && y > toY
		if flip {
			x, y, toX, toY = toX, toY, x, y
		}
		for d := range max(dx, dy) + 1 {
			t := d
			if flip {
				t = max(dx, dy) - d
			}
			switch {
			case dx == 0 && dy == 0:
				us, vs = append(us, x), append(vs, y)
			case dx >= dy:
				us, vs = append(us, x+t), append(vs, cut(y, float64(toY-y)/float64(dx), t))
			default:
				us, vs = append(us, cut(x, float64(toX-x)/float64(dy), t)), append(vs, y+t)
			}
		}
	}
	e := edges{height: h, width: w}
	for j := 1; j < len(us); j++ {
		column := float64(min(us[j], us[j-1]))
		x := (column+.5)/grid - .5
		if us[j] == us[j-1] || x != math.Floor(x) || x < 0 || x > float64(w-1) {
			continue
		}
		y := (float64(min(vs[j], vs[j-1]))+.5)/grid - .5
		e.at = append(e.at, uint32(int(x)*h+int(math.Ceil(max(0, min(y, float64(h)))))))
	}
	return e.fill()
}

func BenchmarkIoU(b *testing.B) {
	m := drawn(b, 40, 2)
	for b.Loop() {
		if _, err := IoU(m[0], m[1], false); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkFromPolygons(b *testing.B) {
	h, w := 427, 640
	xy := [][]float64{polygon(3, h, w)}
	for b.Loop() {
		if _, err := FromPolygons(h, w, xy); err != nil {
			b.Fatal(err)
		}
	}
}

func ExampleFromPolygons() {
	m, _ := FromPolygons(6, 8, [][]float64{{1, 1, 7, 1, 7, 5, 1, 5}})
	fmt.Println(m.Area(), m.Box(), m.Text())
	for row := range 6 {
		fmt.Println(m.Bitmap()[8*row : 8*row+8])
	}
	// Output:
	// 24 [1 1 6 4] 7420000000005
	// [0 0 0 0 0 0 0 0]
	// [0 1 1 1 1 1 1 0]
	// [0 1 1 1 1 1 1 0]
	// [0 1 1 1 1 1 1 0]
	// [0 1 1 1 1 1 1 0]
	// [0 0 0 0 0 0 0 0]
}
