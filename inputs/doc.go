// SPDX-License-Identifier: MIT

// Package inputs turns the data sections of a configuration into what package data works with: a source, a sampler over
// the chosen subset, and the specification of the crops. Training and evaluation both read images through it.
package inputs
