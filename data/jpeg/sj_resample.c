/* SPDX-License-Identifier: MIT */

/*
 * Antialiased bilinear resize, PIL's ImagingResample for 8-bit pixels: a
 * horizontal pass rounded to 8 bits, then a vertical one, both with 22-bit
 * coefficients computed in double. The filter is made for the box as if it were
 * an image of its own, so it never sees pixels outside (crop, then resize).
 */
#include "sj_internal.h"

#include <math.h>
#include <string.h>

static double triangle(double x) {
    if (x < 0.0) x = -x;
    return x < 1.0 ? 1.0 - x : 0.0;
}

/* Lays the arrays of f out in mem. */
static int filter_alloc(sj_buf *mem, sj_filter *f, int out, int taps) {
    size_t stride = ((size_t)taps + 3) & ~(size_t)3, n = (size_t)out;
    if (!sj_reserve(mem, n * 8 + n * stride * 8 + stride * 8)) return 0;
    f->n = out;
    f->stride = (int)stride;
    f->first = (int32_t *)mem->p;
    f->taps = f->first + n;
    f->k = f->taps + n;
    f->hi = (int16_t *)(f->k + n * stride);
    f->lo = f->hi + n * stride;
    return 1;
}

/* PIL's precompute_coeffs and normalize_coeffs_8bpc for output i. */
static void filter_row(sj_filter *f, int i, int in, double scale, double support, double *w) {
    double center = (i + 0.5) * scale, total = 0.0, inverse = 1.0 / (scale < 1.0 ? 1.0 : scale);
    int first = (int)(center - support + 0.5), last = (int)(center + support + 0.5), x;
    int32_t *k = f->k + (size_t)i * f->stride;
    int16_t *hi = f->hi + (size_t)i * f->stride, *lo = f->lo + (size_t)i * f->stride;
    if (first < 0) first = 0;
    if (last > in) last = in;
    for (x = 0; x < last - first; x++) {
        w[x] = triangle((x + first - center + 0.5) * inverse);
        total += w[x];
    }
    for (x = 0; x < f->stride; x++) {
        k[x] = 0;
        if (x < last - first) {
            double v = total != 0.0 ? w[x] / total : w[x];
            k[x] = (int32_t)(0.5 + v * (1 << SJ_PRECISION));
        }
        hi[x] = (int16_t)(k[x] >> SJ_SPLIT);
        lo[x] = (int16_t)(k[x] & ((1 << SJ_SPLIT) - 1));
    }
    f->first[i] = first;
    f->taps[i] = last - first;
    if (f->taps[i] > f->max_taps) f->max_taps = f->taps[i];
}

int sj_filter_make(sj_buf *mem, sj_filter *f, int in, int out) {
    double scale = (double)in / out, support = scale < 1.0 ? 1.0 : scale, *w;
    int taps = (int)ceil(support) * 2 + 1, i;
    if (!filter_alloc(mem, f, out, taps)) return 0;
    f->max_taps = 0;
    /* The weights of one output live behind the arrays, 8-byte aligned because
     * every array before them is a multiple of 8 bytes long. */
    w = (double *)(mem->p + (size_t)out * 8 + (size_t)out * f->stride * 8);
    for (i = 0; i < out; i++) filter_row(f, i, in, scale, support, w);
    return 1;
}

static uint8_t clip8(int32_t v) {
    v >>= SJ_PRECISION;
    return v < 0 ? 0 : v > 255 ? 255 : (uint8_t)v;
}

void sj_horizontal_c(uint8_t *dst, ptrdiff_t dst_stride, const uint8_t *src, ptrdiff_t stride, int rows,
                     const sj_filter *f, int begin, int end, int flip) {
    int y, i, t;
    for (y = 0; y < rows; y++, dst += dst_stride, src += stride) {
        for (i = begin; i < end; i++) {
            const int32_t *k = f->k + (size_t)i * f->stride;
            const uint8_t *p = src + (size_t)f->first[i] * 4;
            uint8_t *q = dst + 4 * (size_t)(flip ? end - 1 - i : i - begin);
            int32_t r = 1 << (SJ_PRECISION - 1), g = r, b = r;
            for (t = 0; t < f->taps[i]; t++, p += 4) {
                r += p[0] * k[t];
                g += p[1] * k[t];
                b += p[2] * k[t];
            }
            q[0] = clip8(r);
            q[1] = clip8(g);
            q[2] = clip8(b);
            q[3] = 0;
        }
    }
}

