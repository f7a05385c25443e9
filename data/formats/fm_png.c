/* SPDX-License-Identifier: MIT */

/*
 * From the zlib stream of a PNG to pixels. A stream without blemish is inflated by
 * libdeflate, whole. All others, and those that are too large for that, go
 * through zlib in the pieces in which Pillow hands them to it: where a stream is
 * damaged behind the last pixel, it depends on them what is noticed.
 */
#include "fm_png.h"

#include <stdlib.h>
#include <string.h>

#include <libdeflate.h>
#include <zlib.h>

/* Larger ones are inflated in blocks. */
static const size_t whole_limit = (size_t)256 << 20;

/* Room behind rows that vector code may read. */
enum { PAD = 16, BLOCK = 1 << 18, PIECE = 65536 };

/* Adam7. */
static const int first_x[7] = {0, 4, 0, 2, 0, 1, 0}, first_y[7] = {0, 0, 4, 0, 2, 0, 1};
static const int step_x[7] = {8, 8, 4, 4, 2, 2, 1}, step_y[7] = {8, 8, 8, 4, 4, 2, 2};

typedef struct {
    fm_context *c;
    const fm_png *png;
    uint8_t *out, *line, *prev; /* line: pixels of an interlaced row; prev: the row above, as bytes */
    int channels, bpp, pass, y, done, broken;
    size_t row; /* bytes of a row, without the filter's */
} rows;

static size_t columns(const fm_png *p, int pass) {
    return ((size_t)p->tw - (size_t)first_x[pass] + (size_t)step_x[pass] - 1) / (size_t)step_x[pass];
}

static size_t row_bytes(const fm_png *p, size_t pixels) { return (pixels * (size_t)p->bits + 7) / 8; }

/* Whether a pass of an interlaced image has pixels. */
static int empty(const fm_png *p, int pass) { return p->tw <= first_x[pass] || p->th <= first_y[pass]; }

/* Bytes of the whole stream. */
static size_t raw_bytes(const fm_png *p) {
    size_t sum = 0;
    int i;
    if (!p->interlaced) return (row_bytes(p, (size_t)p->tw) + 1) * (size_t)p->th;
    for (i = 0; i < 7; i++)
        if (!empty(p, i))
            sum += (row_bytes(p, columns(p, i)) + 1) * (size_t)((p->th - first_y[i] + step_y[i] - 1) / step_y[i]);
    return sum;
}

static void start_pass(rows *r) {
    const fm_png *p = r->png;
    r->y = p->interlaced ? first_y[r->pass] : 0;
    r->row = row_bytes(p, p->interlaced ? columns(p, r->pass) : (size_t)p->tw);
    memset(r->prev, 0, r->row);
}

static void next_row(rows *r) {
    const fm_png *p = r->png;
    r->y += p->interlaced ? step_y[r->pass] : 1;
    if (r->y < p->th) return;
    if (p->interlaced)
        do r->pass++;
        while (r->pass < 7 && empty(p, r->pass));
    if (!p->interlaced || r->pass == 7)
        r->done = 1;
    else
        start_pass(r);
}

/* Pixels of less than a byte, one after the other. */
static inline int bits_at(const uint8_t *src, size_t i, int bits) {
    size_t bit = i * (size_t)bits;
    return src[bit >> 3] >> (8 - bits - (int)(bit & 7)) & ((1 << bits) - 1);
}

static void grey(const fm_png *p, uint8_t *dst, const uint8_t *src, size_t n) {
    int factor = 255 / ((1 << p->bits) - 1);
    size_t i;
    if (p->bits == 8)
        memcpy(dst, src, n);
    else
        for (i = 0; i < n; i++) dst[i] = (uint8_t)(bits_at(src, i, p->bits) * factor);
}

static void palette(const fm_png *p, uint8_t *dst, const uint8_t *src, size_t n) {
    size_t i;
    if (p->bits < 8) {
        for (i = 0; i < n; i++) memcpy(dst + 3 * i, p->palette + 3 * bits_at(src, i, p->bits), 3);
        return;
    }
    for (i = 0; i + 1 < n; i++) memcpy(dst + 3 * i, p->palette + 3 * src[i], 4); /* one too many is cheaper */
    for (; i < n; i++) memcpy(dst + 3 * i, p->palette + 3 * src[i], 3);
}

/* Every step-th byte of `of` many. */
static void pick(uint8_t *dst, const uint8_t *src, size_t n, size_t step) {
    size_t i;
    for (i = 0; i < n; i++) dst[i] = src[i * step];
}

static void rgba(uint8_t *dst, const uint8_t *src, size_t n) {
    size_t i;
    for (i = 0; i + 1 < n; i++) memcpy(dst + 3 * i, src + 4 * i, 4);
    for (; i < n; i++) memcpy(dst + 3 * i, src + 4 * i, 3);
}

static void rgba_16(uint8_t *dst, const uint8_t *src, size_t n) {
    size_t i;
    for (i = 0; i < n; i++, dst += 3, src += 8) dst[0] = src[0], dst[1] = src[2], dst[2] = src[4];
}

