/* SPDX-License-Identifier: MIT */

/* AVIF by libavif: a still image, a grid, or the first frame of a sequence. */
#ifndef FM_AVIF_H
#define FM_AVIF_H

#include "fm.h"

typedef struct {
    int32_t w, h;        /* as stored: not turned */
    int32_t orientation; /* what irot and imir ask for, as a number of EXIF */
    uint8_t *exif, *xmp; /* copies; fm_avif_free frees them */
    size_t exif_size, xmp_size;
} fm_avif;

int fm_avif_header(fm_context *c, const uint8_t *data, size_t len, fm_avif *out);
void fm_avif_free(fm_context *c, fm_avif *h);
/* Writes w * h RGB pixels; w and h are those of the header. */
int fm_avif_decode(fm_context *c, const uint8_t *data, size_t len, int w, int h, uint8_t *out);

#endif
