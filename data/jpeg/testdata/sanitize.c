/* SPDX-License-Identifier: MIT */

/*
 * Runs the C side on whole, damaged and random input. The test compiles it with
 * the address and undefined-behaviour sanitizers; finishing is passing.
 *
 *     sanitize ROUNDS FILE.jpg...
 */
#include "../sj.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t state = 88172645463325252u;
static int below(int n) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (int)(state % (uint64_t)n);
}

/* A crop like those of the augmentation, but less tame. */
static sj_crop draw(int w, int h, uint8_t *dst) {
    static const uint8_t orders[4][4] = {{0, 1, 2, 3}, {3, 1, 0, 2}, {1, 2, 3, 0}, {2, 3, 1, 0}};
    sj_crop c = {0};
    c.w = 1 + below(w);
    c.h = 1 + below(h);
    c.x = below(w - c.w + 1);
    c.y = below(h - c.h + 1);
    c.size = 1 + below(64);
    c.scaled_w = below(3) ? c.size : 1 + below(90);
    c.scaled_h = below(3) ? c.size : 1 + below(90);
    c.off_x = c.scaled_w == c.size ? 0 : below(120) - 60;
    c.off_y = c.scaled_h == c.size ? 0 : below(120) - 60;
    c.ops = (uint8_t)below(5);
    memcpy(c.order, orders[below(4)], 4);
    c.brightness = (float)below(200) / 100;
    c.contrast = (float)below(200) / 100;
    c.saturation = (float)below(200) / 100;
    c.hue = (uint8_t)below(256);
    c.flip = (uint8_t)below(2);
    c.gray = (uint8_t)below(2);
    c.blur = below(2) ? (float)below(4000) / 100 : (float)below(200) / 100;
    c.dst = dst;
    return c;
}

/* The exact number of bytes, so that one too many is noticed. */
static void render(sj_state *s, const uint8_t *data, size_t len, int w, int h, int orientation) {
    sj_crop c[3];
    sj_timing t = {0};
    int i, swap = orientation > 4;
    for (i = 0; i < 3; i++) {
        c[i] = draw(swap ? h : w, swap ? w : h, NULL);
        c[i].dst = malloc((size_t)c[i].size * c[i].size * 3);
    }
    sj_jpeg_render(s, data, len, w, h, orientation, below(2), c, 3, &t);
    for (i = 0; i < 3; i++) free(c[i].dst);
}

static void render_raw(sj_state *s) {
    int w = 1 + below(90), h = 1 + below(90), channels = 1 + 2 * below(2);
    size_t n = (size_t)w * h * channels, i;
    uint8_t *pix = malloc(n);
    sj_crop c = draw(w, h, NULL);
    sj_timing t = {0};
    for (i = 0; i < n; i++) pix[i] = (uint8_t)below(256);
    c.dst = malloc((size_t)c.size * c.size * 3);
    sj_raw_render(s, pix, w, h, channels, 1, &c, 1, &t);
    free(c.dst);
    free(pix);
}

/* Width and height from the frame header; 0 if there is none. */
static int size_of(const uint8_t *d, size_t n, int *w, int *h) {
    size_t p = 2;
    while (p + 9 < n && d[p] == 0xff) {
        if (d[p + 1] >= 0xc0 && d[p + 1] <= 0xc2) {
            *h = d[p + 5] << 8 | d[p + 6];
            *w = d[p + 7] << 8 | d[p + 8];
            return 1;
        }
        p += 2 + (size_t)(d[p + 2] << 8 | d[p + 3]);
    }
    return 0;
}

static void damage(sj_state *s, const char *name, int rounds) {
    FILE *f = fopen(name, "rb");
    uint8_t *whole, *data;
    long n;
    int w, h, i, k;
    if (!f || fseek(f, 0, SEEK_END) || (n = ftell(f)) < 0 || fseek(f, 0, SEEK_SET)) exit(2);
    whole = malloc((size_t)n);
    if (fread(whole, 1, (size_t)n, f) != (size_t)n || !size_of(whole, (size_t)n, &w, &h)) exit(3);
    fclose(f);
    for (i = 0; i < rounds; i++) {
        size_t len = below(4) ? (size_t)n : (size_t)(1 + below((int)n));
        data = malloc(len); /* its own block: reading past the end is seen */
        memcpy(data, whole, len);
        for (k = below(4); k > 0; k--) data[below((int)len)] = (uint8_t)below(256);
        sj_set_plain(s, below(4) == 0);
        render(s, data, len, w, h, 1 + below(8));
        free(data);
    }
    free(whole);
}

int main(int argc, char **argv) {
    static const char *const kernels[] = {"portable", "avx2", "avx512"};
    int rounds = argc > 1 ? atoi(argv[1]) : 1, i, k;
    for (k = 0; k < 3; k++) {
        sj_state *s;
        if (!sj_use_kernels(kernels[k])) continue;
        s = sj_new();
        for (i = 2; i < argc; i++) damage(s, argv[i], rounds);
        for (i = 0; i < 20 * rounds; i++) render_raw(s);
        sj_free(s);
        printf("%s\n", kernels[k]);
    }
    return 0;
}
