/* SPDX-License-Identifier: MIT */

/* The entropy decoder that replaces libjpeg's for plain baseline images. */
#ifndef SJ_HUFFMAN_H
#define SJ_HUFFMAN_H

#include <stdio.h>

#include <jpeglib.h>

#include "sj.h"

/* Bits looked up at once. Nearly all codes are shorter, most of them together
 * with the value bits that follow; 2048 entries of a table fill 8 KB. */
enum { SJ_LOOK = 11 };

typedef struct {
    int32_t entry[1 << SJ_LOOK]; /* see sj_huffman.c; 0: the code is longer */
    int32_t max_code[17];        /* largest code of each length, -1: none */
    int32_t offset[17];          /* index of a code's symbol less the code */
    uint8_t bits[17], symbol[256]; /* what the table was built from */
    int built;
} sj_table;

typedef struct {
    uint64_t buffer; /* the next bits, from the top */
    int valid;       /* how many of them are real */
    const uint8_t *next, *end; /* unstuffed data not yet in the buffer */
    const uint8_t *raw, *raw_end; /* data behind this restart interval */
    int to_go, restart;           /* MCUs until the next restart marker; its number */
    int last_dc[MAX_COMPS_IN_SCAN];
    sj_table dc[NUM_HUFF_TBLS], ac[NUM_HUFF_TBLS];
    sj_buf clean; /* memory of the unstuffed data */
    void (*give_up)(j_decompress_ptr); /* leaves by longjmp */
} sj_huffman;

/* Takes over the entropy decoding of an image whose decompression has just
 * begun; 0 if it is of another kind, and libjpeg goes on alone. */
int sj_huffman_begin(sj_huffman *h, j_decompress_ptr c);

#endif
