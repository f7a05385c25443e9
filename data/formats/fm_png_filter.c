/* SPDX-License-Identifier: MIT */

/*
 * The filters of PNG backwards. Sub, Average and Paeth wait for the pixel to the
 * left, so a pixel is what is done at once; with pixels of 3 bytes or more it pays
 * to have its bytes in one register.
 */
#include "fm_png.h"

#include <stdlib.h>
#include <string.h>

static void sub(uint8_t *p, size_t n, size_t bpp) {
    size_t i;
    for (i = bpp; i < n; i++) p[i] = (uint8_t)(p[i] + p[i - bpp]);
}

static void up(uint8_t *restrict p, const uint8_t *restrict b, size_t n) {
    size_t i;
    for (i = 0; i < n; i++) p[i] = (uint8_t)(p[i] + b[i]);
}

static void average(uint8_t *p, const uint8_t *b, size_t n, size_t bpp) {
    size_t i;
    for (i = 0; i < bpp && i < n; i++) p[i] = (uint8_t)(p[i] + b[i] / 2);
    for (; i < n; i++) p[i] = (uint8_t)(p[i] + (p[i - bpp] + b[i]) / 2);
}

static void paeth(uint8_t *p, const uint8_t *b, size_t n, size_t bpp) {
    size_t i;
    for (i = 0; i < bpp && i < n; i++) p[i] = (uint8_t)(p[i] + b[i]);
    for (; i < n; i++) {
        int left = p[i - bpp], above = b[i], corner = b[i - bpp];
        int pa = abs(above - corner), pb = abs(left - corner), pc = abs(left + above - 2 * corner);
        p[i] = (uint8_t)(p[i] + (pa <= pb && pa <= pc ? left : pb <= pc ? above : corner));
    }
}

#if defined(__SSE2__)
#include <emmintrin.h>

/* A pixel of bpp bytes, and what lies behind it. */
static inline __attribute__((always_inline)) __m128i load(const uint8_t *p, size_t bpp) {
    if (bpp > 4) return _mm_loadl_epi64((const __m128i *)(const void *)p);
    int32_t v;
    memcpy(&v, p, 4);
    return _mm_cvtsi32_si128(v);
}

static inline __attribute__((always_inline)) void store(uint8_t *p, __m128i v, size_t bpp) {
    uint64_t u;
    _mm_storel_epi64((__m128i *)(void *)&u, v);
    memcpy(p, &u, bpp);
}

static inline __attribute__((always_inline)) void sub_wide(uint8_t *p, size_t n, size_t bpp) {
    __m128i a = _mm_setzero_si128();
    size_t i;
    for (i = 0; i < n; i += bpp) {
        a = _mm_add_epi8(load(p + i, bpp), a);
        store(p + i, a, bpp);
    }
}

static inline __attribute__((always_inline)) void average_wide(uint8_t *p, const uint8_t *b, size_t n, size_t bpp) {
    const __m128i one = _mm_set1_epi8(1);
    __m128i a = _mm_setzero_si128();
    size_t i;
    for (i = 0; i < n; i += bpp) {
        __m128i above = load(b + i, bpp);
        /* _mm_avg_epu8 rounds up; the filter rounds down. */
        __m128i mean = _mm_sub_epi8(_mm_avg_epu8(a, above), _mm_and_si128(_mm_xor_si128(a, above), one));
        a = _mm_add_epi8(load(p + i, bpp), mean);
        store(p + i, a, bpp);
    }
}

static inline __m128i absolute(__m128i v) { return _mm_max_epi16(v, _mm_sub_epi16(_mm_setzero_si128(), v)); }

static inline __m128i choose(__m128i mask, __m128i yes, __m128i no) {
    return _mm_or_si128(_mm_and_si128(mask, yes), _mm_andnot_si128(mask, no));
}

static inline __attribute__((always_inline)) void paeth_wide(uint8_t *p, const uint8_t *b, size_t n, size_t bpp) {
    const __m128i zero = _mm_setzero_si128(), low = _mm_set1_epi16(255);
    __m128i a = zero, c = zero; /* bytes as 16-bit numbers: left, and left above */
    size_t i;
    for (i = 0; i < n; i += bpp) {
        __m128i above = _mm_unpacklo_epi8(load(b + i, bpp), zero), d = _mm_unpacklo_epi8(load(p + i, bpp), zero);
        __m128i va = _mm_sub_epi16(above, c), vb = _mm_sub_epi16(a, c);
        __m128i pa = absolute(va), pb = absolute(vb), pc = absolute(_mm_add_epi16(va, vb));
        __m128i least = _mm_min_epi16(pc, _mm_min_epi16(pa, pb));
        __m128i nearest = choose(_mm_cmpeq_epi16(least, pa), a, choose(_mm_cmpeq_epi16(least, pb), above, c));
        a = _mm_and_si128(_mm_add_epi16(d, nearest), low);
        c = above;
        store(p + i, _mm_packus_epi16(a, a), bpp);
    }
}

#define WIDE(bpp)                                       \
    case bpp:                                           \
        if (kind == 1) sub_wide(row, n, bpp);           \
        if (kind == 3) average_wide(row, prev, n, bpp); \
        if (kind == 4) paeth_wide(row, prev, n, bpp);   \
        return 1;

/* Rows are whole pixels there. */
static int wide(int kind, uint8_t *row, const uint8_t *prev, size_t n, int bpp) {
    switch (bpp) {
        WIDE(3)
        WIDE(4)
        WIDE(6)
        WIDE(8)
    }
    return 0;
}
#undef WIDE
#else
static int wide(int kind, uint8_t *row, const uint8_t *prev, size_t n, int bpp) {
    (void)kind, (void)row, (void)prev, (void)n, (void)bpp;
    return 0;
}
#endif

int fm_png_unfilter(int kind, uint8_t *row, const uint8_t *prev, size_t n, int bpp) {
    if (kind == 0) return 1;
    if (kind < 0 || kind > 4) return 0;
    if (kind == 2) {
        up(row, prev, n);
        return 1;
    }
    if (wide(kind, row, prev, n, bpp)) return 1;
    if (kind == 1) sub(row, n, (size_t)bpp);
    if (kind == 3) average(row, prev, n, (size_t)bpp);
    if (kind == 4) paeth(row, prev, n, (size_t)bpp);
    return 1;
}
