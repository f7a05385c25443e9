/* SPDX-License-Identifier: MIT */

/* HEIC by libheif: a still image or a grid, with the transformations that it asks for. */
#ifndef FM_HEIF_H
#define FM_HEIF_H

#include "fm.h"

/* The size after transformations. */
int fm_heif_header(fm_context *c, const uint8_t *data, size_t len, int32_t *w, int32_t *h);
/* Writes w * h RGB pixels; w and h are those of the header. */
int fm_heif_decode(fm_context *c, const uint8_t *data, size_t len, int w, int h, uint8_t *out);

#endif
