/* SPDX-License-Identifier: MIT */

/*
 * libheif does it all. A HEIC asks for rotations, mirrors and cuts by properties of
 * its container, which are part of decoding it; its EXIF orientation says the same
 * once more and is not asked.
 */
#include "fm_heif.h"

#include "fm_dav1d.h"
#include "fm_de265.h"

#include <libheif/heif.h>
#include <string.h>

/* The longest side of any picture in a file, and what tiles may have beyond the pixels of image and alpha. */
enum { LONGEST = 32768, MORE_PIXELS = 1 << 20 };

static int failure(fm_context *c, struct heif_error e) {
    if (fm_de265_exceeded()) return fm_fail(c, FM_TOO_LARGE, "its pictures, shown or not, have too many pixels together");
    if (fm_dav1d_exceeded()) return fm_fail(c, FM_CORRUPT, "an AV1 image in a file that says it is a HEIC");
    switch (e.code) {
    case heif_error_Unsupported_filetype:
    case heif_error_Unsupported_feature:
    case heif_error_Plugin_loading_error:
        return fm_fail(c, FM_UNSUPPORTED, "%s", e.message);
    case heif_error_Memory_allocation_error:
        return fm_fail(c, FM_TOO_LARGE, "%s", e.message);
    default:
        return fm_fail(c, e.subcode == heif_suberror_End_of_data ? FM_TRUNCATED : FM_CORRUPT, "%s", e.message);
    }
}

typedef struct {
    struct heif_context *context;
    struct heif_image_handle *handle;
} file;

static void close_heif(file *f) {
    if (f->handle) heif_image_handle_release(f->handle);
    if (f->context) heif_context_free(f->context);
}

/* f is to be closed whatever is returned. side: what a side of any picture in the file may have. */
static int open_heif(fm_context *c, const uint8_t *data, size_t len, int side, file *f) {
    struct heif_error e;
    *f = (file){0};
    fm_de265_allow(0);
    fm_dav1d_allow(0, 0);
    f->context = heif_context_alloc();
    if (!f->context) return fm_fail(c, FM_NO_MEMORY, "no memory for a HEIC decoder");
    heif_context_set_max_decoding_threads(f->context, 0);
    heif_context_set_maximum_image_size_limit(f->context, side);
    e = heif_context_read_from_memory_without_copy(f->context, data, len, NULL);
    if (e.code == heif_error_Ok) e = heif_context_get_primary_image_handle(f->context, &f->handle);
    return e.code == heif_error_Ok ? FM_OK : failure(c, e);
}

int fm_heif_header(fm_context *c, const uint8_t *data, size_t len, int32_t *w, int32_t *h) {
    file f;
    int r = open_heif(c, data, len, LONGEST, &f);
    if (r == FM_OK) {
        *w = heif_image_handle_get_width(f.handle);
        *h = heif_image_handle_get_height(f.handle);
    }
    close_heif(&f);
    return r;
}

static int decode(fm_context *c, const file *f, int w, int h, uint8_t *out) {
    struct heif_decoding_options *options = heif_decoding_options_alloc();
    struct heif_image *image = NULL;
    struct heif_error e;
    const uint8_t *p;
    int stride, r = FM_OK;
    if (!options) return fm_fail(c, FM_NO_MEMORY, "no memory to decode a HEIC image");
    options->convert_hdr_to_8bit = 1;
    e = heif_decode_image(f->handle, &image, heif_colorspace_RGB, heif_chroma_interleaved_RGB, options);
    heif_decoding_options_free(options);
    if (e.code != heif_error_Ok) return failure(c, e);
    p = heif_image_get_plane_readonly(image, heif_channel_interleaved, &stride);
    if (!p || heif_image_get_width(image, heif_channel_interleaved) != w || heif_image_get_height(image, heif_channel_interleaved) != h)
        r = fm_fail(c, FM_CORRUPT, "a picture of another size in an image of %d x %d", w, h);
    for (int y = 0; r == FM_OK && y < h; y++) memcpy(out + 3 * (size_t)y * w, p + (size_t)y * stride, 3 * (size_t)w);
    heif_image_release(image);
    return r;
}

/*
 * Bounds. Time: libde265 takes up to 35 ns for a pixel and 80 ns for a byte (on one
 * core of 2024); 60 million are about two seconds. Memory: libheif holds the planes
 * twice and the pixels beside those returned, and believes a grid about its size as
 * long as no side exceeds the limit, which therefore is the image's. side: that.
 */
static int allow(fm_context *c, const file *f, size_t len, uint64_t pixels, int *side) {
    const uint64_t seconds = 60000000, byte = 2, canvas = 7;
    const int iw = heif_image_handle_get_ispe_width(f->handle), ih = heif_image_handle_get_ispe_height(f->handle);
    const uint64_t each = heif_image_handle_get_luma_bits_per_pixel(f->handle) > 8 ? 24 : 12, allowed = c->left + ((uint64_t)512 << 20);
    uint64_t square;
    *side = iw > ih ? iw : ih;
    square = canvas * (uint64_t)*side * (uint64_t)*side;
    if (pixels + byte * len > seconds)
        return fm_fail(c, FM_TOO_LARGE, "%llu pixels in %zu bytes; the pixels and twice the bytes may make %llu", (unsigned long long)pixels, len,
                       (unsigned long long)seconds);
    if (pixels * each > allowed || square > allowed)
        return fm_fail(c, FM_TOO_LARGE, "%d x %d pixels may take %llu bytes of memory; allowed: %llu", iw, ih,
                       (unsigned long long)(square > pixels * each ? square : pixels * each), (unsigned long long)allowed);
    return FM_OK;
}

int fm_heif_decode(fm_context *c, const uint8_t *data, size_t len, int w, int h, uint8_t *out) {
    file f, again = {0};
    int side, r = open_heif(c, data, len, LONGEST, &f);
    if (r == FM_OK) r = allow(c, &f, len, (uint64_t)w * (uint64_t)h, &side);
    if (r == FM_OK) r = open_heif(c, data, len, side + 1, &again);
    if (r == FM_OK) fm_de265_allow(2 * (uint64_t)w * (uint64_t)h + MORE_PIXELS);
    if (r == FM_OK) r = decode(c, &again, w, h, out);
    close_heif(&again);
    close_heif(&f);
    return r;
}
