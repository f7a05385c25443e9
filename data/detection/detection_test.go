// SPDX-License-Identifier: MIT

package detection

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"seer/data/augment"
	"seer/data/formats"
	"seer/data/instances"
	"seer/data/jpeg"
	"seer/data/mask"
	"seer/internal/golden"
)

const seed = 20210302 // of the golden files

// reference is what torchvision says: tools/golden/make_detection.py.
type reference struct {
	Sides []struct {
		From                            [2]int
		Side, Longest                   int
		Torchvision, Resize, Detectron2 [2]int
	}
	Scales []struct {
		From                    [2]int
		Size                    int
		Scale                   float64
		Torchvision, Detectron2 [2]int
	}
	Views []struct {
		View  [8]int
		Flip  bool
		First int
		Boxes []Box
		Masks string
	}
}

func load(t *testing.T) (r reference) {
	t.Helper()
	require.NoError(t, golden.JSON("detection.json", &r))
	return r
}

func pair(a, b int) [2]int { return [2]int{a, b} }

func TestSizesAreThoseOfTheConventions(t *testing.T) {
	r := load(t)
	require.Greater(t, len(r.Sides), 50)
	for _, c := range r.Sides {
		at := func(v Convention) [2]int { return pair(ShortSideSize(c.From[0], c.From[1], c.Side, c.Longest, v)) }
		assert.Equal(t, c.Torchvision, at(Torchvision), "%+v", c)
		assert.Equal(t, c.Resize, at(TorchvisionResize), "%+v", c)
		assert.Equal(t, c.Detectron2, at(Detectron2), "%+v", c)
	}
	for _, c := range r.Scales {
		at := func(v Convention) [2]int { return pair(JitterSize(c.From[0], c.From[1], c.Size, c.Size, c.Scale, v)) }
		one := func(v [2]int) [2]int { return pair(max(1, v[0]), max(1, v[1])) } // torchvision and detectron2 fail on images without pixels
		assert.Equal(t, one(c.Torchvision), at(Torchvision), "%+v", c)
		assert.Equal(t, one(c.Detectron2), at(Detectron2), "%+v", c)
	}
}

// polygon is that of the golden masks.
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

// around is the box of a polygon.
func around(xy []float64) Box {
	b := Box{math.Inf(1), math.Inf(1), math.Inf(-1), math.Inf(-1)}
	for k, v := range xy {
		b[k%2], b[2+k%2] = min(b[k%2], v), max(b[2+k%2], v)
	}
	return b
}

func TestBoxesAndMasksMoveAsInTorchvision(t *testing.T) {
	for _, c := range load(t).Views {
		g := c.View
		v := View{Width: g[0], Height: g[1], ScaledW: g[2], ScaledH: g[3], OffsetX: g[4], OffsetY: g[5], W: g[6], H: g[7], Flip: c.Flip}
		hash := sha256.New()
		for k, want := range c.Boxes {
			xy := polygon(c.First+k, v.Height, v.Width)
			got := v.Box(around(xy))
			assert.InDeltaSlice(t, want[:], got[:], 1e-3, "torchvision multiplies in float32")
			m, err := mask.FromPolygons(v.Height, v.Width, [][]float64{xy})
			require.NoError(t, err)
			m, err = v.Resample(m)
			require.NoError(t, err)
			hash.Write(m.Bitmap())
		}
		assert.Equal(t, c.Masks, hex.EncodeToString(hash.Sum(nil)), "%+v", v)
	}
}

// A polygon that is moved and then drawn lies where the drawn one was moved to.
func TestPolygonsAndMasksOfRunsMoveTogether(t *testing.T) {
	v := View{Width: 90, Height: 60, ScaledW: 180, ScaledH: 120, OffsetX: 20, OffsetY: -4, W: 128, H: 128, Flip: true}
	xy := []float64{20, 10, 70, 10, 70, 50, 20, 50}
	drawn, err := v.Mask(instances.Shape{Polygons: [][]float64{xy}})
	require.NoError(t, err)
	runs, err := mask.FromPolygons(60, 90, [][]float64{xy})
	require.NoError(t, err)
	picked, err := v.Mask(instances.Shape{Runs: runs})
	require.NoError(t, err)
	assert.Equal(t, drawn, picked)
	b := v.Box(around(xy))
	assert.Equal(t, mask.Box{b[0], b[1], b.Width(), b.Height()}, drawn.Box())
	assert.Equal(t, []float64{20, 10, 70, 10, 70, 50, 20, 50}, xy, "the outline itself stays")
}

