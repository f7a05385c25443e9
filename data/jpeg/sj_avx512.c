/* SPDX-License-Identifier: MIT */

/*
 * Kernels for AVX-512 (F and BW): the templates over 512-bit vectors. The
 * vocabulary is explained in sj_avx2.c.
 */
#include "sj_internal.h"

#if defined(__x86_64__)

#include <string.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,fma"))), apply_to = function)
#pragma STDC FP_CONTRACT OFF
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,fma")
#endif

#include <immintrin.h>

#define NAME(x) avx512_##x
#define VF __m512
#define VI __m512i
#define LANES 16
#define VECTOR 32
#define ROWS 4
#define ROW_BLOCK 8

#define V_SET(x) _mm512_set1_ps(x)
#define V_ADD(a, b) _mm512_add_ps(a, b)
#define V_SUB(a, b) _mm512_sub_ps(a, b)
#define V_MUL(a, b) _mm512_mul_ps(a, b)
#define V_DIV(a, b) _mm512_div_ps(a, b)
#define V_FMA(a, b, c) _mm512_fmadd_ps(a, b, c)
#define V_MIN(a, b) _mm512_min_ps(a, b)
#define V_MAX(a, b) _mm512_max_ps(a, b)
#define V_ABS(a) _mm512_abs_ps(a)
#define V_TRUNC(a) _mm512_roundscale_ps(a, _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC)
#define V_IF_LT(a, b, x, y) _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_LT_OQ), y, x)
#define V_IF_EQ(a, b, x, y) _mm512_mask_blend_ps(_mm512_cmp_ps_mask(a, b, _CMP_EQ_OQ), y, x)
#define V_LOADF(p) _mm512_loadu_ps(p)
#define V_STOREF(p, v) _mm512_storeu_ps(p, v)
#define V_TOINT(a) _mm512_cvttps_epi32(a)

#define V_ZEROI _mm512_setzero_si512()
#define V_SET32(x) _mm512_set1_epi32(x)
#define V_LOAD(p) _mm512_loadu_si512((const void *)(p))
#define V_STORE(p, v) _mm512_storeu_si512((void *)(p), v)
#define V_ADD16(a, b) _mm512_add_epi16(a, b)
#define V_ADD32(a, b) _mm512_add_epi32(a, b)
#define V_MADD(a, b) _mm512_madd_epi16(a, b)
#define V_SLL32(a, n) _mm512_slli_epi32(a, n)
#define V_SRL32(a, n) _mm512_srli_epi32(a, n)
#define V_SRA32(a, n) _mm512_srai_epi32(a, n)
#define V_UNPACKLO8(a, b) _mm512_unpacklo_epi8(a, b)
#define V_UNPACKHI8(a, b) _mm512_unpackhi_epi8(a, b)
#define V_UNPACKLO16(a, b) _mm512_unpacklo_epi16(a, b)
#define V_UNPACKHI16(a, b) _mm512_unpackhi_epi16(a, b)
#define V_PACKS32(a, b) _mm512_packs_epi32(a, b)
#define V_PACKUS32(a, b) _mm512_packus_epi32(a, b)
#define V_PACKUS16(a, b) _mm512_packus_epi16(a, b)
#define V_SHUFFLE8(a, m) _mm512_shuffle_epi8(a, m)
#define V_REVERSE32(v) _mm512_shuffle_epi32(v, (_MM_PERM_ENUM)0x1b)
#define V_BROADCAST128(p) _mm512_broadcast_i32x4(load128(p))

static inline __m128i load128(const void *p) { return _mm_loadu_si128((const __m128i *)p); }
static inline void store128(void *p, __m128i v) { _mm_storeu_si128((__m128i *)p, v); }

static inline __m512 V_LOAD8(const uint8_t *p) { return _mm512_cvtepi32_ps(_mm512_cvtepu8_epi32(load128(p))); }

static inline void V_STORE8(uint8_t *r, uint8_t *g, uint8_t *b, __m512 vr, __m512 vg, __m512 vb) {
    store128(r, _mm512_cvtepi32_epi8(V_TOINT(vr)));
    store128(g, _mm512_cvtepi32_epi8(V_TOINT(vg)));
    store128(b, _mm512_cvtepi32_epi8(V_TOINT(vb)));
}

static inline uint64_t V_SUM32(__m512i v) {
    uint32_t e[16];
    uint64_t sum = 0;
    int i;
    V_STORE(e, v);
    for (i = 0; i < 16; i++) sum += e[i];
    return sum;
}

static inline __m512i V_WIDEN(const uint8_t *p) {
    return _mm512_cvtepu8_epi16(_mm256_loadu_si256((const __m256i *)(const void *)p));
}
static inline void V_NARROW(uint8_t *p, __m512i v) {
    _mm256_storeu_si256((__m256i *)(void *)p, _mm512_cvtepi16_epi8(v));
}

static inline __m512i V_LOADROWS(const uint8_t *const *src, ptrdiff_t at) {
    __m512i v = _mm512_castsi128_si512(load128(src[0] + at));
    v = _mm512_inserti32x4(v, load128(src[1] + at), 1);
    v = _mm512_inserti32x4(v, load128(src[2] + at), 2);
    return _mm512_inserti32x4(v, load128(src[3] + at), 3);
}
static inline void V_STOREROWS(uint8_t *const *dst, ptrdiff_t at, __m512i v) {
    store128(dst[0] + at, _mm512_castsi512_si128(v));
    store128(dst[1] + at, _mm512_extracti32x4_epi32(v, 1));
    store128(dst[2] + at, _mm512_extracti32x4_epi32(v, 2));
    store128(dst[3] + at, _mm512_extracti32x4_epi32(v, 3));
}
static inline void V_STOREROWS4(uint8_t *const *dst, ptrdiff_t at, __m512i v) {
    uint8_t e[64];
    int i;
    V_STORE(e, v);
    for (i = 0; i < ROWS; i++) memcpy(dst[i] + at, e + 16 * i, 4);
}

#include "sj_simd_blur.h"
#include "sj_simd_color.h"
#include "sj_simd_resample.h"

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

const sj_kernels sj_avx512 = {
    .name = "avx512",
    .horizontal = avx512_horizontal,
    .row_block = ROW_BLOCK,
    .vertical = avx512_vertical,
    .split = sj_split_avx2,
    .color = avx512_color,
    .blur_rows = avx512_blur_rows,
    .blur_columns = avx512_blur_columns,
    .interleave = sj_interleave_avx2,
};

#else
typedef int sj_avx512_is_empty;
#endif
