/* SPDX-License-Identifier: MIT */

/* PNG behind the chunks: inflating, filters, interlacing, conversion to grey or RGB. */
#ifndef FM_PNG_H
#define FM_PNG_H

#include "fm.h"

/* How a pixel is stored. Those up to FM_PNG_GREY_ALPHA_16 become one byte, the
 * others three. */
enum {
    FM_PNG_GREY = 0,       /* 1, 2, 4 or 8 bits */
    FM_PNG_GREY_16 = 1,    /* clipped to 255 */
    FM_PNG_GREY_ALPHA = 2, /* alpha is dropped */
    FM_PNG_GREY_ALPHA_16 = 3, /* of 16 bits with alpha the high byte counts */
    FM_PNG_PALETTE = 4,
    FM_PNG_RGB = 5,
    FM_PNG_RGB_16 = 6,
    FM_PNG_RGBA = 7,
    FM_PNG_RGBA_16 = 8
};

/* A piece of the zlib stream: the data of an IDAT, as far as the file has them. */
typedef struct {
    uint64_t at, n;
} fm_png_span;

typedef struct {
    int32_t w, h;           /* of the canvas */
    int32_t x, y, tw, th;   /* the part of it that the data fill; the rest is 0 */
    int32_t kind, bits;     /* bits a pixel */
    int32_t interlaced, cut; /* cut: the last span ends with the file, too early */
    uint8_t palette[256 * 3 + 1]; /* and a byte that may be read along */
} fm_png;

/* Decodes into out, w * h bytes or three times as many; *last is the span in
 * which the image was complete. */
int fm_png_decode(fm_context *c, const uint8_t *data, const fm_png_span *spans, int n, const fm_png *png, uint8_t *out,
                  int *last);

/* Inflates a text or a colour profile and throws it away. Returns how many bytes
 * it is long, limit at most; *more says that there are more of them. */
size_t fm_png_measure(const uint8_t *data, size_t n, size_t limit, uint8_t *scratch, int *more);

/* fm_png_filter.c: undoes filter `kind` in a row of n bytes; prev is the row
 * above. Up to 8 bytes behind both rows are read. Returns 0 for an unknown kind. */
int fm_png_unfilter(int kind, uint8_t *row, const uint8_t *prev, size_t n, int bpp);

#endif