// What the renderer makes of a view is where the boxes say.
func TestPixelsMoveWithBoxes(t *testing.T) {
	img := formats.Image{W: 60, H: 40, Channels: 3, Pix: make([]byte, 60*40*3)}
	box := Box{12, 8, 36, 28}
	for y := 8; y < 28; y++ {
		for x := 12; x < 36; x++ {
			copy(img.Pix[3*(60*y+x):], []byte{255, 255, 255})
		}
	}
	d := jpeg.NewDecoder(jpeg.DecodeOptions{})
	defer d.Close()
	for _, v := range []View{
		Whole(60, 40),
		{Width: 60, Height: 40, ScaledW: 90, ScaledH: 60, W: 90, H: 60, Flip: true},
		{Width: 60, Height: 40, ScaledW: 120, ScaledH: 80, OffsetX: 10, OffsetY: 6, W: 64, H: 64, Flip: true},
		{Width: 60, Height: 40, ScaledW: 30, ScaledH: 20, W: 64, H: 64, Flip: true},
	} {
		const side = 96
		crop, err := v.Crop(side)
		require.NoError(t, err)
		pixels := make([]byte, crop.Bytes())
		require.NoError(t, d.Render(img, []augment.Crop{crop}, [][]byte{pixels}, nil))
		red := make([]byte, v.W*v.H)
		for i := range red {
			red[i] = pixels[3*(i/v.W*side+i%v.W)] / 128
		}
		m, err := mask.FromBitmap(v.H, v.W, red)
		require.NoError(t, err)
		want := v.Box(box).clip(v.W, v.H)
		got := m.Box()
		assert.InDeltaSlice(t, []float64{want[0], want[1], want.Width(), want.Height()}, got[:], 1, "%+v", v)
	}
	_, err := Whole(60, 40).Crop(50)
	assert.ErrorContains(t, err, "a view of height 40 and width 60 does not fit into a square of 50")
}

func TestObjectsAreCutAtTheBordersOfAView(t *testing.T) {
	v := View{Width: 100, Height: 100, ScaledW: 200, ScaledH: 200, OffsetX: 100, W: 100, H: 100}
	got := v.Objects([]Object{
		{Class: 0, Box: Box{10, 10, 40, 40}}, // left of the view
		{Class: 1, Box: Box{40, 10, 60, 80}},
		{Class: 2, Box: Box{60, 10, 80, 20}},
		{Class: 3, Box: Box{60, 50, 80, 90}}, // it ends where this begins
	})
	require.Len(t, got, 2)
	assert.Equal(t, Object{Class: 1, Box: Box{0, 20, 20, 100}}, got[0])
	assert.Equal(t, Object{Class: 2, Box: Box{20, 20, 60, 40}}, got[1])
}

func TestViewsAreFunctionsOfTheirArguments(t *testing.T) {
	jitter := LargeScaleJitter(Torchvision)
	short := ShortSide{Sides: []int{640, 672, 704, 736, 768, 800}, Longest: 1333, Flip: .5}
	require.NoError(t, jitter.Check())
	require.NoError(t, short.Check())
	flips, sides, low, high := 0, map[int]int{}, 2., 0.
	const n = 4000
	for i := range int64(n) {
		v := jitter.Draw(7, 3, i, 640, 480)
		require.Equal(t, v, jitter.Draw(7, 3, i, 640, 480))
		scale := float64(v.ScaledW) / 1024
		low, high = min(low, scale), max(high, scale)
		require.True(t, v.OffsetX >= 0 && v.OffsetX <= max(0, v.ScaledW-1024))
		require.True(t, v.OffsetY >= 0 && v.OffsetY <= max(0, v.ScaledH-1024))
		s := short.Draw(7, 3, i, 640, 480)
		sides[s.ScaledH]++
		if s.Flip {
			flips++
		}
	}
	assert.InDelta(t, .1, low, .01)
	assert.InDelta(t, 2, high, .01)
	assert.InDelta(t, n/2, flips, 4*math.Sqrt(n)/2)
	assert.Len(t, sides, 6)
	assert.NotEqual(t, jitter.Draw(7, 3, 0, 640, 480), jitter.Draw(7, 4, 0, 640, 480))
}

func TestSettingsAreChecked(t *testing.T) {
	for want, err := range map[string]error{
		"no length of the shorter side":                   ShortSide{}.Check(),
		"a shorter side of 800 with a longest one of 600": ShortSide{Sides: []int{800}, Longest: 600}.Check(),
		"2 is no probability of a flip":                   ShortSide{Sides: []int{800}, Flip: 2}.Check(),
		"a window of height 0":                            ScaleJitter{W: 5, Low: 1, High: 1}.Check(),
		"scales from 0 to 1":                              ScaleJitter{W: 5, H: 5, High: 1}.Check(),
	} {
		assert.ErrorContains(t, err, want)
	}
}

