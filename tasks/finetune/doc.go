// SPDX-License-Identifier: MIT

// Package finetune is seer finetune: a pretrained trunk and a new head, trained together on images with labels, and
// seer predict, which uses the result.
//
// finetune.go is the order of a start; method.go is what the engine trains, validate.go counts how well, model.go opens
// the trunk, or a finished run for predictions.
package finetune
