// SPDX-License-Identifier: MIT

// Package finetune is seer finetune: a pretrained trunk and a new head, trained together on images with labels, and
// seer predict, which uses the result.
//
// finetune.go is the order of a start. What is learned: method.go, which the engine trains; labels.go, what images should be
// recognised as; balance.go, how often classes are drawn and how much they weigh; projector.go, what stays of SwAV's head;
// regularise.go, what weight decay leaves out. How well: validate.go, and verdict.go, which counts. The result: model.go opens
// a finished run, predict.go uses it.
package finetune
