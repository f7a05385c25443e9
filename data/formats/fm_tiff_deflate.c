/* SPDX-License-Identifier: MIT */

/* Strips and tiles of deflate with 8-bit samples, straight from the file by
 * libdeflate. What is not exactly one strip or tile is left to libtiff with
 * zlib: libtiff's own use of libdeflate leaves the end of a strip unwritten where
 * the data go on after it. */
#include "fm_tiff.h"

#include <libdeflate.h>

/* Undoes predictor 2: each sample is a difference from the one `step` before. */
static void accumulate(uint8_t *line, size_t n, size_t step) {
    if (step == 3 && n >= 3) {
        uint8_t r = line[0], g = line[1], b = line[2];
        for (size_t i = 3; i + 3 <= n; i += 3) {
            line[i] = r = (uint8_t)(r + line[i]);
            line[i + 1] = g = (uint8_t)(g + line[i + 1]);
            line[i + 2] = b = (uint8_t)(b + line[i + 2]);
        }
    } else {
        for (size_t i = step; i < n; i++) line[i] = (uint8_t)(line[i] + line[i - step]);
    }
}

int fm_tiff_inflate(void **inflater, uint8_t *out, size_t size, const uint8_t *in, size_t n, size_t row, size_t step) {
    if (!*inflater) *inflater = libdeflate_alloc_decompressor();
    if (!*inflater || libdeflate_zlib_decompress(*inflater, in, n, out, size, NULL) != LIBDEFLATE_SUCCESS) return 0;
    if (step)
        for (size_t at = 0; at + row <= size; at += row) accumulate(out + at, row, step);
    return 1;
}

void fm_tiff_inflated(void *inflater) {
    if (inflater) libdeflate_free_decompressor(inflater);
}
