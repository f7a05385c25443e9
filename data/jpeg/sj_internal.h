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
    int16_t *halves; /* [n][stride / 4][8] the same for SIMD: of four taps the four
                        upper halves, then the four lower ones */
} sj_filter;

/* One colour operation: SJ_BRIGHTNESS and SJ_CONTRAST blend with the constant
 * base, SJ_SATURATION with the luma, SJ_HUE shifts, SJ_GRAY leaves the luma. */
enum { SJ_GRAY = 4, SJ_MAX_STEPS = 5 };
typedef struct {
    uint8_t op, hue;
    float alpha, base;
} sj_step;

/* A box blur of 2 * radius + 1 pixels of weight ww and one more on either side
 * of weight fw, in 24-bit fixed point. */
typedef struct {
    int radius;
    uint32_t ww, fw;
} sj_box;

/* Working memory of a blur over n pixels: two arrays of n vectors and their
 * borders. */
#define SJ_BORDER 8
#define SJ_LINE(n) (2 * 64 * ((size_t)(n) + 2 * SJ_BORDER + 2))

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
    void (*vertical)(uint8_t *dst, const uint8_t *const *rows, int taps, const int32_t *k, const int16_t *halves,
                     int n);
    /* Splits n RGBX pixels into planes. */
    void (*split)(uint8_t *r, uint8_t *g, uint8_t *b, const uint8_t *src, int n);
    /* Applies steps in order to n pixels; returns the sum of the resulting luma
     * if sum is set. After SJ_GRAY only r is defined. */
    uint64_t (*color)(uint8_t *r, uint8_t *g, uint8_t *b, size_t n, const sj_step *steps, int count, int sum);
    /* Three box blurs along the rows of a w x h plane, and along its columns, in
     * place. line is SJ_LINE(longer side) bytes of working memory. */
    void (*blur_rows)(uint8_t *p, int w, int h, sj_box box, uint8_t *line);
    void (*blur_columns)(uint8_t *p, int w, int h, sj_box box, uint8_t *line);
    /* Interleaves planes to RGB. */
    void (*interleave)(uint8_t *dst, const uint8_t *r, const uint8_t *g, const uint8_t *b, size_t n);
} sj_kernels;

extern const sj_kernels sj_portable;
#if defined(__x86_64__)
extern const sj_kernels sj_avx2, sj_avx512;
/* Permutations that the AVX-512 table shares. */
void sj_split_avx2(uint8_t *r, uint8_t *g, uint8_t *b, const uint8_t *src, int n);
void sj_interleave_avx2(uint8_t *dst, const uint8_t *r, const uint8_t *g, const uint8_t *b, size_t n);
#endif
const sj_kernels *sj_active(void);

struct sj_decoder;

struct sj_state {
    struct sj_decoder *dec;
    int plain;      /* libjpeg's own entropy decoder only, for comparison */
    char message[256];
    sj_buf image;   /* decoded RGBX */
    sj_buf turned;  /* the same, oriented */
    sj_buf rows;    /* rows between the two passes of the resize */
    sj_buf row_ptr; /* pointers to the rows of one vertical filter */
    sj_buf planes;  /* crop in the making */
    sj_buf scratch; /* blur's lines */
    sj_buf fx, fy;  /* memory behind the filters */
};

/* sj_memory.c: makes b at least n + SJ_PAD bytes large; contents are lost. 0: no memory. */
int sj_reserve(sj_buf *b, size_t n);
void sj_release(sj_buf *b);
int sj_fail(sj_state *s, int code, const char *format, ...);
int64_t sj_now(void);

/* sj_decode.c: rows 0..last of the JPEG into s->image at 1/denominator. */
int sj_decode_rgbx(sj_state *s, const uint8_t *data, size_t len, int w, int h, int denominator, int last,
                   sj_image *out);
struct sj_decoder *sj_decoder_new(void);
void sj_decoder_free(struct sj_decoder *d);
int sj_decoder_gave_up(const struct sj_decoder *d);

/* sj_resample.c */
int sj_filter_make(sj_buf *mem, sj_filter *f, int in, int out, int bicubic);
int sj_resize(sj_state *s, const sj_image *im, const sj_crop *c, uint8_t *planes, size_t plane);
void sj_horizontal_c(uint8_t *dst, ptrdiff_t dst_stride, const uint8_t *src, ptrdiff_t stride, int rows,
                     const sj_filter *f, int begin, int end, int flip);
void sj_vertical_c(uint8_t *dst, const uint8_t *const *rows, int taps, const int32_t *k, const int16_t *halves,
                   int n);
void sj_split_c(uint8_t *r, uint8_t *g, uint8_t *b, const uint8_t *src, int n);

/* sj_color.c */
void sj_jitter(const sj_crop *c, uint8_t *planes, size_t plane);
uint64_t sj_color_c(uint8_t *r, uint8_t *g, uint8_t *b, size_t n, const sj_step *steps, int count, int sum);
void sj_interleave_c(uint8_t *dst, const uint8_t *r, const uint8_t *g, const uint8_t *b, size_t n);

/* sj_blur.c */
int sj_blur(sj_state *s, uint8_t *planes, size_t plane, int channels, int size, float sigma);
void sj_blur_rows_c(uint8_t *p, int w, int h, sj_box box, uint8_t *line);
void sj_blur_columns_c(uint8_t *p, int w, int h, sj_box box, uint8_t *line);

/* PIL's luma, ITU-R 601-2 in 16-bit fixed point. */
static inline int sj_luma(int r, int g, int b) { return (r * 19595 + g * 38470 + b * 7471 + 0x8000) >> 16; }

#endif
