// SPDX-License-Identifier: MIT

// Package pretrain is seer pretrain: SwAV on images without labels. It reads the experiment's sections, checks them
// against images and machine, and puts the program together.
//
// pretrain.go is the order of a start; build.go makes the system, method.go fits SwAV to the engine, collapse.go watches.
package pretrain
