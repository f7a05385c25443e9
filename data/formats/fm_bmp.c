/* SPDX-License-Identifier: MIT */

/* Rows of BMP, stored or as run lengths, as Pillow's raw and bmp_rle decoders read them. */
#include "fm_bmp.h"

#include <string.h>

static int channels(const fm_bmp *b) { return b->kind < FM_BMP_PALETTE ? 1 : 3; }

static uint8_t *out_row(const fm_bmp *b, uint8_t *out, int y) {
    int line = b->top_down ? y : b->h - 1 - y;
    return out + (size_t)line * (size_t)b->w * (size_t)channels(b);
}

static inline unsigned pair(const uint8_t *p) { return p[0] | (unsigned)p[1] << 8; }

static void indices(const fm_bmp *b, uint8_t *dst, const uint8_t *src) {
    int x, bits = b->bits, mask = (1 << bits) - 1;
    for (x = 0; x < b->w; x++, dst += 3) {
        size_t bit = (size_t)x * (size_t)bits;
        int i = src[bit >> 3] >> (8 - bits - (int)(bit & 7)) & mask;
        memcpy(dst, b->palette + 3 * i, 3);
    }
}

static void bytes(const fm_bmp *b, uint8_t *dst, const uint8_t *src) {
    int x, step = b->bits / 8, r = b->r, g = b->g, blue = b->b;
    if (step == 3 && r == 2) /* by far the most frequent */
        for (x = 0; x < b->w; x++, dst += 3, src += 3) dst[0] = src[2], dst[1] = src[1], dst[2] = src[0];
    else
        for (x = 0; x < b->w; x++, dst += 3, src += step) dst[0] = src[r], dst[1] = src[g], dst[2] = src[blue];
}

static void put_row(const fm_bmp *b, uint8_t *dst, const uint8_t *src) {
    int x;
    switch (b->kind) {
        case FM_BMP_BILEVEL:
            for (x = 0; x < b->w; x++) dst[x] = (b->bits == 8 ? src[x] : src[x >> 3] & 0x80 >> (x & 7)) ? 255 : 0;
            break;
        case FM_BMP_GREY: memcpy(dst, src, (size_t)b->w); break;
        case FM_BMP_PALETTE: indices(b, dst, src); break;
        case FM_BMP_555:
            for (x = 0; x < b->w; x++, dst += 3, src += 2) {
                unsigned v = pair(src);
                dst[0] = (uint8_t)((v >> 10 & 31) * 255 / 31);
                dst[1] = (uint8_t)((v >> 5 & 31) * 255 / 31);
                dst[2] = (uint8_t)((v & 31) * 255 / 31);
            }
            break;
        case FM_BMP_565:
            for (x = 0; x < b->w; x++, dst += 3, src += 2) {
                unsigned v = pair(src);
                dst[0] = (uint8_t)((v >> 11 & 31) * 255 / 31);
                dst[1] = (uint8_t)((v >> 5 & 63) * 255 / 63);
                dst[2] = (uint8_t)((v & 31) * 255 / 31);
            }
            break;
        case FM_BMP_BYTES: bytes(b, dst, src); break;
    }
}

static int rows(fm_context *c, const uint8_t *data, size_t n, const fm_bmp *b, uint8_t *out) {
    size_t row = ((size_t)b->w * (size_t)b->bits + 7) / 8, left = b->offset < n ? n - b->offset : 0;
    int y;
    if (row > b->stride) return fm_fail(c, FM_UNSUPPORTED, "a row has %zu bytes and its pixels need %zu", (size_t)b->stride, row);
    /* The last row needs no padding. */
    if (left < row || (left - row) / b->stride < (size_t)b->h - 1)
        return fm_fail(c, FM_TRUNCATED, "the file has %zu bytes for %d rows of %zu", left, b->h, (size_t)b->stride);
    for (y = 0; y < b->h; y++) put_row(b, out_row(b, out, y), data + b->offset + (size_t)y * b->stride);
    return FM_OK;
}

/* Run lengths on their way to pixels of one byte. */
typedef struct {
    const uint8_t *data;
    size_t at, n;          /* in the file */
    uint8_t *out;
    size_t have, want, x, w; /* x: Pillow's count of where in the row it is */
} runs;

static int next(runs *r) { return r->at < r->n ? r->data[r->at++] : -1; }

static void zeros(runs *r, size_t n) {
    if (n > r->want - r->have) n = r->want - r->have;
    memset(r->out + r->have, 0, n);
    r->have += n;
}

static void run(runs *r, size_t n, int value, int four) {
    size_t i;
    if (r->x + n > r->w) n = r->x < r->w ? r->w - r->x : 0;
    r->x += n;
    if (n > r->want - r->have) n = r->want - r->have;
    for (i = 0; i < n; i++) r->out[r->have++] = (uint8_t)(four ? i & 1 ? value & 15 : value >> 4 : value);
}

/* Pixels as they are; 0 ends the image. */
static int literal(runs *r, size_t n, int four) {
    size_t count = n < r->want - r->have ? n : r->want - r->have, i;
    size_t stored = four ? (count + 1) / 2 : count, there = r->n - r->at;
    int cut = there < stored;
    if (cut) stored = there, count = four ? (2 * stored < count ? 2 * stored : count) : stored;
    for (i = 0; i < count; i++) {
        int v = r->data[r->at + (four ? i / 2 : i)];
        r->out[r->have++] = (uint8_t)(four ? i & 1 ? v & 15 : v >> 4 : v);
    }
    r->at += stored;
    if (cut || r->have == r->want) return 0;
    r->x += n;
    r->at += r->at & 1; /* by the position in the file, not in the data */
    return 1;
}

static int jump(runs *r) {
    int right = next(r), up = next(r);
    if (up < 0) return 0;
    zeros(r, (size_t)right + (size_t)up * r->w);
    r->x = r->have % r->w;
    return 1;
}

/* What follows a zero; 0 ends the image. */
static int escape(runs *r, int code, int four) {
    switch (code) {
        case 0:
            zeros(r, (r->w - r->have % r->w) % r->w);
            r->x = 0;
            return 1;
        case 1: return 0;
        case 2: return jump(r);
    }
    return literal(r, (size_t)code, four);
}

static void expand(runs *r, int four) {
    while (r->have < r->want) {
        int count = next(r), value = next(r);
        if (value < 0) return;
        if (count)
            run(r, (size_t)count, value, four);
        else if (!escape(r, value, four))
            return;
        if (r->at > r->n) r->at = r->n;
    }
}

static int run_lengths(fm_context *c, const uint8_t *data, size_t n, const fm_bmp *b, uint8_t *out) {
    size_t pixels = (size_t)b->w * (size_t)b->h;
    runs r = {.data = data, .at = b->offset < n ? b->offset : n, .n = n, .want = pixels, .w = (size_t)b->w};
    int y, code = FM_OK;
    if (!(r.out = fm_alloc(c, pixels))) return c->refused;
    expand(&r, b->rle == 4);
    if (r.have < pixels)
        code = fm_fail(c, FM_TRUNCATED, "its run lengths are %zu pixels of %zu", r.have, pixels);
    else
        for (y = 0; y < b->h; y++) put_row(b, out_row(b, out, y), r.out + (size_t)y * r.w);
    fm_free(c, r.out);
    return code;
}

int fm_bmp_decode(fm_context *c, const uint8_t *data, size_t n, const fm_bmp *bmp, uint8_t *out) {
    return bmp->rle ? run_lengths(c, data, n, bmp, out) : rows(c, data, n, bmp, out);
}
