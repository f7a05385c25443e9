/* SPDX-License-Identifier: MIT */

/*
 * From luma and colour to RGB as Pillow's libavif does it, to the byte. It goes
 * one of two ways. The common matrices are computed by libyuv: six fractional
 * bits, colour interpolated between its samples, and more than eight bits cut to
 * eight first, except where alpha calls for functions that are made for ten or
 * twelve. All others are computed in floating point. Debian's libavif is older
 * and chooses otherwise, which shows in the pixels.
 */
#include "fm_yuv.h"

#include <math.h>
#include <string.h>

/* A matrix in libyuv's integers. */
typedef struct {
    int32_t ub, ug, vg, vr, yg, yb;
} matrix;

enum { BT709 = 1, UNSPECIFIED = 2, BT470BG = 5, BT601 = 6, BT2020 = 9, CHROMA_DERIVED = 12, IDENTITY = 0, YCGCO = 8, YCGCO_RE = 16 };

static const matrix *libyuv_matrix(const fm_yuv *p) {
    static const matrix limited[3] = {{128, 25, 52, 102, 18997, -1160}, {128, 14, 34, 115, 18997, -1160}, {128, 12, 42, 107, 19003, -1160}};
    static const matrix full[3] = {{113, 22, 46, 90, 16320, 32}, {119, 12, 30, 101, 16320, 32}, {120, 11, 37, 94, 16320, 32}};
    const matrix *m = p->full ? full : limited;
    int k = p->matrix;
    if (k == CHROMA_DERIVED) k = p->primaries;
    if (k == IDENTITY && p->mono && p->matrix == IDENTITY) k = BT601;
    switch (k) {
    case BT470BG:
    case BT601:
        return &m[0];
    case UNSPECIFIED: /* as a matrix BT.601, as primaries BT.709 */
        return p->matrix == CHROMA_DERIVED ? &m[1] : &m[0];
    case BT709:
        return &m[1];
    case BT2020:
        return &m[2];
    }
    return NULL;
}

static inline uint8_t clamp(int32_t v) { return (uint8_t)(v < 0 ? 0 : v > 255 ? 255 : v); }

/* n samples as sixteen bits. */
static void widen(const uint8_t *src, int depth, int32_t n, uint16_t *dst) {
    if (depth > 8)
        memcpy(dst, src, 2 * (size_t)n);
    else
        for (int32_t i = 0; i < n; i++) dst[i] = src[i];
}

/* Twice as many samples of the row near, between which and the next row far it
 * lies a quarter of the way; far is near where there is no next row. */
static void upsample(const uint16_t *restrict near, const uint16_t *restrict far, uint16_t *restrict mixed, int32_t w, uint16_t *restrict dst) {
    int32_t n = (w + 1) / 2, last = w - 1;
    for (int32_t i = 0; i < n; i++) mixed[i] = (uint16_t)(3 * near[i] + far[i]);
    dst[0] = (uint16_t)((mixed[0] + 2) >> 2);
    for (int32_t i = 0; i < n - 1; i++) {
        dst[2 * i + 1] = (uint16_t)((3 * mixed[i] + mixed[i + 1] + 8) >> 4);
        dst[2 * i + 2] = (uint16_t)((mixed[i] + 3 * mixed[i + 1] + 8) >> 4);
    }
    dst[last] = (uint16_t)((mixed[last / 2] + 2) >> 2);
}

/* Rows of samples on their way. */
typedef struct {
    uint16_t *near, *far, *mixed, *y, *u, *v;
} rows;

enum { ROWS = 6 };

/* One colour plane's row for row y of the image. */
static void colour_row(const fm_yuv *p, int k, int32_t y, int nearest, int cut, rows *r, uint16_t *dst) {
    int32_t w = (p->w + p->shift_x) >> p->shift_x, h = (p->h + p->shift_y) >> p->shift_y, at = y >> p->shift_y, other = at;
    if (p->shift_y && !nearest) other = y & 1 ? at + 1 : at - 1;
    if (other < 0 || other >= h) other = at;
    widen(p->plane[k] + at * p->stride[k], p->depth, w, r->near);
    widen(p->plane[k] + other * p->stride[k], p->depth, w, r->far);
    for (int32_t i = 0; cut && i < w; i++) {
        r->near[i] >>= cut;
        r->far[i] >>= cut;
    }
    if (!p->shift_x)
        memcpy(dst, r->near, 2 * (size_t)w);
    else if (nearest)
        for (int32_t i = 0; i < p->w; i++) dst[i] = r->near[i / 2];
    else
        upsample(r->near, r->far, r->mixed, p->w, dst);
}

/* Sums lie between -17,600 and 34,100: with this they fit into sixteen bits without a sign, of which vectors hold twice as
 * many as of thirty-two. */
