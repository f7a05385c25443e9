/* SPDX-License-Identifier: MIT */

/*
 * libavif reads the container and has the image decoded; the colours are
 * converted here. It is as lenient as Pillow has it. Its input passes through this
 * file, which counts the frames that are on their way to the decoder: a picture
 * may lie behind any number of frames that are not shown, and each of them costs
 * as much as the picture.
 */
#include "fm_avif.h"

#include "fm_yuv.h"

#include <avif/avif.h>
#include <string.h>

typedef struct {
    avifIO io;
    const uint8_t *data;
    size_t len;
    int counting;
    uint64_t skip;          /* bytes of an OBU that the next piece begins with */
    uint64_t frames, most;  /* frames so far, and what is allowed */
} input;

enum { OBU_FRAME_HEADER = 3, OBU_FRAME = 6 };

/* Counts the frames in a piece of an AV1 stream (AV1, section 5.3). */
static void count_frames(input *in, const uint8_t *p, size_t n) {
    size_t i = 0;
    while (i < n) {
        uint64_t size = 0;
        int type = p[i] >> 3 & 15, sized = p[i] & 2;
        if (in->skip) {
            size_t k = in->skip < n - i ? (size_t)in->skip : n - i;
            in->skip -= k;
            i += k;
            continue;
        }
        in->frames += type == OBU_FRAME || type == OBU_FRAME_HEADER;
        if (!sized) return; /* it fills the rest */
        i += p[i] & 4 ? 2 : 1;
        for (int shift = 0; i < n && shift < 56; shift += 7) {
            size |= (uint64_t)(p[i] & 127) << shift;
            if (!(p[i++] & 128)) break;
        }
        in->skip = size;
    }
}

static avifResult input_read(avifIO *io, uint32_t flags, uint64_t offset, size_t size, avifROData *out) {
    input *in = (input *)(void *)io;
    (void)flags;
    if (offset > in->len) return AVIF_RESULT_IO_ERROR;
    if (size > in->len - offset) size = in->len - (size_t)offset;
    out->data = in->data + offset;
    out->size = size;
    if (in->counting) count_frames(in, out->data, size);
    return in->frames > in->most ? AVIF_RESULT_NOT_IMPLEMENTED : AVIF_RESULT_OK;
}

static int failure(fm_context *c, avifDecoder *d, const input *in, avifResult r) {
    if (in->frames > in->most)
        return fm_fail(c, FM_TOO_LARGE, "more than %llu frames for one picture", (unsigned long long)in->most);
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
static int open_avif(fm_context *c, const uint8_t *data, size_t len, input *in, avifDecoder **d) {
    avifResult r;
    *in = (input){.io = {.read = input_read, .sizeHint = len, .persistent = AVIF_TRUE}, .data = data, .len = len, .most = UINT64_MAX};
    *d = avifDecoderCreate();
    if (!*d) return fm_fail(c, FM_NO_MEMORY, "no memory for an AVIF decoder");
    (*d)->maxThreads = 1;
    (*d)->strictFlags &= ~(uint32_t)(AVIF_STRICT_CLAP_VALID | AVIF_STRICT_PIXI_REQUIRED);
    avifDecoderSetIO(*d, &in->io);
    r = avifDecoderParse(*d);
    return r == AVIF_RESULT_OK ? FM_OK : failure(c, *d, in, r);
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
    input in;
    int r = open_avif(c, data, len, &in, &d);
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

/* The decoded planes, once more for what the decoder keeps, and the pixels. */
static int check_memory(fm_context *c, const avifDecoder *d, size_t pixels) {
    const avifImage *m = d->image;
    size_t samples = m->yuvFormat == AVIF_PIXEL_FORMAT_YUV400 ? 2 : m->yuvFormat == AVIF_PIXEL_FORMAT_YUV420 ? 3 : m->yuvFormat == AVIF_PIXEL_FORMAT_YUV422 ? 4 : 6;
    size_t need = pixels * (samples + (d->alphaPresent ? 2 : 0)) * (m->depth > 8 ? 2 : 1) + 3 * pixels, allowed = c->left + ((size_t)512 << 20);
    if (need <= allowed) return FM_OK;
    return fm_fail(c, FM_TOO_LARGE, "decoding it needs up to %zu bytes of memory; allowed: %zu", need, allowed);
}

int fm_avif_decode(fm_context *c, const uint8_t *data, size_t len, int w, int h, uint8_t *out) {
    const uint64_t pixels = (uint64_t)w * (uint64_t)h, extra = (uint64_t)64 << 20;
    avifDecoder *d;
    avifResult e;
    input in;
    int r = open_avif(c, data, len, &in, &d);
    if (r == FM_OK) r = check_memory(c, d, (size_t)pixels);
    if (r == FM_OK) {
        in.counting = 1;
        in.most = 16 + extra / pixels;
        d->imageSizeLimit = (uint32_t)pixels;
        e = avifDecoderNthImage(d, 0);
        if (e != AVIF_RESULT_OK) r = failure(c, d, &in, e);
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
