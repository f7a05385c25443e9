/* SPDX-License-Identifier: MIT */

/* The first frame of a GIF: its LZW data and its place on the canvas. */
#ifndef FM_GIF_H
#define FM_GIF_H

#include "fm.h"

/* What the blocks before the image data say; gif.go reads them. */
typedef struct {
    size_t at;              /* where the image data begin: the byte behind the code size */
    int32_t canvas_w, canvas_h;
    int32_t x, y, w, h;     /* the frame; it lies inside the canvas */
    int32_t bits;           /* the code size */
    int32_t interlaced, gray; /* gray: indices are the pixels, and out has one channel */
    uint8_t fill;           /* index of the canvas outside of the frame */
    uint8_t palette[256][3];
} fm_gif;

/* Writes canvas_w * canvas_h pixels. */
int fm_gif_decode(fm_context *c, const uint8_t *data, size_t len, const fm_gif *g, uint8_t *out);

#endif
