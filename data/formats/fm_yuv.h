/* SPDX-License-Identifier: MIT */

/* The planes of a decoded AVIF, and Pillow's RGB from them. */
#ifndef FM_YUV_H
#define FM_YUV_H

#include "fm.h"

typedef struct {
    const uint8_t *plane[3]; /* luma and, unless mono, the two of colour; two bytes a sample if depth > 8 */
    size_t stride[3];        /* bytes */
    const uint8_t *alpha;    /* NULL: none */
    size_t alpha_stride;
    int32_t w, h, depth;      /* 8, 10 or 12 bits */
    int32_t shift_x, shift_y; /* colour is halved in that direction */
    int32_t mono, full, premultiplied;
    int32_t matrix, primaries; /* by the numbers of ITU-T H.273 */
} fm_yuv;

/* Writes w * h RGB pixels. */
int fm_yuv_convert(fm_context *c, const fm_yuv *p, uint8_t *out);

#endif
