/* SPDX-License-Identifier: MIT */

/*
 * libavif reads the container, as lenient as Pillow has it, and has dav1d decode
 * the image; the colours are converted here.
 */
#include "fm_avif.h"

#include "fm_dav1d.h"
#include "fm_yuv.h"

#include <avif/avif.h>
#include <string.h>

static int failure(fm_context *c, avifDecoder *d, avifResult r) {
    if (fm_dav1d_exceeded()) return fm_fail(c, FM_TOO_LARGE, "its frames, shown or not, have too many pixels together");
    switch (r) {
    case AVIF_RESULT_TRUNCATED_DATA:
        return fm_fail(c, FM_TRUNCATED, "%s", d->diag.error[0] ? d->diag.error : "the file ends before the image does");
    case AVIF_RESULT_OUT_OF_MEMORY:
        return fm_fail(c, FM_NO_MEMORY, "no memory to decode an AVIF image");
    case AVIF_RESULT_NOT_IMPLEMENTED:
    case AVIF_RESULT_UNSUPPORTED_DEPTH:
        return fm_fail(c, FM_UNSUPPORTED, "%s %s", avifResultToString(r), d->diag.error);
    default:
        return fm_fail(c, FM_CORRUPT, "%s%s%s", avifResultToString(r), d->diag.error[0] ? ": " : "", d->diag.error);
    }
}

/* Reads the container. d is to be destroyed whatever is returned. */
static int open_avif(fm_context *c, const uint8_t *data, size_t len, avifDecoder **d) {
    avifResult r;
    fm_dav1d_allow(0, 0);
    *d = avifDecoderCreate();
    if (!*d) return fm_fail(c, FM_NO_MEMORY, "no memory for an AVIF decoder");
    (*d)->codecChoice = AVIF_CODEC_CHOICE_DAV1D;
    (*d)->maxThreads = 1;
    (*d)->strictFlags &= ~(uint32_t)(AVIF_STRICT_CLAP_VALID | AVIF_STRICT_PIXI_REQUIRED);
    r = avifDecoderSetIOMemory(*d, data, len);
    if (r == AVIF_RESULT_OK) r = avifDecoderParse(*d);
    return r == AVIF_RESULT_OK ? FM_OK : failure(c, *d, r);
}

/* EXIF's number for a rotation by angle * 90 degrees against the clock and a mirror behind it. */
static int32_t orientation(const avifImage *image) {
    static const int32_t turned[4] = {1, 8, 3, 6}, upside_down[4] = {4, 5, 2, 7}, mirrored[4] = {2, 7, 4, 5};
    int angle = image->transformFlags & AVIF_TRANSFORM_IROT ? image->irot.angle & 3 : 0;
    if (!(image->transformFlags & AVIF_TRANSFORM_IMIR)) return turned[angle];
#if AVIF_VERSION >= 1000000
    return (image->imir.axis ? mirrored : upside_down)[angle];
#else
    return (image->imir.mode ? mirrored : upside_down)[angle];
#endif
}

static uint8_t *copy(fm_context *c, const avifRWData *src, size_t *n) {
    uint8_t *p = src->size ? fm_alloc(c, src->size) : NULL;
    if (!p) return NULL;
    *n = src->size;
    return memcpy(p, src->data, src->size);
}

int fm_avif_header(fm_context *c, const uint8_t *data, size_t len, fm_avif *out) {
    avifDecoder *d;
    int r = open_avif(c, data, len, &d);
    *out = (fm_avif){0};
    if (r == FM_OK) {
        out->w = (int32_t)d->image->width;
        out->h = (int32_t)d->image->height;
        out->orientation = orientation(d->image);
        out->exif = copy(c, &d->image->exif, &out->exif_size);
        out->xmp = copy(c, &d->image->xmp, &out->xmp_size);
        if (c->refused) r = c->refused;
    }
    if (d) avifDecoderDestroy(d);
    return r;
}

void fm_avif_free(fm_context *c, fm_avif *h) {
    fm_free(c, h->exif);
    fm_free(c, h->xmp);
}

