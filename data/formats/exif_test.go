// SPDX-License-Identifier: MIT

package formats

import "testing"

// FuzzExif: the tag parser reads nothing outside its block.
func FuzzExif(f *testing.F) {
	f.Add([]byte("II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00\x00"))
	f.Add([]byte("MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00\x08\x00\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		if o := Orientation(data, data); o < 1 || o > 8 {
			t.Errorf("orientation %d", o)
		}
		pngOrientation(data)
	})
}
