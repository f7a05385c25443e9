/* SPDX-License-Identifier: MIT */

/* ThunderScan's 4-bit grey: runs, differences and plain values. libtiff 4.5
 * leaves out a run that ends a line, so it is done here. */
#include "fm_tiff.h"

#include <string.h>

/* A line of 4-bit pixels that is being written. */
typedef struct {
    uint8_t *out;
    size_t n, width;
    int last;
} line;

static void set(line *l, int v) {
    l->last = v & 15;
    if (l->n >= l->width) return;
    l->out[l->n / 2] |= (uint8_t)(l->n % 2 ? l->last : l->last << 4);
    l->n++;
}

/* Up to three differences of 2 bits, or two of 3 bits; one value stands for none. */
static void differences(line *l, int code) {
    static const int8_t two[] = {0, 1, 0, -1}, three[] = {0, 1, 2, 3, 0, -3, -2, -1};
    if (code < 0x80) {
        for (int s = 4; s >= 0; s -= 2)
            if ((code >> s & 3) != 2) set(l, l->last + two[code >> s & 3]);
    } else {
        for (int s = 3; s >= 0; s -= 3)
            if ((code >> s & 7) != 4) set(l, l->last + three[code >> s & 7]);
    }
}

size_t fm_tiff_thunder(uint8_t *out, size_t width, const uint8_t *in, size_t size) {
    line l = {out, 0, width, 0};
    size_t at = 0;
    memset(out, 0, (width + 1) / 2);
    while (at < size && l.n < width) {
        int code = in[at++];
        if (code >= 0xc0) {
            set(&l, code);
        } else if (code >= 0x40) {
            differences(&l, code);
        } else {
            if ((size_t)code > width - l.n) return 0;
            for (; code > 0; code--) set(&l, l.last);
        }
    }
    return l.n == width ? at : 0;
}