/* n stored pixels as bytes of grey or RGB. */
static void convert(const fm_png *p, uint8_t *dst, const uint8_t *src, size_t n) {
    size_t i;
    switch (p->kind) {
        case FM_PNG_GREY: grey(p, dst, src, n); break;
        case FM_PNG_GREY_16:
            for (i = 0; i < n; i++) dst[i] = src[2 * i] ? 255 : src[2 * i + 1];
            break;
        case FM_PNG_GREY_ALPHA: pick(dst, src, n, 2); break;
        case FM_PNG_GREY_ALPHA_16: pick(dst, src, n, 4); break;
        case FM_PNG_PALETTE: palette(p, dst, src, n); break;
        case FM_PNG_RGB: memcpy(dst, src, 3 * n); break;
        case FM_PNG_RGB_16: pick(dst, src, 3 * n, 2); break;
        case FM_PNG_RGBA: rgba(dst, src, n); break;
        case FM_PNG_RGBA_16: rgba_16(dst, src, n); break;
    }
}

/* Puts the current row into the image. */
static void put_row(rows *r, const uint8_t *src) {
    const fm_png *p = r->png;
    size_t channels = (size_t)r->channels, n = columns(p, r->pass), i;
    uint8_t *line = r->out + (size_t)r->y * (size_t)p->w * channels;
    if (!p->interlaced) {
        line += ((size_t)p->y * (size_t)p->w + (size_t)p->x) * channels;
        convert(p, line, src, (size_t)p->tw);
        return;
    }
    /* Pillow puts an interlaced part at the corner, wherever it belongs. */
    convert(p, r->line, src, n);
    line += (size_t)first_x[r->pass] * channels;
    for (i = 0; i < n; i++, line += (size_t)step_x[r->pass] * channels) memcpy(line, r->line + i * channels, channels);
}

/* Takes the whole rows among n bytes, of which PAD more can be read; returns how
 * many bytes that was. */
static size_t take(rows *r, uint8_t *p, size_t n) {
    const uint8_t *prev = r->prev;
    size_t used = 0, last = 0;
    while (!r->done && n - used > r->row) {
        uint8_t *row = p + used + 1;
        size_t bytes = r->row;
        int pass = r->pass;
        if (!fm_png_unfilter(row[-1], row, prev, bytes, r->bpp)) {
            r->broken = 1;
            fm_fail(r->c, FM_CORRUPT, "a row has filter %d; 0 to 4 are defined", row[-1]);
            return used;
        }
        put_row(r, row);
        used += bytes + 1;
        prev = row;
        last = bytes;
        next_row(r);
        if (r->pass != pass) {
            prev = r->prev; /* cleared by start_pass */
            last = 0;
        }
    }
    if (last) memcpy(r->prev, prev, last);
    return used;
}

/* What the data leave out: black, or the first colour. */
static void clear(rows *r) {
    size_t n = (size_t)r->png->w * (size_t)r->png->h, i;
    if (r->png->kind != FM_PNG_PALETTE)
        memset(r->out, 0, n * (size_t)r->channels);
    else
        for (i = 0; i < n; i++) memcpy(r->out + 3 * i, r->png->palette, 3);
}

static size_t input_bytes(const fm_png_span *spans, int n) {
    size_t sum = 0;
    int i;
    for (i = 0; i < n; i++) sum += spans[i].n;
    return sum;
}

/* The stream in one piece: where it lies, or a copy. */
static const uint8_t *gather(fm_context *c, const uint8_t *data, const fm_png_span *spans, int n, uint8_t **copy) {
    uint8_t *p;
    int i;
    if (n == 1) return data + spans->at;
    p = *copy = fm_alloc(c, input_bytes(spans, n) + 1);
    for (i = 0; p && i < n; p += spans[i++].n) memcpy(p, data + spans[i].at, spans[i].n);
    return *copy;
}

/* The whole stream at once, if it is sound and exactly as long as the image
 * wants; -1: it is not. */
static int whole(rows *r, const uint8_t *data, const fm_png_span *spans, int n, int *last) {
    size_t size = raw_bytes(r->png), used = 0, got = 0, at = 0;
    uint8_t *copy = NULL, *buf = fm_alloc(r->c, size + PAD);
    const uint8_t *in = buf ? gather(r->c, data, spans, n, &copy) : NULL;
    struct libdeflate_decompressor *d = in ? libdeflate_alloc_decompressor() : NULL;
    int code = -1;
    if (d && libdeflate_zlib_decompress_ex(d, in, input_bytes(spans, n), buf, size, &used, &got) == LIBDEFLATE_SUCCESS &&
        got == size) {
        memset(buf + size, 0, PAD);
        take(r, buf, size);
        code = r->broken ? FM_CORRUPT : FM_OK;
        for (*last = 0; *last < n - 1 && at + spans[*last].n < used; ++*last) at += spans[*last].n;
    }
    libdeflate_free_decompressor(d);
    if (in && !d) code = fm_fail(r->c, FM_NO_MEMORY, "no memory to inflate");
    if (!in) code = r->c->refused;
    fm_free(r->c, copy);
    fm_free(r->c, buf);
    return code;
}

