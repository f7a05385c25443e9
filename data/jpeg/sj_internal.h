/* SPDX-License-Identifier: MIT */

/* Declarations shared by the C files of package jpeg, not by Go. */
#ifndef SJ_INTERNAL_H
#define SJ_INTERNAL_H

#include "sj.h"

/* PIL's fixed-point precision for 8-bit resampling: 32 bits less 8 for the
 * pixel less 2 for the overshoot of filters with negative lobes. */
#define SJ_PRECISION 22
/* SIMD multiplies 16 bits at a time: a coefficient is hi * 2^SJ_SPLIT + lo. */
#define SJ_SPLIT 11

/* Filter of one axis: for output i, taps[i] source pixels from first[i] on. */
typedef struct {
    int n;          /* outputs */
    int stride;     /* coefficients reserved an output, a multiple of 4 */
    int max_taps;
    int32_t *first; /* [n] */
    int32_t *taps;  /* [n] */
    int32_t *k;     /* [n][stride] 22-bit coefficients, zero behind the taps */
    int16_t *hi, *lo; /* [n][stride] the same, split for SIMD */
} sj_filter;

/*
 * The kernels. All versions of one give the same bytes. n counts pixels; planes
 * are padded by SJ_PAD.
 */
typedef struct {
    const char *name;
    /* Filters `rows` source rows (src + i * stride) into dst + i * dst_stride,
     * outputs begin..end of f, the last one first if flip. */
    void (*horizontal)(uint8_t *dst, ptrdiff_t dst_stride, const uint8_t *src, ptrdiff_t stride, int rows,
                       const sj_filter *f, int begin, int end, int flip);
    int row_block; /* number of rows horizontal likes best */
    /* Filters taps RGBX rows into one, n pixels. There are readable rows behind
     * the last tap up to a multiple of 4, whose coefficients are zero. */
    void (*vertical)(uint8_t *dst, const uint8_t *const *rows, int taps, const int32_t *k, const int16_t *hi,
                     const int16_t *lo, int n);
    /* Splits n RGBX pixels into planes. */
    void (*split)(uint8_t *r, uint8_t *g, uint8_t *b, const uint8_t *src, int n);
    /* Sum of the luma over n pixels. */
    uint64_t (*luma_sum)(const uint8_t *r, const uint8_t *g, const uint8_t *b, size_t n);
    /* p = clip(base + alpha * (p - base)) over n bytes. */
    void (*blend)(uint8_t *p, size_t n, int base, float alpha);
    /* The same against each pixel's luma. */
    void (*saturate)(uint8_t *r, uint8_t *g, uint8_t *b, size_t n, float alpha);
    void (*hue)(uint8_t *r, uint8_t *g, uint8_t *b, size_t n, uint8_t shift);
    void (*gray)(uint8_t *dst, const uint8_t *r, const uint8_t *g, const uint8_t *b, size_t n);
    /* One box blur along rows (src to dst, w x h each) and along columns. */
    void (*box_rows)(uint8_t *dst, const uint8_t *src, int w, int h, int radius, uint32_t ww, uint32_t fw,
                     uint8_t *line);
    void (*box_columns)(uint8_t *dst, const uint8_t *src, int w, int h, int radius, uint32_t ww, uint32_t fw,
                        uint8_t *line);
    /* Interleaves planes to RGB. */
    void (*interleave)(uint8_t *dst, const uint8_t *r, const uint8_t *g, const uint8_t *b, size_t n);
} sj_kernels;

extern const sj_kernels sj_portable;
const sj_kernels *sj_active(void);

struct sj_decoder;

struct sj_state {
    struct sj_decoder *dec;
    char message[256];
    sj_buf image;   /* decoded RGBX */
    sj_buf turned;  /* the same, oriented */
    sj_buf rows;    /* rows between the two passes of the resize */
    sj_buf row_ptr; /* pointers to the rows of one vertical filter */
    sj_buf planes;  /* crop in the making */
    sj_buf scratch; /* blur's second plane and line */
    sj_buf fx, fy;  /* memory behind the filters */
};

/* Makes b at least n + SJ_PAD bytes large; contents are lost. 0: no memory. */
int sj_reserve(sj_buf *b, size_t n);
int sj_fail(sj_state *s, int code, const char *format, ...);
int64_t sj_now(void);

/* sj_decode.c: rows 0..last of the JPEG into s->image at 1/denominator. */
int sj_decode_rgbx(sj_state *s, const uint8_t *data, size_t len, int w, int h, int denominator, int last,
                   sj_image *out);
struct sj_decoder *sj_decoder_new(void);
void sj_decoder_free(struct sj_decoder *d);

/* sj_resample.c */
int sj_filter_make(sj_buf *mem, sj_filter *f, int in, int out);
int sj_resize(sj_state *s, const sj_image *im, const sj_crop *c, uint8_t *planes, size_t plane);
void sj_horizontal_c(uint8_t *dst, ptrdiff_t dst_stride, const uint8_t *src, ptrdiff_t stride, int rows,
                     const sj_filter *f, int begin, int end, int flip);
void sj_vertical_c(uint8_t *dst, const uint8_t *const *rows, int taps, const int32_t *k, const int16_t *hi,
                   const int16_t *lo, int n);
void sj_split_c(uint8_t *r, uint8_t *g, uint8_t *b, const uint8_t *src, int n);

/* sj_color.c */
void sj_jitter(const sj_crop *c, uint8_t *planes, size_t plane);
uint64_t sj_luma_sum_c(const uint8_t *r, const uint8_t *g, const uint8_t *b, size_t n);
void sj_blend_c(uint8_t *p, size_t n, int base, float alpha);
void sj_saturate_c(uint8_t *r, uint8_t *g, uint8_t *b, size_t n, float alpha);
void sj_hue_c(uint8_t *r, uint8_t *g, uint8_t *b, size_t n, uint8_t shift);
void sj_gray_c(uint8_t *dst, const uint8_t *r, const uint8_t *g, const uint8_t *b, size_t n);
void sj_interleave_c(uint8_t *dst, const uint8_t *r, const uint8_t *g, const uint8_t *b, size_t n);

/* sj_blur.c */
int sj_blur(sj_state *s, uint8_t *planes, size_t plane, int channels, int size, float sigma);
void sj_box_rows_c(uint8_t *dst, const uint8_t *src, int w, int h, int radius, uint32_t ww, uint32_t fw,
                   uint8_t *line);
void sj_box_columns_c(uint8_t *dst, const uint8_t *src, int w, int h, int radius, uint32_t ww, uint32_t fw,
                      uint8_t *line);

/* PIL's luma, ITU-R 601-2 in 16-bit fixed point. */
static inline int sj_luma(int r, int g, int b) { return (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16; }

#endif
