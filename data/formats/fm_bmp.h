/* SPDX-License-Identifier: MIT */

/* BMP behind its header: rows and run lengths to grey or RGB. */
#ifndef FM_BMP_H
#define FM_BMP_H

#include "fm.h"

/* How a pixel is stored. The first two become one byte, the others three. */
enum {
    FM_BMP_BILEVEL = 0, /* 1 bit, or run lengths of bytes that are 0 or not */
    FM_BMP_GREY = 1,    /* 8 bits */
    FM_BMP_PALETTE = 2, /* 1, 4 or 8 bits */
    FM_BMP_555 = 3,
    FM_BMP_565 = 4,
    FM_BMP_BYTES = 5 /* 3 or 4 bytes, of which r, g, b are the colours' */
};

typedef struct {
    int32_t w, h, top_down;
    int32_t kind, bits;
    int32_t r, g, b;
    int32_t rle; /* 0, 4 or 8: bits of run lengths; the pixels are bytes then */
    uint64_t offset, stride;
    uint8_t palette[256 * 3 + 1]; /* and a byte that may be read along */
} fm_bmp;

int fm_bmp_decode(fm_context *c, const uint8_t *data, size_t n, const fm_bmp *bmp, uint8_t *out);

#endif
