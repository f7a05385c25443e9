/* SPDX-License-Identifier: MIT */

/*
 * Kernels for AVX2 and FMA: the templates over 256-bit vectors, and the two
 * permutations that are easier written by hand.
 */
#include "sj_internal.h"

#if defined(__x86_64__)

#include <string.h>

/* Compiled for CPUs that have it, whatever the rest of the program is for. */
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma"))), apply_to = function)
#pragma STDC FP_CONTRACT OFF
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma")
#endif

#include <immintrin.h>

/* The vocabulary of the templates: float and integer vectors, LANES 32-bit or
 * VECTOR 16-bit elements. Unpack and pack work within 128-bit lanes, so one
 * undoes the order of the other. */
#define NAME(x) avx2_##x
#define VF __m256
#define VI __m256i
#define LANES 8
#define VECTOR 16
#define ROWS 2
#define ROW_BLOCK 4

#define V_SET(x) _mm256_set1_ps(x)
#define V_ADD(a, b) _mm256_add_ps(a, b)
#define V_SUB(a, b) _mm256_sub_ps(a, b)
#define V_MUL(a, b) _mm256_mul_ps(a, b)
#define V_DIV(a, b) _mm256_div_ps(a, b)
#define V_FMA(a, b, c) _mm256_fmadd_ps(a, b, c)
#define V_MIN(a, b) _mm256_min_ps(a, b)
#define V_MAX(a, b) _mm256_max_ps(a, b)
#define V_ABS(a) _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a)
#define V_TRUNC(a) _mm256_round_ps(a, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC)
/* a < b ? x : y and a == b ? x : y */
#define V_IF_LT(a, b, x, y) _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_LT_OQ))
#define V_IF_EQ(a, b, x, y) _mm256_blendv_ps(y, x, _mm256_cmp_ps(a, b, _CMP_EQ_OQ))
#define V_LOADF(p) _mm256_loadu_ps(p)
#define V_STOREF(p, v) _mm256_storeu_ps(p, v)
#define V_TOINT(a) _mm256_cvttps_epi32(a)

#define V_ZEROI _mm256_setzero_si256()
#define V_SET32(x) _mm256_set1_epi32(x)
#define V_LOAD(p) _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define V_STORE(p, v) _mm256_storeu_si256((__m256i *)(void *)(p), v)
#define V_ADD16(a, b) _mm256_add_epi16(a, b)
#define V_ADD32(a, b) _mm256_add_epi32(a, b)
#define V_MADD(a, b) _mm256_madd_epi16(a, b)
#define V_SLL32(a, n) _mm256_slli_epi32(a, n)
#define V_SRL32(a, n) _mm256_srli_epi32(a, n)
#define V_SRA32(a, n) _mm256_srai_epi32(a, n)
#define V_UNPACKLO8(a, b) _mm256_unpacklo_epi8(a, b)
#define V_UNPACKHI8(a, b) _mm256_unpackhi_epi8(a, b)
#define V_UNPACKLO16(a, b) _mm256_unpacklo_epi16(a, b)
#define V_UNPACKHI16(a, b) _mm256_unpackhi_epi16(a, b)
#define V_PACKS32(a, b) _mm256_packs_epi32(a, b)
#define V_PACKUS32(a, b) _mm256_packus_epi32(a, b)
#define V_PACKUS16(a, b) _mm256_packus_epi16(a, b)
#define V_SHUFFLE8(a, m) _mm256_shuffle_epi8(a, m)
#define V_REVERSE32(v) _mm256_shuffle_epi32(v, 0x1b)
#define V_BROADCAST128(p) _mm256_broadcastsi128_si256(load128(p))

static inline __m128i load128(const void *p) { return _mm_loadu_si128((const __m128i *)p); }
static inline void store128(void *p, __m128i v) { _mm_storeu_si128((__m128i *)p, v); }

/* LANES bytes to floats. */
static inline __m256 V_LOAD8(const uint8_t *p) {
    return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)(const void *)p)));
}

/* Three vectors of whole floats 0..255 to LANES bytes each. */
static inline void V_STORE8(uint8_t *r, uint8_t *g, uint8_t *b, __m256 vr, __m256 vg, __m256 vb) {
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    __m256i rg = _mm256_packs_epi32(V_TOINT(vr), V_TOINT(vg)), bb = V_TOINT(vb);
    __m256i v = _mm256_permutevar8x32_epi32(_mm256_packus_epi16(rg, _mm256_packs_epi32(bb, bb)), order);
    _mm_storel_epi64((__m128i *)(void *)r, _mm256_castsi256_si128(v));
    _mm_storeh_pi((__m64 *)(void *)g, _mm_castsi128_ps(_mm256_castsi256_si128(v)));
    _mm_storel_epi64((__m128i *)(void *)b, _mm256_extracti128_si256(v, 1));
}

