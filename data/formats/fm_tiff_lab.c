/* SPDX-License-Identifier: MIT */

/* CIELAB to sRGB with the bytes of Little CMS, which Pillow's convert("RGB")
 * asks: 33 x 33 x 33 colours are computed, what lies between them is
 * interpolated in tetrahedra. Little CMS computes in double precision and hands
 * on single precision; so do these steps. */
#include "fm_tiff.h"

#include <math.h>
#include <pthread.h>
#include <string.h>

enum { SIDE = 33 };

static uint16_t nodes[SIDE][SIDE][SIDE][3];
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* 8 bits as a position among the nodes: the one before, in 65536ths to the next. */
static struct {
    uint8_t node;
    uint16_t rest;
} places[256];

static double cubed(double t) { return t <= 24.0 / 116 ? 108.0 / 841 * (t - 16.0 / 116) : t * t * t; }

static double gamma_of(float linear) {
    double a = 1 / 1.055, b = 0.055 / 1.055, y = linear;
    return y >= pow(a * 0.04045 + b, 2.4) ? (pow(y, 1 / 2.4) - b) / a : y * 12.92;
}

static void make_node(uint16_t *rgb, float l, float a, float b) {
    /* From XYZ under D50, in the largest unit that ICC encodes, to linear sRGB. */
    static const double unit = 1 + 32767.0 / 32768;
    static const double m[3][3] = {{3.134186364236819, -1.6172089589982757, -0.4906940640063841},
                                   {-0.9787485041906946, 1.9161300967735877, 0.033433399159995617},
                                   {0.07196392780224682, -0.22899387345320335, 1.4057537328964447}};
    double y = (l * 100.0 + 16) / 116, x = y + 0.002 * (a * 255.0 - 128), z = y - 0.005 * (b * 255.0 - 128);
    float xyz[3] = {(float)(cubed(x) * 0.9642 / unit), (float)(cubed(y) / unit), (float)(cubed(z) * 0.8249 / unit)};
    for (int i = 0; i < 3; i++) {
        float linear = (float)(xyz[0] * (m[i][0] * unit) + xyz[1] * (m[i][1] * unit) + xyz[2] * (m[i][2] * unit));
        double v = (float)gamma_of(linear) * 65535.0 + 0.5;
        rgb[i] = (uint16_t)(v <= 0 ? 0 : v >= 65535 ? 65535 : v);
    }
}

static void make_nodes(void) {
    float at[SIDE];
    for (int i = 0; i < SIDE; i++) at[i] = (float)(int)(i * 65535.0 / (SIDE - 1) + 0.5) / 65535.0f;
    for (int i = 0; i < SIDE; i++)
        for (int j = 0; j < SIDE; j++)
            for (int k = 0; k < SIDE; k++) make_node(nodes[i][j][k], at[i], at[j], at[k]);
    for (int i = 0; i < 256; i++) {
        int v = i * 257 * (SIDE - 1);
        v += (v + 0x7fff) / 0xffff;
        places[i].node = (uint8_t)(v >> 16);
        places[i].rest = (uint16_t)(v & 0xffff);
    }
}

/* Walks from a node to its opposite one along the axes, the longest way first;
 * each step changes the colour by the difference of its ends. */
static void convert(uint8_t *p) {
    static const int step[3] = {SIDE * SIDE * 3, SIDE * 3, 3};
    const uint16_t *at = nodes[places[p[0]].node][places[p[1]].node][places[p[2]].node], *next;
    int rest[3] = {places[p[0]].rest, places[p[1]].rest, places[p[2]].rest}, order[3] = {0, 1, 2};
    int start[3] = {at[0], at[1], at[2]};
    int64_t sum[3] = {0x8001, 0x8001, 0x8001};
    if (rest[order[0]] < rest[order[1]]) order[0] = 1, order[1] = 0;
    if (rest[order[1]] < rest[order[2]]) {
        int t = order[1];
        order[1] = order[2], order[2] = t;
        if (rest[order[0]] < rest[order[1]]) t = order[0], order[0] = order[1], order[1] = t;
    }
    for (int s = 0; s < 3 && rest[order[s]] > 0; s++, at = next) { /* at the far end nothing is left */
        next = at + step[order[s]];
        for (int i = 0; i < 3; i++) sum[i] += (int64_t)(next[i] - at[i]) * rest[order[s]];
    }
    for (int i = 0; i < 3; i++) {
        int64_t v = start[i] + ((sum[i] + (sum[i] >> 16)) >> 16);
        p[i] = (uint8_t)((uint32_t)((uint32_t)v * 65281u + 8388608u) >> 24);
    }
}

void fm_tiff_lab(uint8_t *rgb, size_t pixels) {
    uint8_t last[6] = {0}; /* what came last, and its colour */
    pthread_once(&once, make_nodes);
    convert(last + 3);
    for (size_t i = 0; i < pixels; i++, rgb += 3) {
        if (memcmp(rgb, last, 3)) {
            memcpy(last, rgb, 3);
            memcpy(last + 3, rgb, 3);
            convert(last + 3);
        }
        memcpy(rgb, last + 3, 3);
    }
}
