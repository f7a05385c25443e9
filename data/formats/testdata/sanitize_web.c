/* SPDX-License-Identifier: MIT */

/* Decodes the files that it is given, as they are and then damaged, for a number of
 * seconds: sanitize_web SECONDS SEED FILE... It prints how often. */
#include "../fm_avif.h"
#include "../fm_gif.h"
#include "../fm_heif.h"
#include "../fm_webp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { PIXELS = 1 << 16 };

typedef struct {
    uint8_t *p;
    size_t n;
} bytes;

static uint64_t state;

static uint32_t random_below(size_t n) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    return n ? (uint32_t)((state >> 33) % n) : 0;
}

static bytes load(const char *name) {
    bytes b = {malloc(1 << 22), 0};
    FILE *f = fopen(name, "rb");
    if (!f || !b.p) exit(2);
    b.n = fread(b.p, 1, 1 << 22, f);
    fclose(f);
    b.p = realloc(b.p, b.n ? b.n : 1);
    return b;
}

/* A copy of its own size, so that the sanitizer sees what is read beyond it. */
static bytes damaged(const bytes *all, int files, int k) {
    bytes b = {NULL, all[k].n};
    const bytes *other = &all[random_below((size_t)files)];
    if (b.n > 30 && random_below(6) == 0) b.n -= random_below(b.n - 20);
    b.p = malloc(b.n ? b.n : 1);
    memcpy(b.p, all[k].p, b.n);
    for (uint32_t i = random_below(6); i && b.n; i--) {
        uint32_t at = random_below(random_below(2) ? b.n : b.n < 80 ? b.n : 80);
        uint32_t from = random_below(other->n), run = random_below(24);
        switch (random_below(4)) {
        case 0:
            b.p[at] ^= (uint8_t)(1u << random_below(8));
            break;
        case 1:
            b.p[at] = (uint8_t)random_below(256);
            break;
        case 2:
            b.p[at] = random_below(2) ? 255 : 0;
            break;
        default:
            for (; run && at < b.n && from < other->n; run--) b.p[at++] = other->p[from++];
        }
    }
    return b;
}

/* GIF: what Go reads of the header is made up. */
static int gif(bytes b) {
    fm_context c = {.left = 1 << 24};
    int32_t w = (int32_t)random_below(60) + 1, h = (int32_t)random_below(60) + 1;
    fm_gif g = {.at = random_below(b.n + 1), .x = (int32_t)random_below(9), .y = (int32_t)random_below(9), .w = w, .h = h, .bits = (int32_t)random_below(14),
                .interlaced = (int32_t)random_below(2), .gray = (int32_t)random_below(2), .fill = (uint8_t)random_below(256)};
    uint8_t *out;
    int r;
    g.canvas_w = g.x + w + (int32_t)random_below(2) * 3;
    g.canvas_h = g.y + h + (int32_t)random_below(2) * 3;
    out = malloc((size_t)g.canvas_w * (size_t)g.canvas_h * (g.gray ? 1 : 3));
    r = fm_gif_decode(&c, b.p, b.n, &g, out);
    free(out);
    if (c.left != 1 << 24) exit(3);
    return r;
}

static int webp(bytes b) {
    fm_context c = {.left = 1 << 24}, again = c;
    fm_webp h = {0};
    uint8_t *out;
    int r = fm_webp_header(&c, b.p, b.n, &h);
    if (r || (int64_t)h.w * h.h > PIXELS) return r;
    if (h.exif + h.exif_size > b.n || h.xmp + h.xmp_size > b.n) exit(4);
    out = malloc((size_t)h.w * (size_t)h.h * 3);
    r = fm_webp_decode(&again, b.p, b.n, h.w, h.h, out);
    free(out);
    return r;
}

static int avif(bytes b) {
    fm_context c = {.left = 1 << 24}, again = c;
    fm_avif h;
    uint8_t *out;
    int r = fm_avif_header(&c, b.p, b.n, &h), w = h.w, high = h.h;
    fm_avif_free(&c, &h);
    if (c.left != 1 << 24) exit(3);
    if (r || (int64_t)w * high > PIXELS) return r;
    out = malloc((size_t)w * (size_t)high * 3);
    r = fm_avif_decode(&again, b.p, b.n, w, high, out);
    free(out);
    if (again.left != 1 << 24) exit(3);
    return r;
}

static int heif(bytes b) {
    fm_context c = {.left = 1 << 24}, again = c;
    int32_t w = 0, h = 0;
    uint8_t *out;
    int r = fm_heif_header(&c, b.p, b.n, &w, &h);
    if (r || w < 1 || h < 1 || (int64_t)w * h > PIXELS) return r;
    out = malloc((size_t)w * (size_t)h * 3);
    r = fm_heif_decode(&again, b.p, b.n, w, h, out);
    free(out);
    return r;
}

static void run(bytes b, long *tried, long *decoded) {
    int r = -1;
    if (b.n < 12) return;
    if (!memcmp(b.p, "GIF8", 4))
        r = gif(b);
    else if (!memcmp(b.p, "RIFF", 4))
        r = webp(b);
    else if (!memcmp(b.p + 4, "ftyphei", 7))
        r = heif(b);
    else if (!memcmp(b.p + 4, "ftyp", 4))
        r = avif(b);
    *tried += r >= 0;
    *decoded += r == FM_OK;
}

int main(int argc, char **argv) {
    long tried = 0, decoded = 0, seconds = argc > 3 ? atol(argv[1]) : 0;
    int files = argc - 3;
    bytes *all = calloc(files > 0 ? (size_t)files : 1, sizeof *all);
    time_t end = time(NULL) + seconds;
    if (files < 1) return 2;
    state = strtoull(argv[2], NULL, 10);
    for (int i = 0; i < files; i++) {
        all[i] = load(argv[i + 3]);
        run(all[i], &tried, &decoded);
    }
    while (time(NULL) < end) {
        bytes b = damaged(all, files, (int)random_below((size_t)files));
        run(b, &tried, &decoded);
        free(b.p);
    }
    for (int i = 0; i < files; i++) free(all[i].p);
    free(all);
    printf("%ld tried, %ld decoded\n", tried, decoded);
    return 0;
}
