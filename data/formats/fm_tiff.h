/* SPDX-License-Identifier: MIT */

/* TIFF: unpacking of samples, the two ways to them (as they lie in the file, or
 * through libtiff), and the conversion to RGB. The Go side has read the
 * directory. */
#ifndef FM_TIFF_H
#define FM_TIFF_H

#include "fm.h"

/* What is left to do when all bands are there. */
enum { FM_TIFF_PLAIN, FM_TIFF_CMYK, FM_TIFF_LAB, FM_TIFF_RGBA, FM_TIFF_YCBCR };

typedef struct {
    int32_t w, h;
    int32_t bands;    /* of Pillow's image */
    int32_t channels; /* of out: 1 or 3 */
    int32_t kind;
    uint8_t palette[768];
    uint8_t *out;    /* w * h * channels; set in C, as is the next */
    uint8_t *fourth; /* the fourth of separate planes, or NULL */
} fm_tiff_job;

/* A strip or tile of uncompressed data: where it lies, where it goes. */
typedef struct {
    int64_t offset;
    int32_t x0, y0, x1, y1;
    int32_t stride; /* bytes of a line in the file; 0: those of its pixels */
    int32_t layout;
} fm_tiff_piece;

/* How a line of samples becomes a line of out. */
typedef struct fm_tiff_layout_s {
    const char *name; /* Pillow's mode and raw mode */
    int bits;         /* of a pixel in the file */
    int band;         /* 0: the line holds whole pixels; else it holds only band - 1 */
    void (*line)(uint8_t *out, const uint8_t *in, size_t n, const uint8_t *palette);
} fm_tiff_unpack;

extern const fm_tiff_unpack fm_tiff_layouts[]; /* ends with one without a name */

/* The index in fm_tiff_layouts, or -1. */
int fm_tiff_layout(const char *name, size_t length);

/* Unpacks n pixels to (x, y). */
void fm_tiff_line(fm_tiff_job *job, int layout, int x, int y, const uint8_t *in, int n);
/* A line of one of several planes: samples of 8 or of 16 bits in the machine's order. */
void fm_tiff_band(fm_tiff_job *job, int band, int bits, int x, int y, const uint8_t *in, int n);
/* Makes room for the fourth plane. */
int fm_tiff_planes(fm_context *c, fm_tiff_job *job);
/* Turns Lab, and separate planes, into RGB. separate: bands came one by one.
 * premultiplied: the fourth band is an alpha that the colours are to be divided by. */
void fm_tiff_finish(fm_tiff_job *job, int separate, int premultiplied);
/* Lab of 8 bits each to sRGB, in place. */
void fm_tiff_lab(uint8_t *rgb, size_t pixels);

int fm_tiff_raw(fm_context *c, const fm_tiff_job *asked, uint8_t *out, const uint8_t *data, size_t size, const fm_tiff_piece *pieces, size_t n);

/* One line of ThunderScan. Returns how many bytes of in it took, or 0 where they
 * do not make a line. */
size_t fm_tiff_thunder(uint8_t *out, size_t width, const uint8_t *in, size_t size);

/* Inflates n bytes, if they are exactly `size` when they are out, and undoes
 * predictor 2 in rows of samples that differ from those `step` before (0: none).
 * Returns whether it did. *inflater is made when it is needed first. */
int fm_tiff_inflate(void **inflater, uint8_t *out, size_t size, const uint8_t *in, size_t n, size_t row, size_t step);
void fm_tiff_inflated(void *inflater);

/* What libtiff needs to know beside the file. */
typedef struct {
    int layout;
    int rgba;          /* the layout is of 32 bits because the colours are YCbCr */
    int unmarked;      /* the file says RLE, but its lines do not begin at a byte */
    int64_t max_alloc; /* of a single allocation */
} fm_tiff_options;

int fm_tiff_lib(fm_context *c, const fm_tiff_job *asked, uint8_t *out, const uint8_t *data, size_t size, const fm_tiff_options *o);

#endif
