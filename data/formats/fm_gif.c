/* SPDX-License-Identifier: MIT */

/*
 * LZW as Pillow reads it, which is what decides which damaged files are images:
 *
 * - A block is only begun if all of it is there, and an end code does not end
 *   the image: what follows it goes on, if anything does. Pillow reads the file in
 *   pieces of 64 KiB, and an end code costs it the next piece.
 * - Blocks of no bytes are passed over.
 * - The image ends with its last pixel, whatever comes behind.
 *
 * Codes are not spelled out from a tree: the string of a code was written
 * before, so it is copied from there.
 */
#include "fm_gif.h"

#include <string.h>

enum { TABLE = 4096, MAX_BITS = 12, PIECE = 65536 };

typedef struct {
    const uint8_t *data;
    size_t pos, have, len; /* read up to pos; have bytes are there of len in all */
    uint64_t buffer;
    uint32_t bits, block; /* bits in the buffer; bytes that the block still has */
} source;

typedef struct {
    uint32_t first[TABLE]; /* where the string of a code begins in the output */
    uint16_t size[TABLE];
} strings;

/* The next piece of the file. */
static int more(fm_context *c, source *s) {
    if (s->have == s->len) return fm_fail(c, FM_TRUNCATED, "the data end at byte %zu, before the last pixel", s->len);
    s->have = s->len - s->have > PIECE ? s->have + PIECE : s->len;
    return FM_OK;
}

static int next_block(fm_context *c, source *s) {
    while (s->pos == s->have || s->have - s->pos < (size_t)s->data[s->pos] + 1)
        if (more(c, s)) return FM_TRUNCATED;
    s->block = s->data[s->pos++];
    return FM_OK;
}

/* At least n bits, n <= 13. */
static int fill(fm_context *c, source *s, uint32_t n) {
    while (s->bits < n) {
        uint32_t k;
        if (!s->block) {
            if (next_block(c, s)) return FM_TRUNCATED;
            continue;
        }
        for (k = 0; k < 6 && k < s->block; k++) s->buffer |= (uint64_t)s->data[s->pos + k] << (s->bits + 8 * k);
        s->pos += k;
        s->block -= k;
        s->bits += 8 * k;
    }
    return FM_OK;
}

static int broken(fm_context *c, uint32_t code, uint32_t next) {
    return fm_fail(c, FM_CORRUPT, "LZW code %u, where codes below %u are known", code, next);
}

/* Copies n bytes that lie before dst and may reach into it. */
static inline void repeat(uint8_t *dst, const uint8_t *src, size_t n, size_t room) {
    if (n <= 16 && room >= 16 && dst - src >= 16) {
        memcpy(dst, src, 16); /* what is too much is overwritten later */
        return;
    }
    if ((size_t)(dst - src) >= n) {
        memcpy(dst, src, n);
        return;
    }
    for (size_t i = 0; i < n; i++) dst[i] = src[i];
}

/* Fills pix with n indices. */
static int lzw(fm_context *c, source *s, uint32_t bits, uint8_t *pix, size_t n, strings *t) {
    const uint32_t clear = 1u << bits, end = clear + 1;
    uint32_t next = clear + 2, width = bits + 1, last = 0;
    size_t at = 0, from = 0, size = 0; /* the last string; size 0: there is none since the clear code */
    while (at < n) {
        uint32_t code;
        size_t begin = at, k;
        int r = fill(c, s, width);
        if (r) return r;
        code = (uint32_t)s->buffer & ((1u << width) - 1);
        s->buffer >>= width;
        s->bits -= width;
        if (code == clear) {
            next = clear + 2;
            width = bits + 1;
            size = 0;
            continue;
        }
        if (code == end) {
            if ((r = more(c, s)) != FM_OK) return r;
            continue;
        }
        if (code < clear) {
            pix[at] = (uint8_t)code;
            k = 1;
        } else if (!size || code > next || (code == next && next >= TABLE && last >= clear)) {
            return broken(c, code, size ? next : clear);
        } else { /* code == next: the last string and its own first byte, which follows it in the output */
            size_t src = code == next ? from : t->first[code];
            k = code == next ? size + 1 : t->size[code];
            if (k > n - at) k = n - at;
            repeat(pix + at, pix + src, k, n - at);
        }
        at += k;
        if (size && next < TABLE) {
            t->first[next] = (uint32_t)from;
            t->size[next] = (uint16_t)(size + 1);
            if (next == (1u << width) - 1 && width < MAX_BITS) width++;
            next++;
        }
        last = code;
        from = begin;
        size = k;
    }
    return FM_OK;
}

/* The row of the frame that the i-th row of the data is. */
static int32_t row(int32_t i, int32_t h) {
    static const int32_t first[4] = {0, 4, 2, 1}, step[4] = {8, 8, 4, 2};
    for (int pass = 0; pass < 4; pass++) {
        int32_t rows = h > first[pass] ? (h - first[pass] + step[pass] - 1) / step[pass] : 0;
        if (i < rows) return first[pass] + i * step[pass];
        i -= rows;
    }
    return h - 1;
}

static void colour(const fm_gif *g, const uint8_t *src, size_t n, uint8_t *dst) {
    for (size_t i = 0; i < n; i++, dst += 3) {
        const uint8_t *p = g->palette[src[i]];
        dst[0] = p[0];
        dst[1] = p[1];
        dst[2] = p[2];
    }
}

static void background(const fm_gif *g, uint8_t *out) {
    const uint8_t *p = g->palette[g->fill];
    size_t n = (size_t)g->canvas_w * g->canvas_h;
    if (g->gray) {
        memset(out, g->fill, n);
        return;
    }
    if (p[0] == p[1] && p[1] == p[2]) {
        memset(out, p[0], 3 * n);
        return;
    }
    for (size_t i = 0; i < n; i++) memcpy(out + 3 * i, p, 3);
}

static void place(const fm_gif *g, const uint8_t *pix, uint8_t *out) {
    if (g->w != g->canvas_w || g->h != g->canvas_h) background(g, out);
    for (int32_t i = 0; i < g->h; i++) {
        size_t y = (size_t)g->y + (size_t)(g->interlaced ? row(i, g->h) : i);
        size_t at = y * g->canvas_w + g->x;
        if (g->gray)
            memcpy(out + at, pix + (size_t)i * g->w, g->w);
        else
            colour(g, pix + (size_t)i * g->w, g->w, out + 3 * at);
    }
}

int fm_gif_decode(fm_context *c, const uint8_t *data, size_t len, const fm_gif *g, uint8_t *out) {
    source s = {.data = data, .pos = g->at, .have = g->at, .len = len};
    size_t n = (size_t)g->w * g->h;
    strings *t;
    uint8_t *pix;
    int r;
    if (g->bits > MAX_BITS)
        return fm_fail(c, FM_CORRUPT, "LZW codes begin with %d bits; allowed: up to %d", g->bits, MAX_BITS);
    t = fm_alloc(c, sizeof *t);
    pix = fm_alloc(c, n);
    r = t && pix ? lzw(c, &s, (uint32_t)g->bits, pix, n, t) : c->refused;
    if (r == FM_OK) place(g, pix, out);
    fm_free(c, pix);
    fm_free(c, t);
    return r;
}
