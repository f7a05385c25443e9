/* SPDX-License-Identifier: MIT */

/*
 * libavif opens dav1d with its default settings: messages on standard error, and
 * pictures for as many frames as the file likes to hide before the one that is
 * shown. It offers no way to change either. So dav1d_open is ours: libavif finds
 * this one first, because the linker looks through the program before it looks
 * through libraries, and this one calls dav1d's with other settings.
 */
#define _GNU_SOURCE
#include "fm_dav1d.h"

#include <dav1d/dav1d.h>
#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>

static _Thread_local uint64_t pixels_left;
static _Thread_local size_t bytes_left;
static _Thread_local int exceeded;

void fm_dav1d_allow(uint64_t pixels, size_t bytes) {
    pixels_left = pixels;
    bytes_left = bytes;
    exceeded = 0;
}

int fm_dav1d_exceeded(void) { return exceeded; }

/* What lies in front of the samples. */
typedef struct {
    void *block;
    size_t bytes;
} head;

static int allocate(Dav1dPicture *pic, void *cookie) {
    const int wide = pic->p.bpc > 8, none = pic->p.layout == DAV1D_PIXEL_LAYOUT_I400;
    const int half_x = pic->p.layout != DAV1D_PIXEL_LAYOUT_I444, half_y = pic->p.layout == DAV1D_PIXEL_LAYOUT_I420;
    const size_t align = DAV1D_PICTURE_ALIGNMENT, w = ((size_t)pic->p.w + 127) & ~(size_t)127, h = ((size_t)pic->p.h + 127) & ~(size_t)127;
    size_t luma = w << wide, colour = none ? 0 : luma >> half_x, bytes;
    const uint64_t pixels = (uint64_t)pic->p.w * (uint64_t)pic->p.h;
    uint8_t *p;
    head *m;
    (void)cookie;
    /* Strides that are no multiples of a large power of two: rows would compete for the same lines of the cache. */
    if (!(luma & 1023)) luma += align;
    if (colour && !(colour & 1023)) colour += align;
    bytes = luma * h + 2 * colour * (h >> half_y) + align;
    exceeded = exceeded || pixels > pixels_left || bytes > bytes_left;
    if (exceeded || !(m = malloc(sizeof *m))) return DAV1D_ERR(ENOMEM);
    if (posix_memalign(&m->block, align, bytes)) {
        free(m);
        return DAV1D_ERR(ENOMEM);
    }
    pixels_left -= pixels;
    bytes_left -= m->bytes = bytes;
    p = m->block;
    pic->data[0] = p;
    pic->data[1] = none ? NULL : p + luma * h;
    pic->data[2] = none ? NULL : p + luma * h + colour * (h >> half_y);
    pic->stride[0] = (ptrdiff_t)luma;
    pic->stride[1] = (ptrdiff_t)colour;
    pic->allocator_data = m;
    return 0;
}

static void release(Dav1dPicture *pic, void *cookie) {
    head *m = pic->allocator_data;
    (void)cookie;
    bytes_left += m->bytes;
    free(m->block);
    free(m);
}

__attribute__((visibility("default"))) int dav1d_open(Dav1dContext **c, const Dav1dSettings *settings) {
    int (*theirs)(Dav1dContext **, const Dav1dSettings *);
    Dav1dSettings s = *settings;
    *(void **)&theirs = dlsym(RTLD_NEXT, "dav1d_open");
    if (!theirs) return DAV1D_ERR(ENOSYS);
    s.logger = (Dav1dLogger){0};
    s.allocator = (Dav1dPicAllocator){.alloc_picture_callback = allocate, .release_picture_callback = release};
    return theirs(c, &s);
}

/*
 * libavif hands over what a file calls a sample, of no bytes as well. dav1d takes that, complains on standard error when it
 * is to decode it, and leaks what it has allocated for it.
 */
__attribute__((visibility("default"))) int dav1d_data_wrap(Dav1dData *data, const uint8_t *buf, size_t size,
                                                           void (*free_callback)(const uint8_t *, void *), void *cookie) {
    int (*theirs)(Dav1dData *, const uint8_t *, size_t, void (*)(const uint8_t *, void *), void *);
    *(void **)&theirs = dlsym(RTLD_NEXT, "dav1d_data_wrap");
    if (!theirs) return DAV1D_ERR(ENOSYS);
    return size == 0 ? DAV1D_ERR(EINVAL) : theirs(data, buf, size, free_callback, cookie);
}