static fm_yuv planes(const avifDecoder *d) {
    const avifImage *m = d->image;
    fm_yuv p = {.w = (int32_t)m->width, .h = (int32_t)m->height, .depth = (int32_t)m->depth, .full = m->yuvRange == AVIF_RANGE_FULL,
                .matrix = m->matrixCoefficients, .primaries = m->colorPrimaries, .premultiplied = m->alphaPremultiplied,
                .mono = m->yuvFormat == AVIF_PIXEL_FORMAT_YUV400, .shift_x = m->yuvFormat != AVIF_PIXEL_FORMAT_YUV444,
                .shift_y = m->yuvFormat == AVIF_PIXEL_FORMAT_YUV420};
    for (int i = 0; i < 3; i++) {
        p.plane[i] = m->yuvPlanes[i];
        p.stride[i] = m->yuvRowBytes[i];
    }
    if (d->alphaPresent) {
        p.alpha = m->alphaPlane;
        p.alpha_stride = m->alphaRowBytes;
    }
    return p;
}

/* Samples of all planes for two pixels. */
static size_t samples(const avifImage *m) {
    switch (m->yuvFormat) {
    case AVIF_PIXEL_FORMAT_YUV400:
        return 2;
    case AVIF_PIXEL_FORMAT_YUV420:
        return 3;
    case AVIF_PIXEL_FORMAT_YUV422:
        return 4;
    default:
        return 6;
    }
}

/*
 * Bounds the decoder. Memory: the planes, once more where libavif joins or scales
 * them, and the pixels; all of it may be the limit and half a gigabyte, 1 GiB as a
 * rule. Time: at worst dav1d takes 80 ns for a byte and 20 ns for a pixel of a frame
 * (on one core of 2024), of which there may be more than one: alpha, the edges of a
 * grid, grain, what lies below the last layer. Two seconds are 100 million pixels.
 */
static int allow(fm_context *c, avifDecoder *d, size_t len, uint64_t pixels) {
    const uint64_t seconds = 100000000, byte = 4, more = (uint64_t)16 << 20;
    const avifImage *m = d->image;
    size_t copy = (size_t)pixels * (samples(m) + (d->alphaPresent ? 2 : 0)) / 2 * (m->depth > 8 ? 2 : 1);
    size_t need = 2 * copy + 3 * (size_t)pixels, allowed = c->left + ((size_t)512 << 20);
    uint64_t frames = 3 * pixels + more;
    if (need > allowed) return fm_fail(c, FM_TOO_LARGE, "decoding it needs up to %zu bytes of memory; allowed: %zu", need, allowed);
    if (pixels + byte * len > seconds)
        return fm_fail(c, FM_TOO_LARGE, "%llu pixels in %zu bytes; the pixels and four times the bytes may make %llu", (unsigned long long)pixels, len,
                       (unsigned long long)seconds);
    if (frames > seconds - byte * len) frames = seconds - byte * len;
    fm_dav1d_allow(frames + (d->alphaPresent ? pixels : 0), allowed - need + copy);
    return FM_OK;
}

int fm_avif_decode(fm_context *c, const uint8_t *data, size_t len, int w, int h, uint8_t *out) {
    avifDecoder *d;
    int r = open_avif(c, data, len, &d);
    if (r == FM_OK) r = allow(c, d, len, (uint64_t)w * (uint64_t)h);
    if (r == FM_OK) {
        avifResult e = avifDecoderNthImage(d, 0);
        if (e != AVIF_RESULT_OK) r = failure(c, d, e);
    }
    if (r == FM_OK && (d->image->width != (uint32_t)w || d->image->height != (uint32_t)h))
        r = fm_fail(c, FM_CORRUPT, "a frame of %u x %u pixels in an image of %d x %d", d->image->width, d->image->height, w, h);
    if (r == FM_OK) {
        fm_yuv p = planes(d);
        r = fm_yuv_convert(c, &p, out);
    }
    if (d) avifDecoderDestroy(d);
    return r;
}
