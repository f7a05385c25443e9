// SPDX-License-Identifier: MIT

package train

import (
	"fmt"

	"seer/torch"
)

// ParsePrecision maps a precision's name to the type of the forward pass.
func ParsePrecision(name string) (torch.DType, error) {
	switch name {
	case "fp32":
		return torch.Float32, nil
	case "bf16":
		return torch.BFloat16, nil
	case "fp16":
		return torch.Float16, nil
	}
	return 0, fmt.Errorf("precision %q is not known: use fp32, bf16 or fp16", name)
}
