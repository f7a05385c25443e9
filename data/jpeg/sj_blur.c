/* SPDX-License-Identifier: MIT */

/*
 * PIL's GaussianBlur: three extended box blurs along the rows, then three along
 * the columns, each rounded to 8 bits (Gwosdek et al., "Theoretical foundations
 * of Gaussian convolution by extended box filtering", SSVM 2011). An extended
 * box has an integer radius and two outermost pixels of fractional weight.
 */
#include "sj_internal.h"

#include <math.h>

enum { PASSES = 3 }; /* blur_line and the SIMD kernels have them written out */

/* Radius of the box of which PASSES make a Gaussian of deviation sigma; the
 * precision of each step is PIL's. */
static float box_radius(float sigma) {
    float sigma2 = sigma * sigma / PASSES;
    float length = (float)sqrt(12.0 * sigma2 + 1.0);
    float l = (float)floor((length - 1.0) / 2.0);
    float a = (2 * l + 1) * (l * (l + 1) - 3 * sigma2);
    a /= 6 * (sigma2 - (l + 1) * (l + 1));
    return l + a;
}

static inline int at(int i, int last) { return i < 0 ? 0 : i > last ? last : i; }

/* One box blur of n pixels, step bytes apart, from src to dst. Pixels outside
 * repeat the edge. */
static void box_line(uint8_t *dst, ptrdiff_t dst_step, const uint8_t *src, ptrdiff_t step, int n, sj_box box) {
    int last = n - 1, x;
    uint32_t acc = 0;
    for (x = -box.radius - 1; x < box.radius; x++) acc += src[at(x, last) * step];
    for (x = 0; x < n; x++) {
        uint32_t left = src[at(x - box.radius - 1, last) * step], right = src[at(x + box.radius + 1, last) * step];
        acc += src[at(x + box.radius, last) * step];
        acc -= left;
        /* acc now covers x - radius .. x + radius. */
        dst[x * dst_step] = (uint8_t)((acc * box.ww + (left + right) * box.fw + (1u << 23)) >> 24);
    }
}

/* Three box blurs of a line in place, by way of two copies. */
static void blur_line(uint8_t *p, ptrdiff_t step, int n, sj_box box, uint8_t *line) {
    box_line(line, 1, p, step, n, box);
    box_line(line + n, 1, line, 1, n, box);
    box_line(p, step, line + n, 1, n, box);
}

void sj_blur_rows_c(uint8_t *p, int w, int h, sj_box box, uint8_t *line) {
    int y;
    for (y = 0; y < h; y++) blur_line(p + (size_t)y * w, 1, w, box, line);
}

void sj_blur_columns_c(uint8_t *p, int w, int h, sj_box box, uint8_t *line) {
    int x;
    for (x = 0; x < w; x++) blur_line(p + x, w, h, box, line);
}

/* Blurs the first channels planes in place. 0: no memory. */
int sj_blur(sj_state *s, uint8_t *planes, size_t plane, int channels, int size, float sigma) {
    const sj_kernels *kn = sj_active();
    float radius = box_radius(sigma);
    sj_box box;
    int c;
    box.radius = (int)radius;
    box.ww = (uint32_t)((float)(1 << 24) / (radius * 2 + 1));
    box.fw = ((1u << 24) - (uint32_t)(box.radius * 2 + 1) * box.ww) / 2;
    if (!sj_reserve(&s->scratch, SJ_LINE(size))) return 0;
    for (c = 0; c < channels; c++) {
        kn->blur_rows(planes + (size_t)c * plane, size, size, box, s->scratch.p);
        kn->blur_columns(planes + (size_t)c * plane, size, size, box, s->scratch.p);
    }
    return 1;
}
