/* SPDX-License-Identifier: MIT */

/*
 * From encoded or raw pixels to finished crops: the entry points that Go calls.
 */
#define _POSIX_C_SOURCE 199309L
#include "sj_internal.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* A worker that met one huge image gives its memory back: 16 megapixels. */
enum { KEEP = 64 << 20 };

sj_state *sj_new(void) {
    sj_state *s = calloc(1, sizeof *s);
    if (s) s->dec = sj_decoder_new();
    if (s && s->dec) return s;
    free(s);
    return NULL;
}

void sj_free(sj_state *s) {
    if (!s) return;
    sj_decoder_free(s->dec);
    sj_release(&s->image);
    sj_release(&s->turned);
    sj_release(&s->rows);
    sj_release(&s->row_ptr);
    sj_release(&s->planes);
    sj_release(&s->scratch);
    sj_release(&s->fx);
    sj_release(&s->fy);
    free(s);
}

void sj_set_plain(sj_state *s, int plain) { s->plain = plain; }

const char *sj_message(const sj_state *s) { return s->message; }

int sj_gave_up(const sj_state *s) { return sj_decoder_gave_up(s->dec); }

static int no_memory(sj_state *s) { return sj_fail(s, SJ_NO_MEMORY, "no memory for the crops"); }

int64_t sj_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* Adds the time since *mark to *sum and moves the mark. */
static void lap(int64_t *sum, int64_t *mark) {
    int64_t now = sj_now();
    *sum += now - *mark;
    *mark = now;
}

/* Turns im as its EXIF orientation (2 to 8) says, into s->turned. The pixel at
 * (x, y) of the upright image lies at origin + x * dx + y * dy. */
static int orient(sj_state *s, sj_image *im, int orientation) {
    int swap = orientation >= 5, w = swap ? im->h : im->w, h = swap ? im->w : im->h, x, y;
    int mirror_x = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
    int mirror_y = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
    ptrdiff_t step_x = mirror_x ? -4 : 4, step_y = mirror_y ? -im->stride : im->stride;
    const uint8_t *origin = im->p + (mirror_x ? (ptrdiff_t)(im->w - 1) * 4 : 0) +
                            (mirror_y ? (ptrdiff_t)(im->h - 1) * im->stride : 0);
    ptrdiff_t dx = swap ? step_y : step_x, dy = swap ? step_x : step_y;
    uint8_t *q;
    if (!sj_reserve(&s->turned, (size_t)w * (size_t)h * 4)) return 0;
    q = s->turned.p;
    for (y = 0; y < h; y++) {
        const uint8_t *p = origin + y * dy;
        for (x = 0; x < w; x++, p += dx, q += 4) memcpy(q, p, 4);
    }
    im->p = s->turned.p;
    im->w = w;
    im->h = h;
    im->stride = (ptrdiff_t)w * 4;
    return 1;
}

static int render_crop(sj_state *s, const sj_image *im, const sj_crop *c, sj_timing *t, int64_t *mark) {
    const sj_kernels *kn = sj_active();
    size_t plane = (size_t)c->size * (size_t)c->size;
    uint8_t *p, *g, *b;
    if (!sj_reserve(&s->planes, 3 * plane)) return 0;
    p = g = b = s->planes.p;
    if (!sj_resize(s, im, c, p, plane)) return 0;
    lap(&t->resize, mark);
    sj_jitter(c, p, plane);
    if (!c->gray) { /* a grey crop is one plane from here on */
        g = p + plane;
        b = p + 2 * plane;
    }
    lap(&t->jitter, mark);
    if (c->blur > 0 && !sj_blur(s, p, plane, c->gray ? 1 : 3, c->size, c->blur)) return 0;
    lap(&t->blur, mark);
    kn->interleave(c->dst, p, g, b, plane);
    lap(&t->resize, mark);
    return 1;
}

static int render(sj_state *s, const sj_image *im, const sj_crop *crops, int n, sj_timing *t, int64_t *mark) {
    int i;
    for (i = 0; i < n; i++) {
        const sj_crop *c = crops + i;
        /* Drawn for another image: a mistake of the caller, and out of bounds. */
        if (c->x < 0 || c->y < 0 || c->w < 1 || c->h < 1 || c->w > im->w - c->x || c->h > im->h - c->y)
            return sj_fail(s, SJ_MISMATCH, "crop %d is %d x %d at (%d, %d), outside the image's %d x %d", i, c->w, c->h,
                           c->x, c->y, im->w, im->h);
        if (!render_crop(s, im, c, t, mark)) return no_memory(s);
    }
    if (s->image.cap > KEEP) sj_release(&s->image);
    if (s->turned.cap > KEEP) sj_release(&s->turned);
    return SJ_OK;
}