/* Sum of the 32-bit elements. */
static inline uint64_t V_SUM32(__m256i v) {
    uint32_t e[8];
    uint64_t sum = 0;
    int i;
    V_STORE(e, v);
    for (i = 0; i < 8; i++) sum += e[i];
    return sum;
}

/* VECTOR bytes to 16 bits and back. */
static inline __m256i V_WIDEN(const uint8_t *p) { return _mm256_cvtepu8_epi16(load128(p)); }
static inline void V_NARROW(uint8_t *p, __m256i v) {
    store128(p, _mm256_castsi256_si128(_mm256_permute4x64_epi64(_mm256_packus_epi16(v, v), 0x08)));
}

/* 16 bytes of each row, and 16 or 4 bytes back. */
static inline __m256i V_LOADROWS(const uint8_t *const *src, ptrdiff_t at) {
    return _mm256_inserti128_si256(_mm256_castsi128_si256(load128(src[0] + at)), load128(src[1] + at), 1);
}
static inline void V_STOREROWS(uint8_t *const *dst, ptrdiff_t at, __m256i v) {
    store128(dst[0] + at, _mm256_castsi256_si128(v));
    store128(dst[1] + at, _mm256_extracti128_si256(v, 1));
}
static inline void V_STOREROWS4(uint8_t *const *dst, ptrdiff_t at, __m256i v) {
    int a = _mm256_extract_epi32(v, 0), b = _mm256_extract_epi32(v, 4);
    memcpy(dst[0] + at, &a, 4);
    memcpy(dst[1] + at, &b, 4);
}

#include "sj_simd_blur.h"
#include "sj_simd_color.h"
#include "sj_simd_resample.h"

/* Eight RGBX pixels to 8 bytes in each of three quarters. */
static inline __m256i deinterleave(const uint8_t *src) {
    const __m256i channels = _mm256_broadcastsi128_si256(
        _mm_setr_epi8(0, 4, 8, 12, 1, 5, 9, 13, 2, 6, 10, 14, 3, 7, 11, 15));
    const __m256i order = _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7);
    return _mm256_permutevar8x32_epi32(_mm256_shuffle_epi8(V_LOAD(src), channels), order);
}

void sj_split_avx2(uint8_t *r, uint8_t *g, uint8_t *b, const uint8_t *src, int n) {
    int x;
    for (x = 0; x + 16 <= n; x += 16) {
        __m256i p = deinterleave(src + 4 * x), q = deinterleave(src + 4 * x + 32);
        __m256i rb = _mm256_unpacklo_epi64(p, q), g_ = _mm256_unpackhi_epi64(p, q);
        store128(r + x, _mm256_castsi256_si128(rb));
        store128(g + x, _mm256_castsi256_si128(g_));
        store128(b + x, _mm256_extracti128_si256(rb, 1));
    }
    sj_split_c(r + x, g + x, b + x, src + 4 * (size_t)x, n - x);
}

/* Sixteen pixels at a time: every output byte is picked from one plane. */
void sj_interleave_avx2(uint8_t *dst, const uint8_t *r, const uint8_t *g, const uint8_t *b, size_t n) {
    __m128i pick[3][3]; /* [third of the output][plane] */
    size_t i;
    int third, plane, k;
    for (third = 0; third < 3; third++)
        for (plane = 0; plane < 3; plane++) {
            int8_t m[16];
            for (k = 0; k < 16; k++) m[k] = (int8_t)((16 * third + k) % 3 == plane ? (16 * third + k) / 3 : -1);
            pick[third][plane] = load128(m);
        }
    for (i = 0; i + 16 <= n; i += 16, dst += 48) {
        __m128i vr = load128(r + i), vg = load128(g + i), vb = load128(b + i);
        for (third = 0; third < 3; third++)
            store128(dst + 16 * third, _mm_or_si128(_mm_or_si128(_mm_shuffle_epi8(vr, pick[third][0]),
                                                                 _mm_shuffle_epi8(vg, pick[third][1])),
                                                    _mm_shuffle_epi8(vb, pick[third][2])));
    }
    sj_interleave_c(dst, r + i, g + i, b + i, n - i);
}

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

const sj_kernels sj_avx2 = {
    .name = "avx2",
    .horizontal = avx2_horizontal,
    .row_block = ROW_BLOCK,
    .vertical = avx2_vertical,
    .split = sj_split_avx2,
    .color = avx2_color,
    .blur_rows = avx2_blur_rows,
    .blur_columns = avx2_blur_columns,
    .interleave = sj_interleave_avx2,
};

#else
typedef int sj_avx2_is_empty; /* ISO C wants a declaration in every file */
#endif
