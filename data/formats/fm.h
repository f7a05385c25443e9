/* SPDX-License-Identifier: MIT */

/*
 * What the C side of all formats shares. A decoder gets an fm_context from Go,
 * allocates only through it, frees all of it before it returns, and returns one
 * of the codes; for all but FM_OK the context holds a message. Nothing here is
 * shared between threads.
 */
#ifndef FM_H
#define FM_H

#include <stddef.h>
#include <stdint.h>

/* What went wrong; the Go side maps these to reasons. */
enum {
    FM_OK = 0,
    FM_CORRUPT = 1,
    FM_TRUNCATED = 2,
    FM_UNSUPPORTED = 3,
    FM_TOO_LARGE = 4, /* the file asks for more than the limits */
    FM_NO_MEMORY = 5  /* the machine's fault, not the file's */
};

typedef struct {
    size_t left;       /* bytes that may still be allocated */
    int refused;       /* FM_TOO_LARGE or FM_NO_MEMORY after an allocation that failed */
    char message[256]; /* for people: what was found, what is allowed */
} fm_context;

/* Memory within the limit, not cleared; NULL if there is none, and then
 * c->refused and the message say why: return c->refused. */
void *fm_alloc(fm_context *c, size_t n);
/* n * size bytes, cleared. */
void *fm_calloc(fm_context *c, size_t n, size_t size);
/* Like realloc; on failure p stays as it is. */
void *fm_realloc(fm_context *c, void *p, size_t n);
void fm_free(fm_context *c, void *p);

/* Writes the message, once: the first failure counts. Returns code. */
int fm_fail(fm_context *c, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

#endif