/* The largest of 8, 4, 2, 1 by which every box is at least as many times larger
 * than what it is resized to. 3/8 and its kind have no SIMD in libjpeg-turbo and
 * are slower than the full size. */
static int denominator(const sj_crop *crops, int n) {
    int d, i;
    for (d = 8; d > 1; d /= 2) {
        for (i = 0; i < n; i++)
            if (crops[i].w < d * crops[i].scaled_w || crops[i].h < d * crops[i].scaled_h) break;
        if (i == n) break;
    }
    return d;
}

/* Renders from an image decoded at 1/d: boxes shrink to the nearest pixels. */
static int render_scaled(sj_state *s, const sj_image *im, const sj_crop *crops, int n, int d, sj_timing *t,
                         int64_t *mark) {
    int i, code;
    for (i = 0; i < n; i++) {
        sj_crop c = crops[i];
        c.x = (c.x + d / 2) / d;
        c.y = (c.y + d / 2) / d;
        c.w = (c.w + d / 2) / d;
        c.h = (c.h + d / 2) / d;
        if (c.x + c.w > im->w) c.x = im->w - c.w;
        if (c.y + c.h > im->h) c.y = im->h - c.h;
        code = render(s, im, &c, 1, t, mark);
        if (code != SJ_OK) return code;
    }
    return SJ_OK;
}

/* Rows of the stored image that the crops need: all, unless rows stay rows. */
static int last_row(const sj_crop *crops, int n, int h, int orientation) {
    int i, last = 0;
    if (orientation > 2) return h;
    for (i = 0; i < n; i++)
        if (crops[i].y + crops[i].h > last) last = crops[i].y + crops[i].h;
    return last < h ? last : h;
}

int sj_jpeg_render(sj_state *s, const uint8_t *data, size_t len, int w, int h, int orientation, int scale,
                   const sj_crop *crops, int n, sj_timing *t) {
    int64_t mark = sj_now();
    int d = scale ? denominator(crops, n) : 1, code;
    sj_image im;
    code = sj_decode_rgbx(s, data, len, w, h, d, last_row(crops, n, h, orientation), &im);
    if (code != SJ_OK) return code;
    if (orientation > 1 && !orient(s, &im, orientation)) return no_memory(s);
    lap(&t->decode, &mark);
    return d > 1 ? render_scaled(s, &im, crops, n, d, t, &mark) : render(s, &im, crops, n, t, &mark);
}

/* Copies raw pixels to RGBX. They may be the last of the same buffer: what is
 * written never reaches what is still to be read. */
static void widen(uint8_t *q, const uint8_t *p, size_t n, int channels) {
    size_t i;
    for (i = 0; i < n; i++, q += 4, p += channels) {
        uint8_t r = p[0], g = p[channels > 1 ? 1 : 0], b = p[channels > 1 ? 2 : 0];
        q[0] = r;
        q[1] = g;
        q[2] = b;
        q[3] = 0;
    }
}

uint8_t *sj_pixels(sj_state *s, int w, int h) {
    size_t n = (size_t)w * (size_t)h;
    return sj_reserve(&s->image, 4 * n) ? s->image.p + n : NULL;
}

int sj_raw_render(sj_state *s, const uint8_t *pix, int w, int h, int channels, int orientation, const sj_crop *crops,
                  int n, sj_timing *t) {
    int64_t mark = sj_now();
    size_t count = (size_t)w * (size_t)h;
    sj_image im;
    if (!s->image.p || pix != s->image.p + count) {
        if (!sj_reserve(&s->image, count * 4)) return no_memory(s);
    } else if (channels == 1) { /* to the end of the buffer */
        pix = memmove(s->image.p + 3 * count, pix, count);
    }
    widen(s->image.p, pix, count, channels);
    im.p = s->image.p;
    im.w = w;
    im.h = h;
    im.stride = (ptrdiff_t)w * 4;
    if (orientation > 1 && !orient(s, &im, orientation)) return no_memory(s);
    lap(&t->decode, &mark);
    return render(s, &im, crops, n, t, &mark);
}

int sj_jpeg_decode(sj_state *s, const uint8_t *data, size_t len, int w, int h, int orientation, uint8_t *out) {
    sj_image im;
    int x, y, code = sj_decode_rgbx(s, data, len, w, h, 1, h, &im);
    if (code != SJ_OK) return code;
    if (orientation > 1 && !orient(s, &im, orientation)) return no_memory(s);
    for (y = 0; y < im.h; y++) {
        const uint8_t *p = im.p + y * im.stride;
        for (x = 0; x < im.w; x++, p += 4, out += 3) memcpy(out, p, 3);
    }
    return SJ_OK;
}
