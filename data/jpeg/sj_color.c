/* SPDX-License-Identifier: MIT */

/*
 * Colour operations on planes, with PIL's arithmetic and rounding, and
 * torchvision's jitter over them. These are the reference versions; the SIMD
 * kernels must give the same bytes.
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

static void blend_plane(uint8_t *p, size_t n, int base, float alpha) {
    uint8_t table[256];
    size_t i;
    int v;
    for (v = 0; v < 256; v++) table[v] = blend(base, v, alpha);
    for (i = 0; i < n; i++) p[i] = table[p[i]];
}

static void saturate(uint8_t *r, uint8_t *g, uint8_t *b, size_t n, float alpha) {
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

static void hue(uint8_t *r, uint8_t *g, uint8_t *b, size_t n, uint8_t shift) {
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

static void apply(uint8_t *r, uint8_t *g, uint8_t *b, size_t n, const sj_step *step) {
    size_t i;
    switch (step->op) {
    case SJ_BRIGHTNESS:
    case SJ_CONTRAST:
        blend_plane(r, n, (int)step->base, step->alpha);
        blend_plane(g, n, (int)step->base, step->alpha);
        blend_plane(b, n, (int)step->base, step->alpha);
        break;
    case SJ_SATURATION: saturate(r, g, b, n, step->alpha); break;
    case SJ_HUE: hue(r, g, b, n, step->hue); break;
    default:
        for (i = 0; i < n; i++) r[i] = (uint8_t)sj_luma(r[i], g[i], b[i]);
    }
}

uint64_t sj_color_c(uint8_t *r, uint8_t *g, uint8_t *b, size_t n, const sj_step *steps, int count, int sum) {
    uint64_t total = 0;
    size_t i;
    int k;
    for (k = 0; k < count; k++) apply(r, g, b, n, steps + k);
    for (i = 0; sum && i < n; i++) total += (uint64_t)sj_luma(r[i], g[i], b[i]);
    return total;
}

void sj_interleave_c(uint8_t *dst, const uint8_t *r, const uint8_t *g, const uint8_t *b, size_t n) {
    size_t i;
    for (i = 0; i < n; i++) {
        dst[3 * i] = r[i];
        dst[3 * i + 1] = g[i];
        dst[3 * i + 2] = b[i];
    }
}

/* Adds operation op of c to steps, unless it changes nothing: a factor of
 * exactly 1 is the identity in PIL's arithmetic. Returns the new count. */
static int add_step(sj_step *steps, int count, const sj_crop *c, uint8_t op) {
    float alpha = op == SJ_BRIGHTNESS ? c->brightness : op == SJ_CONTRAST ? c->contrast : c->saturation;
    if (op < SJ_HUE && alpha == 1.0f) return count;
    steps[count].op = op;
    steps[count].alpha = alpha;
    steps[count].base = 0.0f;
    steps[count].hue = c->hue;
    return count + 1;
}

/* torchvision's ColorJitter with the drawn order and factors, then the grey
 * conversion. Contrast blends with the rounded mean luma of what comes before
 * it, which splits the chain into two passes over the pixels; that is all the
 * passes there are. */
void sj_jitter(const sj_crop *c, uint8_t *p, size_t plane) {
    const sj_kernels *kn = sj_active();
    sj_step steps[SJ_MAX_STEPS];
    int i, count = 0;
    for (i = 0; i < c->ops; i++) {
        int n = add_step(steps, count, c, c->order[i]);
        if (n > count && c->order[i] == SJ_CONTRAST) {
            uint64_t sum = kn->color(p, p + plane, p + 2 * plane, plane, steps, count, 1);
            steps[0] = steps[count];
            steps[0].base = (float)(int)((double)sum / (double)plane + 0.5);
            n = 1;
        }
        count = n;
    }
    if (c->gray) count = add_step(steps, count, c, SJ_GRAY);
    if (count) kn->color(p, p + plane, p + 2 * plane, plane, steps, count, 0);
}