enum { ABOVE_0 = 288 << 6 };

static inline uint8_t from_sum(int32_t v) {
    int16_t t = (int16_t)((int16_t)((uint16_t)(v + ABOVE_0) >> 6) - (ABOVE_0 >> 6));
    t = t < 0 ? 0 : t;
    return (uint8_t)(t > 255 ? 255 : t);
}

/* By libyuv's integers; samples have `bits` bits. Done in pieces, whose planes are joined afterwards. */
static void pixels(const matrix *m, const rows *r, int32_t w, int bits, uint8_t *out) {
    enum { PIECE = 256 };
    const int low = bits - 8, up = 16 - bits, down = 2 * bits - 16;
    const uint16_t yg = (uint16_t)m->yg;
    const int16_t yb = (int16_t)m->yb, ub = (int16_t)m->ub, ug = (int16_t)m->ug, vg = (int16_t)m->vg, vr = (int16_t)m->vr;
    uint8_t red[PIECE], green[PIECE], blue[PIECE];
    for (int32_t x = 0; x < w; x += PIECE) {
        const uint16_t *restrict ys = r->y + x, *restrict us = r->u + x, *restrict vs = r->v + x;
        int32_t n = w - x < PIECE ? w - x : PIECE;
        for (int32_t i = 0; i < n; i++) {
            uint16_t wide = (uint16_t)(ys[i] << up | ys[i] >> down);
            int16_t y = (int16_t)((uint16_t)((uint32_t)wide * yg >> 16) + yb);
            uint16_t cu = us[i] >> low, cv = vs[i] >> low;
            int16_t u = (int16_t)((cu > 255 ? 255 : cu) - 128), v = (int16_t)((cv > 255 ? 255 : cv) - 128);
            red[i] = from_sum((uint16_t)y + (uint16_t)(v * vr));
            green[i] = from_sum((uint16_t)y - (uint16_t)(u * ug) - (uint16_t)(v * vg));
            blue[i] = from_sum((uint16_t)y + (uint16_t)(u * ub));
        }
        for (int32_t i = 0; i < n; i++, out += 3) {
            out[0] = red[i];
            out[1] = green[i];
            out[2] = blue[i];
        }
    }
}

static void convert_integers(const fm_yuv *p, const matrix *m, rows *r, uint8_t *out) {
    /* Deep samples stay so only beside alpha: ten bits, and twelve with colour halved both ways. */
    int deep = p->alpha && !p->mono && (p->depth == 10 || (p->depth == 12 && p->shift_y));
    int nearest = deep && p->depth == 12, cut = deep ? 0 : p->depth - 8;
    for (int32_t x = 0; x < p->w && p->mono; x++) r->u[x] = r->v[x] = (uint16_t)(128 << (p->depth - cut - 8));
    for (int32_t y = 0; y < p->h; y++) {
        widen(p->plane[0] + y * p->stride[0], p->depth, p->w, r->y);
        for (int32_t i = 0; cut && i < p->w; i++) r->y[i] >>= cut;
        if (!p->mono) {
            colour_row(p, 1, y, nearest, cut, r, r->u);
            colour_row(p, 2, y, nearest, cut, r, r->v);
        }
        pixels(m, r, p->w, p->depth - cut, out + 3 * (size_t)y * p->w);
    }
}

/* What the floating-point way needs of a file. */
typedef struct {
    float kr, kg, kb, bias_y, range_y, bias_c, range_c, most;
} floats;

/* The chromaticities of primaries with a number of their own: red, green, blue, white. */
static const float *chromaticities(int primaries) {
    static const struct {
        int number;
        float xy[8];
    } table[] = {
        {4, {0.67f, 0.33f, 0.21f, 0.71f, 0.14f, 0.08f, 0.310f, 0.316f}},
        {7, {0.63f, 0.34f, 0.31f, 0.595f, 0.155f, 0.07f, 0.3127f, 0.329f}},
        {8, {0.681f, 0.319f, 0.243f, 0.692f, 0.145f, 0.049f, 0.310f, 0.316f}},
        {10, {1, 0, 0, 1, 0, 0, 0.3333f, 0.3333f}},
        {11, {0.68f, 0.32f, 0.265f, 0.69f, 0.15f, 0.06f, 0.314f, 0.351f}},
        {12, {0.68f, 0.32f, 0.265f, 0.69f, 0.15f, 0.06f, 0.3127f, 0.329f}},
        {22, {0.63f, 0.34f, 0.295f, 0.605f, 0.155f, 0.077f, 0.3127f, 0.329f}},
        {1, {0.64f, 0.33f, 0.3f, 0.6f, 0.15f, 0.06f, 0.3127f, 0.329f}}, /* the last: all others */
    };
    size_t i = 0;
    while (i + 1 < sizeof table / sizeof *table && table[i].number != primaries) i++;
    return table[i].xy;
}

