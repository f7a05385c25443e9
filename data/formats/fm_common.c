/* SPDX-License-Identifier: MIT */

/* Bounded memory and messages. Each block carries its size in front of it. */
#include "fm.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Keeps the alignment that malloc promises. */
enum { HEAD = 16 };

static size_t *head(void *p) { return (size_t *)(void *)((uint8_t *)p - HEAD); }

static void *no(fm_context *c, int code, size_t n) {
    c->refused = code;
    if (code == FM_TOO_LARGE)
        fm_fail(c, code, "decoding it needs %zu bytes of memory more than the %zu that are left to it", n, c->left);
    else
        fm_fail(c, code, "no memory for %zu bytes", n);
    return NULL;
}

void *fm_realloc(fm_context *c, void *p, size_t n) {
    size_t old = p ? *head(p) : 0;
    uint8_t *q;
    if (n > old && n - old > c->left) return no(c, FM_TOO_LARGE, n - old);
    q = realloc(p ? head(p) : NULL, HEAD + n);
    if (!q) return no(c, FM_NO_MEMORY, n);
    *(size_t *)(void *)q = n;
    c->left = c->left + old - n;
    return q + HEAD;
}

void *fm_alloc(fm_context *c, size_t n) { return fm_realloc(c, NULL, n); }

void *fm_calloc(fm_context *c, size_t n, size_t size) {
    void *p;
    if (size && n > SIZE_MAX / 2 / size) return no(c, FM_TOO_LARGE, SIZE_MAX / 2);
    p = fm_alloc(c, n * size);
    return p ? memset(p, 0, n * size) : NULL;
}

void fm_free(fm_context *c, void *p) {
    if (!p) return;
    c->left += *head(p);
    free(head(p));
}

int fm_fail(fm_context *c, int code, const char *format, ...) {
    va_list ap;
    if (c->message[0]) return code;
    va_start(ap, format);
    vsnprintf(c->message, sizeof c->message, format, ap);
    va_end(ap);
    return code;
}
