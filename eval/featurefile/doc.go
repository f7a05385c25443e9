// SPDX-License-Identifier: MIT

// Package featurefile keeps the features of images: first in a folder that survives a stop ([Pending]), then in the file
// that others read: NumPy's .npy, .parquet or .safetensors ([Pending.Export]). Memory does not grow with the images.
package featurefile
