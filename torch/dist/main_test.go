// SPDX-License-Identifier: MIT

package dist_test

import (
	"testing"

	"seer/torch/torchtest"
)

func TestMain(m *testing.M) { torchtest.Main(m) }