/* The weights of red and blue by H.273, equations 32 to 37. */
static void derived(int primaries, floats *f) {
    const float *p = chromaticities(primaries);
    const float rx = p[0], ry = p[1], gx = p[2], gy = p[3], bx = p[4], by = p[5], wx = p[6], wy = p[7];
    const float rz = 1 - (rx + ry), gz = 1 - (gx + gy), bz = 1 - (bx + by), wz = 1 - (wx + wy);
    const float below = wy * (rx * (gy * bz - by * gz) + gx * (by * rz - ry * bz) + bx * (ry * gz - gy * rz));
    f->kr = ry * (wx * (gy * bz - by * gz) + wy * (bx * gz - gx * bz) + wz * (gx * by - bx * gy)) / below;
    f->kb = by * (wx * (ry * gz - gy * rz) + wy * (gx * rz - rx * gz) + wz * (rx * gy - gx * ry)) / below;
}

static floats describe(const fm_yuv *p) {
    static const float kr[10] = {[1] = 0.2126f, [4] = 0.30f, [7] = 0.212f, [9] = 0.2627f};
    static const float kb[10] = {[1] = 0.0722f, [4] = 0.11f, [7] = 0.087f, [9] = 0.0593f};
    int more = p->depth - 8;
    floats f = {.kr = 0.299f, .kb = 0.114f, .most = (float)((1 << p->depth) - 1)};
    if (p->matrix == CHROMA_DERIVED) derived(p->primaries, &f);
    if (p->matrix < 10 && kr[p->matrix] != 0) {
        f.kr = kr[p->matrix];
        f.kb = kb[p->matrix];
    }
    f.kg = 1.0f - f.kr - f.kb;
    f.bias_y = p->full ? 0.0f : (float)(16 << more);
    f.range_y = p->full ? f.most : (float)(219 << more);
    f.bias_c = p->matrix == IDENTITY ? f.bias_y : (float)(128 << more);
    f.range_c = p->matrix == IDENTITY ? f.range_y : p->full ? f.most : (float)(224 << more);
    return f;
}

static inline uint32_t sample(const fm_yuv *p, int k, int32_t x, int32_t y) {
    const uint8_t *row = p->plane[k] + (size_t)y * p->stride[k];
    uint32_t v, most = (1u << p->depth) - 1;
    if (p->depth == 8) return row[x];
    v = ((const uint16_t *)(const void *)row)[x];
    return v < most ? v : most;
}

/* Where a colour sample's neighbour lies: before it for the first of its two
 * pixels, behind for the second; at the edges there is none. */
static int32_t neighbour(int32_t i, int32_t n, int shift) {
    if (!shift || i == 0 || (i == n - 1 && i & 1)) return 0;
    return i & 1 ? 1 : -1;
}

static float colour(const fm_yuv *p, const floats *f, int k, int32_t x, int32_t y) {
    int32_t cx = x >> p->shift_x, cy = y >> p->shift_y;
    int32_t dx = neighbour(x, p->w, p->shift_x), dy = neighbour(y, p->h, p->shift_y);
#define AT(i, j) (((float)sample(p, k, i, j) - f->bias_c) / f->range_c)
    if (!p->shift_x) return AT(cx, cy);
    return AT(cx, cy) * (9.0f / 16.0f) + AT(cx + dx, cy) * (3.0f / 16.0f) + AT(cx, cy + dy) * (3.0f / 16.0f) +
           AT(cx + dx, cy + dy) * (1.0f / 16.0f);
#undef AT
}

static uint32_t alpha_sample(const fm_yuv *p, int32_t x, int32_t y) {
    const uint8_t *row = p->alpha + (size_t)y * p->alpha_stride;
    uint32_t v, most = (1u << p->depth) - 1;
    if (p->depth == 8) return row[x];
    v = ((const uint16_t *)(const void *)row)[x];
    return v < most ? v : most;
}

/* Divides colours by the alpha that they were multiplied with, like libyuv's vector code: in sixteen bits, of which what
 * looks negative is 0. Alpha of more bits is cut or rounded. */
static void unpremultiply(const fm_yuv *p, int rounded, uint8_t *out) {
    const float most = (float)((1 << p->depth) - 1);
    for (int32_t y = 0; y < p->h; y++)
        for (int32_t x = 0; x < p->w; x++) {
            uint32_t a = alpha_sample(p, x, y), inverse;
            a = rounded ? (uint32_t)(0.5f + (float)a / most * 255.0f) : a >> (p->depth - 8);
            inverse = a == 0 ? 0 : a == 1 ? 0xffff : a == 255 ? 256 : 0x10000 / a;
            for (int k = 0; k < 3; k++, out++) {
                uint32_t v = *out * 257 * inverse >> 16;
                *out = (uint8_t)(v >= 0x8000 ? 0 : v > 255 ? 255 : v);
            }
        }
}