const annotations = `{"images": [{"id": 2, "width": 50, "height": 40}, {"id": 1, "width": 50, "height": 40}, {"id": 3, "width": 9, "height": 9}],
 "categories": [{"id": 9, "name": "dog"}, {"id": 4, "name": "cat"}],
 "annotations": [
  {"id": 1, "image_id": 1, "category_id": 9, "bbox": [40, 30, 20, 20], "segmentation": [[40, 30, 60, 30, 60, 50], [1, 1, 2, 2]]},
  {"id": 2, "image_id": 1, "category_id": 4, "bbox": [5, 5, 0, 10], "segmentation": [[5, 5, 5, 15, 5, 10]]},
  {"id": 3, "image_id": 1, "category_id": 4, "bbox": [50, 5, 10, 10], "segmentation": [[50, 5, 60, 5, 60, 15]]},
  {"id": 4, "image_id": 2, "category_id": 4, "bbox": [1, 1, 9, 9], "iscrowd": 1, "segmentation": {"size": [40, 50], "counts": [41, 9, 1950]}},
  {"id": 5, "image_id": 2, "category_id": 4, "bbox": [1, 1, 9, 9], "segmentation": [[1, 1, 9, 9]]},
  {"id": 6, "image_id": 2, "category_id": 4, "segmentation": [[10, 10, 20, 10, 20, 30, 10, 30]]},
  {"id": 7, "image_id": 77, "category_id": 4, "bbox": [1, 1, 9, 9]}]}`

func TestRules(t *testing.T) {
	d, err := instances.Read(strings.NewReader(annotations))
	require.NoError(t, err)
	set, err := Build(d, Rules{})
	require.NoError(t, err)
	assert.Equal(t, "left out: 1 annotations of images that are not listed, 2 boxes without an inside, 1 crowds, 1 images without objects", set.LeftOut.String())
	assert.Equal(t, []string{"cat", "dog"}, []string{set.Classes[0].Name, set.Classes[1].Name}, "in the order of ids")
	require.Len(t, set.Examples, 2)
	first, second := set.Examples[0], set.Examples[1]
	assert.EqualValues(t, 1, first.Image.ID, "in the order of ids")
	require.Len(t, first.Objects, 1)
	assert.Equal(t, Box{40, 30, 50, 40}, first.Objects[0].Box, "cut at the border")
	assert.Equal(t, 1, first.Objects[0].Class)
	assert.Len(t, first.Objects[0].Shape.Polygons, 1, "a line is no part of an outline")
	require.Len(t, second.Objects, 2)
	assert.True(t, second.Objects[0].Shape.None())
	assert.Equal(t, Box{10, 10, 20, 30}, second.Objects[1].Box, "around the outline")

	set, err = Build(d, Rules{Masks: true, Crowds: true, Empty: true})
	require.NoError(t, err)
	require.Len(t, set.Examples, 3)
	require.Len(t, set.Examples[1].Objects, 2)
	assert.True(t, set.Examples[1].Objects[0].Crowd)
	assert.Equal(t, 1, set.LeftOut["annotations without an outline"])
}

func TestDifficultObjectsAreLearnedUnlessToldOtherwise(t *testing.T) {
	d, err := instances.Read(strings.NewReader(annotations))
	require.NoError(t, err)
	d.Objects[0].Difficult = true
	set, err := Build(d, Rules{})
	require.NoError(t, err)
	assert.Len(t, set.Examples, 2)
	set, err = Build(d, Rules{Easy: true})
	require.NoError(t, err)
	assert.Len(t, set.Examples, 1)
	assert.Equal(t, 1, set.LeftOut["difficult objects"])
}

func TestAnnotationsThatCannotBeLearnedFromAreRefused(t *testing.T) {
	file := func(image, annotation string) string {
		return `{"images": [{"id": 1` + image + `}], "categories": [{"id": 4, "name": "cat"}], "annotations": [{"id": 5, "image_id": 1, ` + annotation + `}]}`
	}
	size := `, "width": 50, "height": 40`
	for text, want := range map[string]string{
		file(size, `"category_id": 3, "bbox": [1, 1, 2, 2]`):                                                  "annotations[0] (id 5, image 1): category 3 is none of the 1 categories",
		file("", `"category_id": 4, "bbox": [1, 1, 2, 2]`):                                                    "the image has no width and height",
		file(size, `"category_id": 4`):                                                                        "it has neither a bbox nor a segmentation",
		file(size, `"category_id": 4, "bbox": [1, 1, 2, 2], "segmentation": {"size": [2, 2], "counts": [4]}`): "its mask has height 2 and width 2, its image 40 and 50",
		file(size, `"category_id": 4, "bbox": [1, 1, 0, 2]`):                                                  "no image is left; left out: 1 boxes without an inside",
	} {
		d, err := instances.Read(strings.NewReader(text))
		require.NoError(t, err)
		_, err = Build(d, Rules{})
		assert.ErrorContains(t, err, want)
	}
}
