/* SPDX-License-Identifier: MIT */

/* WebP by libwebp: a still image, or the first frame of an animation. */
#ifndef FM_WEBP_H
#define FM_WEBP_H

#include "fm.h"

typedef struct {
    int32_t w, h; /* of the canvas */
    /* The EXIF and XMP chunks inside the data; size 0: none. */
    size_t exif, exif_size, xmp, xmp_size;
} fm_webp;

int fm_webp_header(fm_context *c, const uint8_t *data, size_t len, fm_webp *out);
/* Writes w * h RGB pixels; w and h are those of the header. */
int fm_webp_decode(fm_context *c, const uint8_t *data, size_t len, int w, int h, uint8_t *out);

#endif
