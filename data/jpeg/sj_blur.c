/* SPDX-License-Identifier: MIT */

/*
 * PIL's GaussianBlur: three extended box blurs along the rows, then three along
 * the columns, each rounded to 8 bits (Gwosdek et al., "Theoretical foundations
 * of Gaussian convolution by extended box filtering", SSVM 2011). An extended
 * box has an integer radius and two outermost pixels of fractional weight.
 */
#include "sj_internal.h"

#include <math.h>

enum { PASSES = 3 };

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

/* One line with the given distance between pixels; ww weighs the box of 2 *
 * radius + 1 pixels, fw the two pixels beside it, in 24-bit fixed point. Pixels
 * outside repeat the edge. */
static void box_line(uint8_t *dst, const uint8_t *src, int n, ptrdiff_t step, int radius, uint32_t ww, uint32_t fw) {
    int last = n - 1, x;
    uint32_t acc = 0;
    for (x = -radius - 1; x < radius; x++) acc += src[at(x, last) * step];
    for (x = 0; x < n; x++) {
        uint32_t left = src[at(x - radius - 1, last) * step], right = src[at(x + radius + 1, last) * step];
        acc += src[at(x + radius, last) * step];
        acc -= left;
        dst[x * step] = (uint8_t)((acc * ww + (left + right) * fw + (1u << 23)) >> 24);
    }
}

void sj_box_rows_c(uint8_t *dst, const uint8_t *src, int w, int h, int radius, uint32_t ww, uint32_t fw,
                   uint8_t *line) {
    int y;
    (void)line;
    for (y = 0; y < h; y++, dst += w, src += w) box_line(dst, src, w, 1, radius, ww, fw);
}

void sj_box_columns_c(uint8_t *dst, const uint8_t *src, int w, int h, int radius, uint32_t ww, uint32_t fw,
                      uint8_t *line) {
    int x;
    (void)line;
    for (x = 0; x < w; x++) box_line(dst + x, src + x, h, w, radius, ww, fw);
}

/* Blurs the first channels planes in place. 0: no memory. */
int sj_blur(sj_state *s, uint8_t *planes, size_t plane, int channels, int size, float sigma) {
    const sj_kernels *kn = sj_active();
    float radius = box_radius(sigma);
    int whole = (int)radius, c, i;
    uint32_t ww = (uint32_t)((float)(1 << 24) / (radius * 2 + 1));
    uint32_t fw = ((1u << 24) - (uint32_t)(whole * 2 + 1) * ww) / 2;
    uint8_t *line;
    if (!sj_reserve(&s->scratch, plane + SJ_PAD + 8 * ((size_t)size + SJ_PAD))) return 0;
    line = s->scratch.p + plane + SJ_PAD;
    for (c = 0; c < channels; c++) {
        uint8_t *from = planes + (size_t)c * plane, *to = s->scratch.p, *swap;
        /* Six passes: an even number, so the result ends where it began. */
        for (i = 0; i < 2 * PASSES; i++) {
            (i < PASSES ? kn->box_rows : kn->box_columns)(to, from, size, size, whole, ww, fw, line);
            swap = from;
            from = to;
            to = swap;
        }
    }
    return 1;
}
