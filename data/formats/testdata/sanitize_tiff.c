/* SPDX-License-Identifier: MIT */

/* Unpacks the files that it is given in every way that fm_tiff knows, whatever
 * they say of themselves: most combinations make no sense, none may read or write
 * where it should not. */
#include "../fm_tiff.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LIMIT = 64 };

static uint8_t *load(const char *name, size_t *n) {
    FILE *f = fopen(name, "rb");
    uint8_t *p;
    long size;
    if (!f) exit(2);
    fseek(f, 0, SEEK_END);
    size = ftell(f);
    rewind(f);
    p = malloc((size_t)size + 1); /* the sanitizer sees what lies beyond it */
    *n = fread(p, 1, (size_t)size, f);
    p = realloc(p, *n ? *n : 1);
    fclose(f);
    return p;
}

/* Width and length of a little-endian file's first directory, if they are first. */
static int size_of(const uint8_t *p, size_t n, int32_t *w, int32_t *h) {
    if (n < 34 || memcmp(p, "II*\0\10\0\0\0", 8) || p[10] != 0 || p[11] != 1 || p[22] != 1 || p[23] != 1) return 0;
    *w = p[18] | p[19] << 8;
    *h = p[30] | p[31] << 8;
    return *w > 0 && *w <= LIMIT && *h > 0 && *h <= LIMIT;
}

static void both_ways(fm_tiff_job job, int layout, uint8_t *out, const uint8_t *data, size_t n) {
    fm_context c = {.left = 1 << 24};
    fm_tiff_options o = {.layout = layout, .rgba = fm_tiff_layouts[layout].bits == 32, .max_alloc = 1 << 24};
    fm_tiff_piece pieces[2] = {{.offset = 8, .x1 = job.w, .y1 = job.h, .layout = layout},
                               {.offset = (int64_t)n / 2, .x0 = job.w / 2, .y0 = job.h / 2, .x1 = job.w, .y1 = job.h, .stride = 100, .layout = layout}};
    fm_tiff_lib(&c, &job, out, data, n, &o);
    for (int kind = 0; kind <= (job.channels == 3 ? FM_TIFF_YCBCR : FM_TIFF_PLAIN); kind++) {
        job.kind = kind;
        fm_tiff_raw(&c, &job, out, data, n, pieces, 1 + kind % 2);
    }
    if (c.left > 1 << 24) exit(3);
}

int main(int argc, char **argv) {
    int ran = 0;
    for (int i = 1; i < argc; i++) {
        fm_tiff_job job = {.channels = 3};
        size_t n;
        uint8_t *data = load(argv[i], &n);
        if (size_of(data, n, &job.w, &job.h)) {
            for (int layout = 0; fm_tiff_layouts[layout].name; layout++) {
                const char *name = fm_tiff_layouts[layout].name;
                uint8_t *out;
                int grey = name[0] == '1' || name[0] == 'I' || name[0] == 'F' || (name[0] == 'L' && (name[1] == '/' || name[2] == '/'));
                job.channels = grey ? 1 : 3;
                job.bands = grey ? 1 : name[0] == 'P' ? 2 : fm_tiff_layouts[layout].bits >= 32 ? 4 : 3;
                job.kind = FM_TIFF_PLAIN;
                out = malloc((size_t)job.w * (size_t)job.h * (size_t)job.channels);
                both_ways(job, layout, out, data, n);
                free(out);
                ran++;
            }
        }
        free(data);
    }
    printf("%d\n", ran);
    return 0;
}