/* zlib and the block that it fills. */
typedef struct {
    z_stream z;
    uint8_t *block;
    size_t size, have, left; /* of the block: bytes, and those filled; of the stream: bytes wanted */
    int exact; /* a row at a time, because what zlib has ready at a premature end depends on how much it is asked for */
} inflater;

static size_t room_in(const rows *r, const inflater *f) {
    size_t room = (f->exact ? r->row + 1 : f->size) - f->have;
    return room < f->left ? room : f->left;
}

/* Hands a piece of the stream to zlib. 1: the image is complete; 0: it needs
 * more; -1: failure. */
static int feed(rows *r, inflater *f, const uint8_t *p, size_t n) {
    f->z.next_in = (Bytef *)(uintptr_t)p;
    f->z.avail_in = (uInt)n;
    while (f->z.avail_in > 0) {
        size_t room = room_in(r, f), used, got;
        int code;
        f->z.next_out = f->block + f->have;
        f->z.avail_out = (uInt)room;
        code = inflate(&f->z, Z_NO_FLUSH);
        if (code < 0) {
            fm_fail(r->c, code == Z_MEM_ERROR ? FM_NO_MEMORY : FM_CORRUPT, "zlib: %s", f->z.msg ? f->z.msg : "error");
            return -1;
        }
        got = room - f->z.avail_out;
        f->have += got;
        f->left -= got;
        memset(f->block + f->have, 0, PAD);
        used = take(r, f->block, f->have);
        if (r->broken) return -1;
        f->have -= used;
        memmove(f->block, f->block + used, f->have);
        /* A stream that ends with a row is enough, however many are missing. */
        if (r->done || (code == Z_STREAM_END && got && !f->have)) return 1;
        if (f->z.avail_out) break; /* zlib wants more, or is at its end */
    }
    return 0;
}

static int inflate_spans(rows *r, inflater *f, const uint8_t *data, const fm_png_span *spans, int n, int *last) {
    for (*last = 0; *last < n; ++*last) {
        const uint8_t *p = data + spans[*last].at;
        size_t left = spans[*last].n, piece;
        for (; left; p += piece, left -= piece) {
            int state;
            piece = left < PIECE ? left : PIECE;
            state = feed(r, f, p, piece);
            if (state > 0) return FM_OK;
            if (state < 0) return FM_CORRUPT;
        }
    }
    return fm_fail(r->c, FM_TRUNCATED, "the pixel data end in row %d of %d", r->y, r->png->th);
}

/* As Pillow does it. */
static int blocks(rows *r, const uint8_t *data, const fm_png_span *spans, int n, int *last) {
    inflater f = {.left = raw_bytes(r->png), .exact = raw_bytes(r->png) <= whole_limit};
    int code;
    f.size = row_bytes(r->png, (size_t)r->png->tw) + 1;
    if (f.size < BLOCK && !f.exact) f.size = BLOCK;
    if (!(f.block = fm_alloc(r->c, f.size + PAD))) return r->c->refused;
    clear(r);
    if (inflateInit(&f.z) != Z_OK)
        code = fm_fail(r->c, FM_NO_MEMORY, "no memory to inflate");
    else
        code = inflate_spans(r, &f, data, spans, n, last);
    inflateEnd(&f.z);
    fm_free(r->c, f.block);
    return code;
}

static int decode(rows *r, const uint8_t *data, const fm_png_span *spans, int n, int *last) {
    int code = -1;
    if (!r->png->cut && raw_bytes(r->png) <= whole_limit) code = whole(r, data, spans, n, last);
    return code >= 0 ? code : blocks(r, data, spans, n, last);
}

int fm_png_decode(fm_context *c, const uint8_t *data, const fm_png_span *spans, int n, const fm_png *png, uint8_t *out,
                  int *last) {
    size_t row = row_bytes(png, (size_t)png->tw);
    rows r = {.c = c, .png = png, .out = out, .channels = png->kind < FM_PNG_PALETTE ? 1 : 3, .bpp = (png->bits + 7) / 8};
    int code = FM_OK;
    r.prev = fm_alloc(c, row + PAD);
    r.line = fm_alloc(c, (size_t)png->tw * 3);
    if (r.prev && r.line) {
        memset(r.prev, 0, row + PAD);
        if (png->tw < png->w || png->th < png->h) clear(&r);
        start_pass(&r);
        code = decode(&r, data, spans, n, last);
    } else {
        code = c->refused;
    }
    fm_free(c, r.line);
    fm_free(c, r.prev);
    return code;
}

size_t fm_png_measure(const uint8_t *data, size_t n, size_t limit, uint8_t *scratch, int *more) {
    z_stream z = {0};
    size_t got = 0;
    *more = 0;
    if (inflateInit(&z) != Z_OK) return 0;
    z.next_in = (Bytef *)(uintptr_t)data;
    z.avail_in = (uInt)n;
    z.next_out = scratch;
    z.avail_out = (uInt)limit;
    *more = inflate(&z, Z_SYNC_FLUSH) == Z_OK && z.avail_in && !z.avail_out;
    got = limit - z.avail_out;
    inflateEnd(&z);
    return got;
}
