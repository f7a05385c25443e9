/* SPDX-License-Identifier: MIT */

/*
 * Colour operations on planes, with PIL's arithmetic and rounding, and
 * torchvision's jitter over them. These are the reference versions of the
 * kernels; the SIMD ones must give the same bytes.
 */
#include "sj_internal.h"

#include <math.h>

/* PIL's ImagingBlend: single precision, cut towards zero, clipped. The product
 * and the sum are rounded separately; -std=c11 forbids fusing them. */
static inline uint8_t blend(int base, int v, float alpha) {
    float t = (float)base + alpha * (float)(v - base);
    if (t <= 0.0f) return 0;
    if (t >= 255.0f) return 255;
    return (uint8_t)t;
}

void sj_blend_c(uint8_t *p, size_t n, int base, float alpha) {
    uint8_t table[256];
    size_t i;
    int v;
    for (v = 0; v < 256; v++) table[v] = blend(base, v, alpha);
    for (i = 0; i < n; i++) p[i] = table[p[i]];
}

uint64_t sj_luma_sum_c(const uint8_t *r, const uint8_t *g, const uint8_t *b, size_t n) {
    uint64_t sum = 0;
    size_t i;
    for (i = 0; i < n; i++) sum += (uint64_t)sj_luma(r[i], g[i], b[i]);
    return sum;
}

void sj_gray_c(uint8_t *dst, const uint8_t *r, const uint8_t *g, const uint8_t *b, size_t n) {
    size_t i;
    for (i = 0; i < n; i++) dst[i] = (uint8_t)sj_luma(r[i], g[i], b[i]);
}

void sj_saturate_c(uint8_t *r, uint8_t *g, uint8_t *b, size_t n, float alpha) {
    size_t i;
    for (i = 0; i < n; i++) {
        int l = sj_luma(r[i], g[i], b[i]);
        r[i] = blend(l, r[i], alpha);
        g[i] = blend(l, g[i], alpha);
        b[i] = blend(l, b[i], alpha);
    }
}

/* PIL's rgb2hsv, mixed precision included: the quotients are single, the sums
 * with a literal are double and rounded to single when stored. */
static void rgb_to_hsv(int r, int g, int b, int *uh, int *us, int *uv) {
    int maxc = r > g ? (r > b ? r : b) : (g > b ? g : b);
    int minc = r < g ? (r < b ? r : b) : (g < b ? g : b);
    float cr, s, rc, gc, bc, h;
    *uv = maxc;
    *uh = *us = 0;
    if (minc == maxc) return;
    cr = (float)(maxc - minc);
    s = cr / (float)maxc;
    rc = (float)(maxc - r) / cr;
    gc = (float)(maxc - g) / cr;
    bc = (float)(maxc - b) / cr;
    if (r == maxc)
        h = bc - gc;
    else if (g == maxc)
        h = (float)(2.0 + rc - bc);
    else
        h = (float)(4.0 + gc - rc);
    h = (float)fmod(h / 6.0 + 1.0, 1.0);
    *uh = (int)(h * 255.0);
    *us = (int)(s * 255.0);
}

/* PIL's hsv2rgb. */
static void hsv_to_rgb(int h, int s, int v, uint8_t *r, uint8_t *g, uint8_t *b) {
    int i = (int)floor((float)h * 6.0 / 255.0);
    float f = (float)((float)h * 6.0 / 255.0 - (float)i), fs = (float)(s / 255.0);
    uint8_t p = (uint8_t)round((float)v * (1.0 - fs));
    uint8_t q = (uint8_t)round((float)v * (1.0 - fs * f));
    uint8_t t = (uint8_t)round((float)v * (1.0 - fs * (1.0 - f)));
    uint8_t u = (uint8_t)v;
    switch (i % 6) {
    case 0: *r = u, *g = t, *b = p; break;
    case 1: *r = q, *g = u, *b = p; break;
    case 2: *r = p, *g = u, *b = t; break;
    case 3: *r = p, *g = q, *b = u; break;
    case 4: *r = t, *g = p, *b = u; break;
    default: *r = u, *g = p, *b = q; break;
    }
}

void sj_hue_c(uint8_t *r, uint8_t *g, uint8_t *b, size_t n, uint8_t shift) {
    size_t i;
    for (i = 0; i < n; i++) {
        int h, s, v;
        rgb_to_hsv(r[i], g[i], b[i], &h, &s, &v);
        if (s == 0)
            r[i] = g[i] = b[i] = (uint8_t)v;
        else
            hsv_to_rgb((h + shift) & 255, s, v, r + i, g + i, b + i);
    }
}

void sj_interleave_c(uint8_t *dst, const uint8_t *r, const uint8_t *g, const uint8_t *b, size_t n) {
    size_t i;
    for (i = 0; i < n; i++) {
        dst[3 * i] = r[i];
        dst[3 * i + 1] = g[i];
        dst[3 * i + 2] = b[i];
    }
}

/* ImageEnhance.Contrast blends with the rounded mean of the luma. */
static void contrast(const sj_kernels *kn, uint8_t *p, size_t plane, float alpha) {
    uint64_t sum = kn->luma_sum(p, p + plane, p + 2 * plane, plane);
    int mean = (int)((double)sum / (double)plane + 0.5);
    kn->blend(p, 3 * plane, mean, alpha);
}

/* torchvision's ColorJitter with the drawn order and factors. A factor of
 * exactly 1 is the identity in PIL's arithmetic and skipped. */
void sj_jitter(const sj_crop *c, uint8_t *p, size_t plane) {
    const sj_kernels *kn = sj_active();
    int i;
    for (i = 0; i < c->ops; i++) {
        switch (c->order[i]) {
        case SJ_BRIGHTNESS:
            if (c->brightness != 1.0f) kn->blend(p, 3 * plane, 0, c->brightness);
            break;
        case SJ_CONTRAST:
            if (c->contrast != 1.0f) contrast(kn, p, plane, c->contrast);
            break;
        case SJ_SATURATION:
            if (c->saturation != 1.0f) kn->saturate(p, p + plane, p + 2 * plane, plane, c->saturation);
            break;
        default:
            kn->hue(p, p + plane, p + 2 * plane, plane, c->hue);
        }
    }
}
