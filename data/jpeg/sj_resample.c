/* SPDX-License-Identifier: MIT */

/*
 * Antialiased bilinear and bicubic resize, PIL's ImagingResample for 8-bit pixels: two
 * passes, each rounded to 8 bits, with 22-bit coefficients computed in double.
 * The filter is made for the box as if it were an image of its own, so it never
 * sees pixels outside (crop, then resize).
 */
#include "sj_internal.h"

#include <math.h>
#include <string.h>

static double triangle(double x) {
    if (x < 0.0) x = -x;
    return x < 1.0 ? 1.0 - x : 0.0;
}

/* Keys' cubic with a = -0.5, in PIL's order of operations. */
static double cubic(double x) {
    const double a = -0.5;
    if (x < 0.0) x = -x;
    if (x < 1.0) return ((a + 2.0) * x - (a + 3.0)) * x * x + 1;
    if (x < 2.0) return (((x - 5) * x + 8) * x - 4) * a;
    return 0.0;
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
    f->halves = (int16_t *)(f->k + n * stride);
    return 1;
}

/* PIL's precompute_coeffs and normalize_coeffs_8bpc for output i. */
static void filter_row(sj_filter *f, int i, int in, double scale, double support, double (*weight)(double), double *w) {
    double center = (i + 0.5) * scale, total = 0.0, inverse = 1.0 / (scale < 1.0 ? 1.0 : scale);
    int first = (int)(center - support + 0.5), last = (int)(center + support + 0.5), x;
    int32_t *k = f->k + (size_t)i * f->stride;
    int16_t *halves = f->halves + (size_t)i * f->stride * 2;
    if (first < 0) first = 0;
    if (last > in) last = in;
    for (x = 0; x < last - first; x++) {
        w[x] = weight((x + first - center + 0.5) * inverse);
        total += w[x];
    }
    for (x = 0; x < f->stride; x++) {
        k[x] = 0;
        if (x < last - first) {
            double v = total != 0.0 ? w[x] / total : w[x];
            k[x] = (int32_t)((v < 0 ? -0.5 : 0.5) + v * (1 << SJ_PRECISION));
        }
        halves[x / 4 * 8 + x % 4] = (int16_t)(k[x] >> SJ_SPLIT);
        halves[x / 4 * 8 + x % 4 + 4] = (int16_t)(k[x] & ((1 << SJ_SPLIT) - 1));
    }
    f->first[i] = first;
    f->taps[i] = last - first;
    if (f->taps[i] > f->max_taps) f->max_taps = f->taps[i];
}

