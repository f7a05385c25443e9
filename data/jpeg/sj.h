/* SPDX-License-Identifier: MIT */

/*
 * The C side of package jpeg: decoding with libjpeg-turbo and rendering of
 * crops. One sj_state a worker; nothing here is shared between threads but the
 * kernel table, which is written once.
 *
 * Pixels have two layouts. Decoded images are RGBX, four bytes a pixel, because
 * that is what the horizontal filter reads best. Crops in the making are planar
 * (one plane a channel, Size x Size), because that is what colour and blur want.
 * The last step interleaves the planes to RGB in the caller's buffer.
 */
#ifndef SJ_H
#define SJ_H

#include <stddef.h>
#include <stdint.h>

/* What went wrong; the Go side maps these to reasons. */
enum {
    SJ_OK = 0,
    SJ_CORRUPT = 1,
    SJ_TRUNCATED = 2,
    SJ_UNSUPPORTED = 3,
    SJ_NO_MEMORY = 4,
    SJ_MISMATCH = 5 /* the header differs from the size the crops were drawn for */
};

enum { SJ_BRIGHTNESS = 0, SJ_CONTRAST = 1, SJ_SATURATION = 2, SJ_HUE = 3 };

/* Extra bytes behind every buffer, so that kernels may load whole vectors. */
#define SJ_PAD 128

/* One view; the fields are those of augment.Crop. */
typedef struct {
    int32_t x, y, w, h;       /* box in the (oriented) image */
    int32_t scaled_w, scaled_h; /* size the box is resized to */
    int32_t off_x, off_y;     /* window inside that */
    int32_t size;             /* side of the window */
    float brightness, contrast, saturation;
    float blur;               /* standard deviation in pixels, 0: none */
    uint8_t hue;              /* added to the 8-bit hue, modulo 256 */
    uint8_t flip, gray, ops;
    uint8_t bicubic;          /* the filter of the resize, else bilinear */
    uint8_t order[4];
    uint8_t *dst;             /* size * size * 3 bytes */
} sj_crop;

/* Nanoseconds a stage took. */
typedef struct {
    int64_t decode, resize, jitter, blur;
} sj_timing;

typedef struct sj_state sj_state;

/* A buffer that only grows. */
typedef struct {
    uint8_t *p;
    size_t cap;
} sj_buf;

/* A decoded picture, RGBX. */
typedef struct {
    const uint8_t *p;
    int32_t w, h;
    ptrdiff_t stride; /* bytes */
} sj_image;

sj_state *sj_new(void);
void sj_free(sj_state *s);
/* Decodes with libjpeg's own entropy decoder if plain, to compare with. */
void sj_set_plain(sj_state *s, int plain);
const char *sj_message(const sj_state *s);
/* Whether libjpeg's entropy decoder had to decode the last JPEG once more. */
int sj_gave_up(const sj_state *s);

/* Name of the kernels in use: "avx512", "avx2" or "portable". */
const char *sj_kernel_name(void);
/* Chooses kernels by that name; "" restores the best. Returns 0 if the CPU lacks
 * them. For tests and benchmarks, while nothing is being rendered. */
int sj_use_kernels(const char *name);

/* Decodes a JPEG of w x h pixels (before orientation) and renders n crops. */
int sj_jpeg_render(sj_state *s, const uint8_t *data, size_t len, int w, int h, int orientation, int scale,
                   const sj_crop *crops, int n, sj_timing *t);
/* Memory for w * h pixels of up to 3 bytes, which sj_raw_render then takes
 * without a copy; NULL: there is none. It is good until the next call. */
uint8_t *sj_pixels(sj_state *s, int w, int h);
/* Renders n crops of raw pixels with 1, 3 or 4 channels. */
int sj_raw_render(sj_state *s, const uint8_t *pix, int w, int h, int channels, int orientation, const sj_crop *crops,
                  int n, sj_timing *t);
/* Decodes a JPEG into out, w * h * 3 bytes, oriented. */
int sj_jpeg_decode(sj_state *s, const uint8_t *data, size_t len, int w, int h, int orientation, uint8_t *out);

#endif
