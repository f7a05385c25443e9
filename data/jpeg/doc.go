// SPDX-License-Identifier: MIT

// Package jpeg turns the bytes of an image file into rendered crops: it decodes
// once (JPEG through libjpeg-turbo, the rest through package formats) and cuts
// all views that package augment has drawn straight from the decoded buffer, with
// its own SIMD kernels.
//
// The arithmetic is PIL's and torchvision's PIL path, operation by operation:
// the antialiased resize in its 22-bit fixed point, the enhancers' float
// blending, the 8-bit HSV detour of the hue shift, three extended box blurs for
// the Gaussian. Kernels for AVX2 and AVX-512 are chosen at run time and give the
// same bytes as the portable C ones.
//
// A [Decoder] belongs to one goroutine. After its buffers have grown to the
// largest image seen it allocates nothing, neither in Go nor in C, for JPEG
// input.
package jpeg