void sj_vertical_c(uint8_t *r, uint8_t *g, uint8_t *b, const uint8_t *const *rows, int taps, const int32_t *k,
                   const int16_t *hi, const int16_t *lo, int n) {
    int x, t;
    (void)hi;
    (void)lo;
    for (x = 0; x < n; x++) {
        int32_t sr = 1 << (SJ_PRECISION - 1), sg = sr, sb = sr;
        for (t = 0; t < taps; t++) {
            const uint8_t *p = rows[t] + 4 * (size_t)x;
            sr += p[0] * k[t];
            sg += p[1] * k[t];
            sb += p[2] * k[t];
        }
        r[x] = clip8(sr);
        g[x] = clip8(sg);
        b[x] = clip8(sb);
    }
}

/* The part of the resized box that the window shows, and where it lands. */
typedef struct {
    int x0, x1, y0, y1; /* in the resized box */
    int left, top;      /* in the window, after the flip */
} window;

static window visible(const sj_crop *c) {
    window v;
    v.x0 = c->off_x > 0 ? c->off_x : 0;
    v.y0 = c->off_y > 0 ? c->off_y : 0;
    v.x1 = c->off_x + c->size < c->scaled_w ? c->off_x + c->size : c->scaled_w;
    v.y1 = c->off_y + c->size < c->scaled_h ? c->off_y + c->size : c->scaled_h;
    v.left = v.x0 - c->off_x;
    v.top = v.y0 - c->off_y;
    if (c->flip) v.left = c->size - v.left - (v.x1 - v.x0);
    return v;
}

/* A ring of filtered rows: source row y lies in slot y mod slots. Rows are made
 * in blocks, in order, as the vertical filter asks for them. */
typedef struct {
    uint8_t *p;
    ptrdiff_t stride;
    int mask, next; /* slots - 1; first row that is not there yet */
} ring;

static void ring_fill(ring *r, const sj_kernels *kn, const uint8_t *box, ptrdiff_t stride, int until, int height,
                      const sj_filter *f, const window *v, int flip) {
    while (r->next < until) {
        int slot = r->next & r->mask, n = kn->row_block;
        /* A block never wraps: slots is a multiple of the block, and so is next. */
        if (n > height - r->next) n = height - r->next;
        kn->horizontal(r->p + slot * r->stride, r->stride, box + r->next * stride, stride, n, f, v->x0, v->x1, flip);
        r->next += n;
    }
}

static int resize_window(sj_state *s, const sj_image *im, const sj_crop *c, uint8_t *planes, size_t plane,
                         const window *v) {
    const sj_kernels *kn = sj_active();
    const uint8_t *box = im->p + c->y * im->stride + (ptrdiff_t)c->x * 4, **rows;
    sj_filter fx, fy;
    ring r;
    int y, t, slots = 16, n = v->x1 - v->x0;
    if (!sj_filter_make(&s->fx, &fx, c->w, c->scaled_w) || !sj_filter_make(&s->fy, &fy, c->h, c->scaled_h)) return 0;
    while (slots < fy.max_taps + 2 * kn->row_block) slots *= 2;
    r.stride = ((ptrdiff_t)n * 4 + SJ_PAD) & ~(ptrdiff_t)63;
    r.mask = slots - 1;
    r.next = fy.first[v->y0] / kn->row_block * kn->row_block;
    if (!sj_reserve(&s->rows, (size_t)slots * (size_t)r.stride)) return 0;
    if (!sj_reserve(&s->row_ptr, (size_t)fy.stride * sizeof *rows)) return 0;
    r.p = s->rows.p;
    rows = (const uint8_t **)s->row_ptr.p;
    for (y = v->y0; y < v->y1; y++) {
        size_t at = (size_t)(y - v->y0 + v->top) * c->size + v->left;
        int first = fy.first[y], taps = fy.taps[y];
        size_t k = (size_t)y * fy.stride;
        ring_fill(&r, kn, box, im->stride, first + taps, c->h, &fx, v, c->flip);
        for (t = 0; t < taps; t++) rows[t] = r.p + ((first + t) & r.mask) * r.stride;
        kn->vertical(planes + at, planes + plane + at, planes + 2 * plane + at, rows, taps, fy.k + k, fy.hi + k,
                     fy.lo + k, n);
    }
    return 1;
}

/* Renders the box of c into three planes of size x size. 0: no memory. */
int sj_resize(sj_state *s, const sj_image *im, const sj_crop *c, uint8_t *planes, size_t plane) {
    window v = visible(c);
    if (v.x1 - v.x0 < c->size || v.y1 - v.y0 < c->size) memset(planes, 0, 3 * plane);
    if (v.x1 <= v.x0 || v.y1 <= v.y0) return 1;
    return resize_window(s, im, c, planes, plane, &v);
}