int sj_filter_make(sj_buf *mem, sj_filter *f, int in, int out, int bicubic) {
    double scale = (double)in / out, support = (bicubic ? 2.0 : 1.0) * (scale < 1.0 ? 1.0 : scale), *w;
    int taps = (int)ceil(support) * 2 + 1, i;
    if (!filter_alloc(mem, f, out, taps)) return 0;
    f->max_taps = 0;
    /* The weights of one output live behind the arrays, 8-byte aligned because
     * every array before them is a multiple of 8 bytes long. */
    w = (double *)(mem->p + (size_t)out * 8 + (size_t)out * f->stride * 8);
    for (i = 0; i < out; i++) filter_row(f, i, in, scale, support, bicubic ? cubic : triangle, w);
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

void sj_vertical_c(uint8_t *dst, const uint8_t *const *rows, int taps, const int32_t *k, const int16_t *halves,
                   int n) {
    int x, t;
    (void)halves;
    for (x = 0; x < 4 * n; x++) {
        int32_t sum = 1 << (SJ_PRECISION - 1);
        for (t = 0; t < taps; t++) sum += rows[t][x] * k[t];
        dst[x] = clip8(sum);
    }
}

void sj_split_c(uint8_t *r, uint8_t *g, uint8_t *b, const uint8_t *src, int n) {
    int x;
    for (x = 0; x < n; x++, src += 4) {
        r[x] = src[0];
        g[x] = src[1];
        b[x] = src[2];
    }
}

/* One resize on its way: the box and its filters, the part of the resized box
 * that the window shows, and where that lands. */
typedef struct {
    const sj_kernels *kn;
    const uint8_t *box;
    ptrdiff_t stride;
    int height, flip;
    sj_filter fx, fy;
    int x0, x1, y0, y1;    /* in the resized box */
    uint8_t *to;           /* first pixel in the red plane */
    size_t plane, row;     /* bytes from plane to plane and from row to row */
    const uint8_t **rows;  /* the rows of one vertical filter, 3 spare */
    uint8_t *ring, *line;  /* working rows */
    ptrdiff_t ring_stride; /* bytes from one working row to the next */
} resize;

/* Writes a finished RGBX row as row y of the resized box. */
static void emit(const resize *z, int y, const uint8_t *row) {
    uint8_t *p = z->to + (size_t)(y - z->y0) * z->row;
    z->kn->split(p, p + z->plane, p + 2 * z->plane, row, z->x1 - z->x0);
}

/* Runs the vertical filter of output y over pixels of the given rows: row i of
 * the source lies at base + (i & mask) * stride. */
static void vertical(const resize *z, int y, uint8_t *dst, const uint8_t *base, ptrdiff_t stride, int mask, int n) {
    int first = z->fy.first[y], taps = z->fy.taps[y], t;
    size_t k = (size_t)y * z->fy.stride;
    for (t = 0; t < taps; t++) z->rows[t] = base + ((first + t) & mask) * stride;
    for (; t & 3; t++) z->rows[t] = z->rows[0];
    z->kn->vertical(dst, z->rows, taps, z->fy.k + k, z->fy.halves + 2 * k, n);
}

/* PIL's usual order. Horizontally filtered rows go into a ring, source row y in
 * slot y mod slots, made in blocks as the vertical filter asks for them. */
static void rows_first(const resize *z, int slots) {
    int block = z->kn->row_block, next = z->fy.first[z->y0] / block * block, y, n;
    for (y = z->y0; y < z->y1; y++) {
        /* A block never wraps: both slots and next are multiples of it. */
        for (; next < z->fy.first[y] + z->fy.taps[y]; next += n) {
            n = block < z->height - next ? block : z->height - next;
            z->kn->horizontal(z->ring + (next & (slots - 1)) * z->ring_stride, z->ring_stride,
                              z->box + next * z->stride, z->stride, n, &z->fx, z->x0, z->x1, z->flip);
        }
        vertical(z, y, z->line, z->ring, z->ring_stride, slots - 1, z->x1 - z->x0);
        emit(z, y, z->line);
    }
}

/* The other order, which needs no ring: vertically filtered rows become
 * horizontally filtered ones a block at a time. */
static void columns_first(const resize *z, int width) {
    int block = z->kn->row_block, y, i, n;
    for (y = z->y0; y < z->y1; y += n) {
        n = block < z->y1 - y ? block : z->y1 - y;
        for (i = 0; i < n; i++) vertical(z, y + i, z->ring + i * z->ring_stride, z->box, z->stride, -1, width);
        z->kn->horizontal(z->line, z->ring_stride, z->ring, z->ring_stride, n, &z->fx, z->x0, z->x1, z->flip);
        for (i = 0; i < n; i++) emit(z, y + i, z->line + i * z->ring_stride);
    }
}

/* Lays out the working rows: slots of them and a block more. */
static int working_rows(sj_state *s, resize *z, int slots, int pixels) {
    z->ring_stride = ((ptrdiff_t)pixels * 4 + SJ_PAD) & ~(ptrdiff_t)63;
    if (!sj_reserve(&s->rows, (size_t)(slots + z->kn->row_block) * (size_t)z->ring_stride)) return 0;
    if (!sj_reserve(&s->row_ptr, (size_t)(z->fy.stride + 4) * sizeof *z->rows)) return 0;
    z->ring = s->rows.p;
    z->line = z->ring + slots * z->ring_stride;
    z->rows = (const uint8_t **)(void *)s->row_ptr.p;
    return 1;
}

/* Clips the window to the resized box and finds its place in the planes. */
static void place(resize *z, const sj_crop *c, uint8_t *planes, size_t plane) {
    int left;
    z->x0 = c->off_x > 0 ? c->off_x : 0;
    z->y0 = c->off_y > 0 ? c->off_y : 0;
    z->x1 = c->off_x + c->size < c->scaled_w ? c->off_x + c->size : c->scaled_w;
    z->y1 = c->off_y + c->size < c->scaled_h ? c->off_y + c->size : c->scaled_h;
    left = z->x0 - c->off_x;
    if (c->flip) left = c->size - left - (z->x1 - z->x0);
    z->plane = plane;
    z->row = (size_t)c->size;
    z->to = planes + (ptrdiff_t)(z->y0 - c->off_y) * c->size + left;
}

/* Renders the box of c into three planes of size x size. 0: no memory. */
int sj_resize(sj_state *s, const sj_image *im, const sj_crop *c, uint8_t *planes, size_t plane) {
    resize z = {.kn = sj_active(), .stride = im->stride, .height = c->h, .flip = c->flip};
    int shrink_w = c->w - c->scaled_w, shrink_h = c->h - c->scaled_h, slots = 16;
    place(&z, c, planes, plane);
    if (z.x1 - z.x0 < c->size || z.y1 - z.y0 < c->size) memset(planes, 0, 3 * plane);
    if (z.x1 <= z.x0 || z.y1 <= z.y0) return 1;
    z.box = im->p + c->y * im->stride + (ptrdiff_t)c->x * 4;
    if (!sj_filter_make(&s->fx, &z.fx, c->w, c->scaled_w, c->bicubic) ||
        !sj_filter_make(&s->fy, &z.fy, c->h, c->scaled_h, c->bicubic))
        return 0;
    /* Since version 13 Pillow begins with the columns where the height shrinks by
     * more than twice as many pixels as the width. The order shows in the last
     * bit, because each pass rounds. */
    if (shrink_h > 0 && shrink_h > 2 * shrink_w) {
        if (!working_rows(s, &z, z.kn->row_block, c->w > c->size ? c->w : c->size)) return 0;
        columns_first(&z, c->w);
        return 1;
    }
    while (slots < z.fy.max_taps + 2 * z.kn->row_block) slots *= 2;
    if (!working_rows(s, &z, slots, z.x1 - z.x0)) return 0;
    rows_first(&z, slots);
    return 1;
}
