// SPDX-License-Identifier: MIT

package eval_test

import (
	"bytes"
	"image"
	"image/png"
	"testing"

	"github.com/stretchr/testify/require"

	"seer/data/datatest"
)

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func writePNG(t *testing.T, path string, img image.Image) {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, png.Encode(&b, img))
	datatest.Write(t, path, b.Bytes())
}
