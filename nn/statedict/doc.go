// SPDX-License-Identifier: MIT

// Package statedict copies the tensors of modules to host memory and back, under their names: PyTorch's state_dict and
// load_state_dict(strict=True).
package statedict
