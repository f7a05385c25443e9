/* SPDX-License-Identifier: MIT */

/*
 * libheif opens libde265 with a thread of its own for every tile of a grid, and
 * bounds neither its memory nor the number of pictures in a tile. As in
 * fm_dav1d.c, the functions that it calls are found here first: decoding stays in
 * the calling thread, and pictures are counted when they are allocated.
 */
#define _GNU_SOURCE
#include "fm_de265.h"

#include <dlfcn.h>
#include <libde265/de265.h>
#include <stddef.h>

static _Thread_local uint64_t pixels_left;
static _Thread_local int exceeded;

void fm_de265_allow(uint64_t pixels) {
    pixels_left = pixels;
    exceeded = 0;
}

int fm_de265_exceeded(void) { return exceeded; }

static int get_buffer(de265_decoder_context *c, struct de265_image_spec *spec, struct de265_image *image, void *data) {
    uint64_t pixels = (uint64_t)spec->width * (uint64_t)spec->height;
    exceeded = exceeded || pixels > pixels_left;
    if (exceeded) return 0;
    pixels_left -= pixels;
    return de265_get_default_image_allocation_functions()->get_buffer(c, spec, image, data);
}

static void release_buffer(de265_decoder_context *c, struct de265_image *image, void *data) {
    de265_get_default_image_allocation_functions()->release_buffer(c, image, data);
}

__attribute__((visibility("default"))) de265_decoder_context *de265_new_decoder(void) {
    static struct de265_image_allocation ours = {get_buffer, release_buffer};
    de265_decoder_context *(*theirs)(void), *c;
    *(void **)&theirs = dlsym(RTLD_NEXT, "de265_new_decoder");
    c = theirs ? theirs() : NULL;
    if (c) de265_set_image_allocation_functions(c, &ours, NULL);
    return c;
}

__attribute__((visibility("default"))) de265_error de265_start_worker_threads(de265_decoder_context *c, int threads) {
    (void)c;
    (void)threads;
    return DE265_OK;
}
