/* SPDX-License-Identifier: MIT */

/*
 * What Pillow does with libwebp's animation decoder, without the canvas of four
 * channels and its copies: the file must be whole and all of its frames sound
 * by their headers; the first frame is decoded without blending onto a canvas of
 * transparent black, whatever background colour the file names, and alpha is
 * dropped.
 */
#include "fm_webp.h"

#include <string.h>
#include <webp/decode.h>
#include <webp/demux.h>

/* Parses the whole file. */
static int demux(fm_context *c, const uint8_t *data, size_t len, WebPDemuxer **out) {
    WebPData src = {data, len};
    WebPDemuxState state;
    /* The RIFF size may be smaller than the file; a file that is smaller than that is cut off. */
    if ((*out = WebPDemux(&src)) != NULL) return FM_OK;
    *out = WebPDemuxPartial(&src, &state);
    WebPDemuxDelete(*out);
    *out = NULL;
    if (state == WEBP_DEMUX_PARSE_ERROR) return fm_fail(c, FM_CORRUPT, "its chunks do not make a WebP image");
    return fm_fail(c, FM_TRUNCATED, "its chunks end beyond the %zu bytes of the file", len);
}

static void chunk(WebPDemuxer *d, const uint8_t *data, const char *name, size_t *at, size_t *size) {
    WebPChunkIterator it;
    if (!WebPDemuxGetChunk(d, name, 1, &it)) return;
    *at = (size_t)(it.chunk.bytes - data);
    *size = it.chunk.size;
    WebPDemuxReleaseChunkIterator(&it);
}

int fm_webp_header(fm_context *c, const uint8_t *data, size_t len, fm_webp *out) {
    WebPDemuxer *d;
    int r = demux(c, data, len, &d);
    if (r) return r;
    out->w = (int32_t)WebPDemuxGetI(d, WEBP_FF_CANVAS_WIDTH);
    out->h = (int32_t)WebPDemuxGetI(d, WEBP_FF_CANVAS_HEIGHT);
    chunk(d, data, "EXIF", &out->exif, &out->exif_size);
    chunk(d, data, "XMP ", &out->xmp, &out->xmp_size);
    WebPDemuxDelete(d);
    return FM_OK;
}

static int status(fm_context *c, VP8StatusCode s) {
    switch (s) {
    case VP8_STATUS_OK:
        return FM_OK;
    case VP8_STATUS_OUT_OF_MEMORY:
        return fm_fail(c, FM_NO_MEMORY, "no memory to decode a WebP image");
    case VP8_STATUS_NOT_ENOUGH_DATA:
    case VP8_STATUS_SUSPENDED:
        return fm_fail(c, FM_TRUNCATED, "the data end before the last pixel");
    case VP8_STATUS_UNSUPPORTED_FEATURE:
        return fm_fail(c, FM_UNSUPPORTED, "it uses a feature that libwebp does not decode");
    default:
        return fm_fail(c, FM_CORRUPT, "libwebp cannot decode its data (error %d)", s);
    }
}

/*
 * What libwebp allocates is the file's choice: four bytes a pixel for lossless
 * ones, five where alpha is packed the same way, and tables for up to 65,536 groups
 * of codes, each of which takes at least 20 bits of the file and 16 pixels. With the
 * pixels returned that may be the limit and half a gigabyte, 1 GiB as a rule.
 */
static int check_memory(fm_context *c, const WebPBitstreamFeatures *f, size_t len, size_t canvas) {
    const size_t lossless = 2, most = 65536, table = 6000;
    size_t pixels = (size_t)f->width * f->height, groups = pixels / 16;
    size_t need = 3 * canvas, allowed = c->left + ((size_t)512 << 20);
    if (groups > len * 8 / 20) groups = len * 8 / 20;
    if (groups > most) groups = most;
    if ((size_t)f->format == lossless || f->has_alpha) need += 4 * pixels + groups * table;
    if (f->has_alpha) need += pixels;
    if (need <= allowed) return FM_OK;
    return fm_fail(c, FM_TOO_LARGE, "decoding it needs up to %zu bytes of memory; allowed: %zu", need, allowed);
}

static int decode_frame(fm_context *c, const WebPIterator *it, int w, int h, uint8_t *out) {
    WebPDecoderConfig config;
    int r;
    if (!WebPInitDecoderConfig(&config)) return fm_fail(c, FM_NO_MEMORY, "another libwebp than at compilation");
    r = status(c, WebPGetFeatures(it->fragment.bytes, it->fragment.size, &config.input));
    if (r == FM_OK) r = check_memory(c, &config.input, it->fragment.size, (size_t)w * h);
    if (r) return r;
    if (it->width != w || it->height != h) memset(out, 0, (size_t)w * h * 3);
    config.output.colorspace = MODE_RGB;
    config.output.is_external_memory = 1;
    config.output.u.RGBA.rgba = out + 3 * ((size_t)it->y_offset * w + it->x_offset);
    config.output.u.RGBA.stride = 3 * w;
    config.output.u.RGBA.size = 3 * ((size_t)w * (it->height - 1) + it->width);
    return status(c, WebPDecode(it->fragment.bytes, it->fragment.size, &config));
}

int fm_webp_decode(fm_context *c, const uint8_t *data, size_t len, int w, int h, uint8_t *out) {
    WebPDemuxer *d;
    WebPIterator it;
    int r = demux(c, data, len, &d);
    if (r) return r;
    if (!WebPDemuxGetFrame(d, 1, &it)) {
        WebPDemuxDelete(d);
        return fm_fail(c, FM_CORRUPT, "it has no frame");
    }
    r = decode_frame(c, &it, w, h, out);
    WebPDemuxReleaseIterator(&it);
    WebPDemuxDelete(d);
    return r;
}
