/* SPDX-License-Identifier: MIT */

/* What every unit uses of the state: buffers that grow and are used again, and the message of a failure. */
#include "sj_internal.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* From here on a buffer is as large as it must be, no larger. */
static const size_t LARGE = 64 << 20;

int sj_reserve(sj_buf *b, size_t n) {
    void *p;
    int large;
    n += SJ_PAD;
    if (b->cap >= n) return 1;
    large = n > LARGE;
    if (!large) n += n / 4;
    n = (n + 63) & ~(size_t)63; /* aligned_alloc wants a multiple */
    sj_release(b);              /* first, or both would be there at once */
    p = aligned_alloc(64, n);
    if (!p) return 0;
    /* Kernels load whole vectors; what lies behind the pixels never reaches a
     * result, but must be defined for memory checkers. Of a large buffer the end
     * will do: the rest is touched only as far as there are pixels. */
    memset(large ? (uint8_t *)p + n - LARGE / 64 : (uint8_t *)p, 0, large ? LARGE / 64 : n);
    b->p = p;
    b->cap = n;
    return 1;
}

void sj_release(sj_buf *b) {
    free(b->p);
    b->p = NULL;
    b->cap = 0;
}

int sj_fail(sj_state *s, int code, const char *format, ...) {
    va_list ap;
    va_start(ap, format);
    vsnprintf(s->message, sizeof s->message, format, ap);
    va_end(ap);
    return code;
}
