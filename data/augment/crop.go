// SPDX-License-Identifier: MIT

package augment

// Op numbers the four operations of the colour jitter as torchvision does.
type Op uint8

// The values are the ones that torchvision's permutation runs over.
const (
	Brightness Op = iota
	Contrast
	Saturation
	Hue
)

// Crop is one drawn view, complete: rendering it needs nothing but the image.
//
// The box X, Y, W, H (source pixels, inside the image) is cut out and resized to
// ScaledW x ScaledH with an antialiased filter, bilinear or bicubic, that sees nothing
// outside the box; then the Size x Size window with its top left corner at OffsetX,
// OffsetY is taken, black where it leaves the resized image (negative offsets:
// torchvision's CenterCrop pads). For random crops ScaledW = ScaledH = Size and
// the offsets are 0. Colour operations follow in the order of the fields.
type Crop struct {
	X, Y, W, H       int
	ScaledW, ScaledH int
	OffsetX, OffsetY int
	Size             int
	Bicubic          bool

	Flip bool

	// Jitter says whether the colour jitter happens at all; Order holds its
	// operations in the order in which they are applied, Ops of them.
	Jitter bool
	Ops    int
	Order  [4]Op
	// Factors of PIL's ImageEnhance; 1 leaves the image as it is.
	Brightness, Contrast, Saturation float64
	// Hue is the shift in turns, -.5 to .5; 0 still passes through HSV, as in PIL.
	Hue float64

	Gray bool
	// Blur is the radius of PIL's GaussianBlur in output pixels; 0: none.
	Blur float64
}

// Bytes is the size of the rendered crop: Size x Size x 3, uint8 RGB.
func (c Crop) Bytes() int { return c.Size * c.Size * 3 }
