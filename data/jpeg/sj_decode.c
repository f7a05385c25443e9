/* SPDX-License-Identifier: MIT */

/*
 * libjpeg-turbo behind one function: rows 0..last of an image as RGBX. Errors
 * leave libjpeg by longjmp and arrive as a code and a message. As in PIL, warnings
 * about damaged entropy data are tolerated; data that end too early are an error.
 */
#include <stdio.h>

#include "sj_internal.h"

#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <jerror.h>
#include <jpeglib.h>

#include "sj_huffman.h"

struct sj_decoder {
    struct jpeg_decompress_struct cinfo; /* first: callbacks get a pointer to it */
    struct jpeg_error_mgr err;
    struct jpeg_source_mgr src;
    sj_huffman huffman;
    jmp_buf escape;
    int code;
    int gave_up; /* the fast entropy decoder, on this image */
    char message[JMSG_LENGTH_MAX];
};

static void on_error(j_common_ptr c) {
    struct sj_decoder *d = (struct sj_decoder *)c;
    if (d->code == SJ_OK) {
        d->code = c->err->msg_code == JERR_OUT_OF_MEMORY ? SJ_NO_MEMORY : SJ_CORRUPT;
        c->err->format_message(c, d->message);
    }
    longjmp(d->escape, 1);
}

static void on_message(j_common_ptr c, int level) {
    (void)c;
    (void)level;
}

static void truncated(struct sj_decoder *d) {
    d->code = SJ_TRUNCATED;
    snprintf(d->message, sizeof d->message, "the data end before the image does");
    longjmp(d->escape, 1);
}

/* The whole file is in memory from the start: being asked for more means that
 * it was cut off. */
static boolean on_fill(j_decompress_ptr c) {
    truncated((struct sj_decoder *)c);
    return FALSE;
}

static void on_skip(j_decompress_ptr c, long n) {
    if (n <= 0) return;
    if ((size_t)n > c->src->bytes_in_buffer) truncated((struct sj_decoder *)c);
    c->src->next_input_byte += n;
    c->src->bytes_in_buffer -= (size_t)n;
}

/* The fast entropy decoder wants out. */
static void on_give_up(j_decompress_ptr c) {
    struct sj_decoder *d = (struct sj_decoder *)c;
    d->gave_up = 1;
    longjmp(d->escape, 1);
}

static void on_source(j_decompress_ptr c) { (void)c; }

struct sj_decoder *sj_decoder_new(void) {
    struct sj_decoder *d = calloc(1, sizeof *d);
    if (!d) return NULL;
    d->cinfo.err = jpeg_std_error(&d->err);
    d->err.error_exit = on_error;
    d->err.emit_message = on_message;
    d->src.init_source = on_source;
    d->src.fill_input_buffer = on_fill;
    d->src.skip_input_data = on_skip;
    d->src.resync_to_restart = jpeg_resync_to_restart;
    d->src.term_source = on_source;
    d->huffman.give_up = on_give_up;
    return d;
}

void sj_decoder_free(struct sj_decoder *d) {
    if (!d) return;
    free(d->huffman.clean.p);
    free(d);
}

int sj_decoder_gave_up(const struct sj_decoder *d) { return d->gave_up; }

/* PIL's MULDIV255. */
static int muldiv255(int a, int b) {
    int t = a * b + 128;
    return ((t >> 8) + t) >> 8;
}

/* CMYK to RGBX in place, as PIL: four-channel JPEGs are taken to be inverted, as
 * Adobe writes them, and ink is multiplied out without a colour profile. */
static void cmyk_to_rgbx(uint8_t *p, size_t n) {
    size_t i;
    int c;
    for (i = 0; i < n; i++, p += 4) {
        int white = p[3]; /* 255 - K, and K is stored inverted */
        for (c = 0; c < 3; c++) p[c] = (uint8_t)(white - muldiv255(255 - p[c], white));
        p[3] = 0;
    }
}

