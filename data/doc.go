// SPDX-License-Identifier: MIT

// Package data turns stored images into batches of crops.
package data