static inline float unit(float v) { return v < 0.0f ? 0.0f : v > 1.0f ? 1.0f : v; }

/* YCgCo in whole numbers, which ten bits make reversible for eight. */
static void reversible(int32_t y, float cb, float cr, float most, float *rgb) {
    int32_t cg = (int32_t)floorf(cb * most + 0.5f), co = (int32_t)floorf(cr * most + 0.5f);
    int32_t t = y - (cg >> 1), b = clamp(t - (co >> 1));
    rgb[0] = (float)clamp(b + co) / 255.0f;
    rgb[1] = (float)clamp(t + cg) / 255.0f;
    rgb[2] = (float)b / 255.0f;
}

static void pixel(const fm_yuv *p, const floats *f, int32_t x, int32_t y, float *rgb) {
    const float kr = f->kr, kg = f->kg, kb = f->kb, luma = ((float)sample(p, 0, x, y) - f->bias_y) / f->range_y;
    float cb, cr, t;
    rgb[0] = rgb[1] = rgb[2] = luma;
    if (p->mono) return;
    cb = colour(p, f, 1, x, y);
    cr = colour(p, f, 2, x, y);
    switch (p->matrix) {
    case IDENTITY:
        rgb[0] = cr;
        rgb[2] = cb;
        break;
    case YCGCO:
        t = luma - cb;
        rgb[0] = t + cr;
        rgb[1] = luma + cb;
        rgb[2] = t - cr;
        break;
    case YCGCO_RE:
        reversible((int32_t)sample(p, 0, x, y), cb, cr, f->most, rgb);
        break;
    default:
        rgb[0] = luma + (2 * (1 - kr)) * cr;
        rgb[1] = luma - ((2 * ((kr * (1 - kr) * cr) + (kb * (1 - kb) * cb))) / kg);
        rgb[2] = luma + (2 * (1 - kb)) * cb;
    }
}

/* alpha: divide by it, before anything is rounded. */
static void convert_floats(const fm_yuv *p, int alpha, uint8_t *out) {
    const floats f = describe(p);
    for (int32_t y = 0; y < p->h; y++)
        for (int32_t x = 0; x < p->w; x++) {
            float rgb[3], a = alpha ? (float)alpha_sample(p, x, y) / f.most : 1.0f;
            pixel(p, &f, x, y, rgb);
            for (int k = 0; k < 3; k++) {
                float v = unit(rgb[k]);
                if (a < 1.0f) v = a == 0.0f ? 0.0f : unit(v / a);
                *out++ = (uint8_t)(0.5f + v * 255.0f);
            }
        }
}

/* Whether Pillow's libavif knows the matrix. */
static int known(const fm_yuv *p) {
    int m = p->matrix, colour_444 = !p->shift_x;
    if (m == IDENTITY) return colour_444 || p->mono;
    if (m == YCGCO) return p->full;
    if (m == YCGCO_RE) return p->full && p->depth == 10;
    return m < 10 ? m != 3 : m == CHROMA_DERIVED || m == 15;
}

int fm_yuv_convert(fm_context *c, const fm_yuv *p, uint8_t *out) {
    const matrix *m = libyuv_matrix(p);
    const size_t n = (size_t)p->w + 2;
    const int divide = p->alpha && p->premultiplied;
    if (!known(p)) return fm_fail(c, FM_UNSUPPORTED, "its colours have the matrix %d, which Pillow does not convert", p->matrix);
    if (m && (!p->mono || p->alpha)) {
        uint16_t *memory = fm_calloc(c, ROWS * n, sizeof *memory);
        if (!memory) return c->refused;
        convert_integers(p, m, &(rows){memory, memory + n, memory + 2 * n, memory + 3 * n, memory + 4 * n, memory + 5 * n}, out);
        fm_free(c, memory);
        if (divide) unpremultiply(p, p->mono || (p->depth == 12 && p->shift_y), out);
        return FM_OK;
    }
    /* Where colour is as large as luma and made of a plain matrix, alpha comes later, from rounded colours. */
    int exact = p->matrix == IDENTITY ? p->depth == 8 && p->full : p->matrix != YCGCO && p->matrix != YCGCO_RE;
    int later = exact && (p->mono || !p->shift_x);
    convert_floats(p, divide && !later, out);
    if (divide && later) unpremultiply(p, 1, out);
    return FM_OK;
}