/* Reads the header and sets the output up; w x h is what the caller expects. */
static void begin(struct sj_decoder *d, const uint8_t *data, size_t len, int w, int h, int denominator) {
    j_decompress_ptr c = &d->cinfo;
    jpeg_create_decompress(c);
    c->src = &d->src;
    d->src.next_input_byte = data;
    d->src.bytes_in_buffer = len;
    jpeg_read_header(c, TRUE);
    if ((int)c->image_width != w || (int)c->image_height != h) {
        d->code = SJ_MISMATCH;
        snprintf(d->message, sizeof d->message, "the decoder finds %u x %u pixels, the header says %d x %d",
                 c->image_width, c->image_height, w, h);
        longjmp(d->escape, 1);
    }
    c->scale_num = 1;
    c->scale_denom = (unsigned)denominator;
    c->out_color_space = c->num_components == 4 ? JCS_CMYK : JCS_EXT_RGBX;
    jpeg_start_decompress(c);
}

static void read_rows(struct sj_decoder *d, uint8_t *p, size_t stride, unsigned rows) {
    j_decompress_ptr c = &d->cinfo;
    JSAMPROW row[16];
    while (c->output_scanline < rows) {
        unsigned i, n = rows - c->output_scanline;
        if (n > 16) n = 16;
        for (i = 0; i < n; i++) row[i] = p + (c->output_scanline + i) * stride;
        jpeg_read_scanlines(c, row, n);
    }
}

/* Rows of the scaled image that rows 0..last of the full one need. One more than
 * the quotient, because boxes are rounded to whole pixels. */
static unsigned rows_needed(j_decompress_ptr c, int last) {
    unsigned d = c->scale_denom, n = d == 1 ? (unsigned)last : ((unsigned)last + d - 1) / d + 1;
    return n < c->output_height ? n : c->output_height;
}

/* Everything that may leave by longjmp. */
static int decode(sj_state *s, struct sj_decoder *d, int last, sj_image *out) {
    j_decompress_ptr c = &d->cinfo;
    size_t stride = (size_t)c->output_width * 4;
    unsigned rows = rows_needed(c, last);
    if (!sj_reserve(&s->image, stride * c->output_height))
        return sj_fail(s, SJ_NO_MEMORY, "no memory for %u x %u pixels", c->output_width, c->output_height);
    read_rows(d, s->image.p, stride, rows);
    if (c->num_components == 4) cmyk_to_rgbx(s->image.p, stride / 4 * rows);
    out->p = s->image.p;
    out->w = (int32_t)c->output_width;
    out->h = (int32_t)c->output_height;
    out->stride = (ptrdiff_t)stride;
    return SJ_OK;
}

/* One attempt, with libjpeg's entropy decoder or with ours. */
static int attempt(sj_state *s, const uint8_t *data, size_t len, int w, int h, int denominator, int last,
                   sj_image *out, int fast) {
    struct sj_decoder *d = s->dec;
    int code;
    d->code = SJ_OK;
    if (setjmp(d->escape)) {
        code = sj_fail(s, d->code, "%s", d->message);
    } else {
        begin(d, data, len, w, h, denominator);
        if (fast) sj_huffman_begin(&d->huffman, &d->cinfo);
        code = decode(s, d, last, out);
    }
    /* One decompressor an image: tables outlive an abort, and a file that lacks its
     * own would be decoded by those of another. */
    jpeg_destroy_decompress(&d->cinfo);
    return code;
}

int sj_decode_rgbx(sj_state *s, const uint8_t *data, size_t len, int w, int h, int denominator, int last,
                   sj_image *out) {
    int code;
    s->dec->gave_up = 0;
    code = attempt(s, data, len, w, h, denominator, last, out, !s->plain);
    if (s->dec->gave_up) code = attempt(s, data, len, w, h, denominator, last, out, 0);
    return code;
}
