/* SPDX-License-Identifier: MIT */

/*
 * Huffman decoding is more than half of libjpeg-turbo's time on a photograph.
 * This decoder takes about a third less for it: the stuffed zero bytes are taken
 * out in a pass of their own, so that the bit buffer is refilled without looking
 * at the data, and one table look-up yields a code's run and length and, if it
 * fits, the coefficient itself.
 *
 * libjpeg keeps its entropy decoder behind a pointer to a structure whose first
 * two members, start_pass and decode_mcu, have not changed since version 5; the
 * second is replaced here, after libjpeg has checked headers and tables. It
 * serves one scan of baseline or extended sequential data. At the first thing
 * out of the ordinary (an impossible code, a missing restart marker, the end of
 * the data) it gives up, and the caller decodes the image once more with
 * libjpeg alone: damaged files come out as they always did.
 */
#include "sj_internal.h"
#include "sj_huffman.h"

#include <string.h>

/* The head of libjpeg's struct jpeg_entropy_decoder. */
typedef struct {
    void (*start_pass)(j_decompress_ptr);
    boolean (*decode_mcu)(j_decompress_ptr, JBLOCKROW *);
} entropy_head;

/* No MCU is longer than this: 10 blocks of 64 coefficients of 31 bits. Zeros of
 * that many bytes behind the data make a check once an MCU enough. */
enum { SLACK = 10 * 64 * 4 };

/*
 * A table entry, for the next SJ_LOOK bits: bits 0-6 the length to consume, bits
 * 8-15 the run of zeros, bits 16-31 the coefficient. MORE means that the value
 * bits or even the code do not fit; the length is then the code's alone or, if
 * that is longer too, 0, and the upper half is the number of value bits. A run of
 * END closes the block.
 */
enum { MORE = 0x80, END = 0x80 };

static int32_t make_entry(int length, int run, int value) {
    return (int32_t)((uint32_t)length | (uint32_t)run << 8 | (uint32_t)(uint16_t)value << 16);
}

/* The sign rule of ITU-T T.81, figure F.12. */
static inline int extend(int v, int size) { return v < 1 << (size - 1) ? v - (1 << size) + 1 : v; }

/* The entry for look-up index i, which begins with a code of that length. */
static int32_t entry_for(int i, int length, int run, int size, int ac) {
    int total = length + size;
    if (size == 0) return make_entry(length, ac && run != 15 ? END : run, 0);
    if (total > SJ_LOOK) return make_entry(length | MORE, run, size);
    return make_entry(total, run, extend(i >> (SJ_LOOK - total) & ((1 << size) - 1), size));
}

/* Builds t from a table that libjpeg has found valid, unless it is the same as
 * last time, which it is for most encoders. */
static void build(sj_table *t, const JHUFF_TBL *src, int ac) {
    int length, code = 0, k = 0, n, i;
    if (t->built && !memcmp(t->bits, src->bits, sizeof t->bits) && !memcmp(t->symbol, src->huffval, sizeof t->symbol))
        return;
    memcpy(t->bits, src->bits, sizeof t->bits);
    memcpy(t->symbol, src->huffval, sizeof t->symbol);
    for (i = 0; i < 1 << SJ_LOOK; i++) t->entry[i] = MORE;
    for (length = 1; length <= 16; length++, code <<= 1) {
        t->offset[length] = k - code;
        for (n = 0; n < t->bits[length] && k < 256; n++, k++, code++) {
            int s = t->symbol[k], shift = SJ_LOOK - length;
            for (i = 0; shift >= 0 && i < 1 << shift; i++)
                t->entry[code << shift | i] = entry_for(code << shift | i, length, ac ? s >> 4 : 0, s & 15, ac);
        }
        t->max_code[length] = n ? code - 1 : -1;
    }
    t->built = 1;
}

/* Copies the data up to the next marker, without the zeros stuffed behind 0xff,
 * and leaves h->raw at the marker. */
static int unstuff(sj_huffman *h) {
    const uint8_t *p = h->raw, *end = h->raw_end;
    uint8_t *q;
    if (!sj_reserve(&h->clean, (size_t)(end - p) + SLACK + 16)) return 0;
    q = h->clean.p;
    while (p < end) {
        uint64_t v;
        if (end - p >= 8) {
            memcpy(&v, p, 8);
            memcpy(q, p, 8); /* also where it is not all taken */
            /* No byte of v is 0xff: no byte of its complement is zero. */
            if (!((~v - 0x0101010101010101u) & v & 0x8080808080808080u)) {
                p += 8;
                q += 8;
                continue;
            }
        }
        if (*p == 0xff) {
            if (end - p < 2 || p[1] != 0) break; /* a marker, or the end */
            p++;
            *q++ = 0xff;
            p++;
            continue;
        }
        *q++ = *p++;
    }
    h->raw = p;
    h->next = h->clean.p;
    h->end = q;
    memset(q, 0, SLACK + 16);
    h->buffer = 0;
    h->valid = 0;
    return 1;
}

/* Steps over the restart marker that must come now. */
static int restart(sj_huffman *h, j_decompress_ptr c) {
    const uint8_t *p = h->raw;
    while (h->raw_end - p >= 2 && p[0] == 0xff && p[1] == 0xff) p++; /* fill bytes */
    if (h->raw_end - p < 2 || p[0] != 0xff || p[1] != 0xd0 + h->restart) return 0;
    h->restart = (h->restart + 1) & 7;
    h->to_go = (int)c->restart_interval;
    memset(h->last_dc, 0, sizeof h->last_dc);
    h->raw = p + 2;
    return unstuff(h);
}

static inline uint64_t big_endian(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, 8);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    return v;
#else
    return __builtin_bswap64(v);
#endif
}

/* Completes an entry with MORE from the bits that follow: length of code and
 * value, run, value. 0: an impossible code. */
static __attribute__((noinline)) int32_t complete(uint64_t buffer, const sj_table *t, int32_t e, int ac) {
    int length = e & 0x7f, run = e >> 8 & 0xff, size = (int)((uint32_t)e >> 16), s;
    if (!length) {
        int code = (int)(buffer >> 48);
        for (length = SJ_LOOK + 1; length <= 16; length++)
            if (code >> (16 - length) <= t->max_code[length]) break;
        if (length > 16) return 0;
        s = t->symbol[(t->offset[length] + (code >> (16 - length))) & 255];
        run = ac ? s >> 4 : 0;
        size = s & 15;
    }
    if (size == 0) return make_entry(length, ac && run != 15 ? END : run, 0);
    return make_entry(length + size, run, extend((int)(buffer << length >> (64 - size)), size));
}

/* Natural order of the zigzag sequence. */
static const uint8_t natural[64] = {0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48,
                                    41, 34, 27, 20, 13, 6,  7,  14, 21, 28, 35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23,
                                    30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

/* The bit buffer, held in registers while an MCU is decoded: never take its
 * address. `buffer` has the next bits at its top, `valid` of them real. */
typedef struct {
    uint64_t buffer;
    int valid;
    const uint8_t *next;
} bits;

/* Afterwards at least 32 bits are valid, one more than a code with its value can
 * take. Whole bytes are counted; bits of a byte that is only partly there are
 * read again next time, to the same effect. */
static inline bits refill(bits b) {
    if (b.valid >= 32) return b;
    b.buffer |= big_endian(b.next) >> b.valid;
    b.next += (63 - b.valid) >> 3;
    b.valid |= 56;
    return b;
}

static inline int32_t look(bits b, const int32_t *entry, const sj_table *t, int ac) {
    int32_t e = entry[b.buffer >> (64 - SJ_LOOK)];
    return __builtin_expect(e & MORE, 0) ? complete(b.buffer, t, e, ac) : e;
}

static inline bits consume(bits b, int32_t e) {
    b.buffer <<= e & 63; /* no code with its value is longer than 31 */
    b.valid -= e & 63;
    return b;
}

/* One block, whose coefficients are zero before. `next` of the result is NULL if
 * the data make no sense. */
static inline __attribute__((always_inline)) bits block(bits b, const sj_table *dc, const sj_table *ac, int *last_dc,
                                                        JCOEF *out) {
    const bits bad = {0, 0, NULL};
    const int32_t *entry = ac->entry;
    int32_t e;
    int k;
    /* Or the compiler adds the offset up anew for every symbol, on the one path
     * that all else waits for. */
    __asm__("" : "+r"(entry));
    b = refill(b);
    e = look(b, dc->entry, dc, 0);
    if (!e) return bad;
    b = consume(b, e);
    *last_dc = (int)((unsigned)*last_dc + (unsigned)(e >> 16));
    out[0] = (JCOEF)*last_dc;
    for (k = 1; k < 64; k++) {
        b = refill(b);
        e = look(b, entry, ac, 1);
        b = consume(b, e);
        k += e >> 8 & 0xff;
        if (k > 63) return k >= END ? b : bad; /* else a run past the end of the block */
        if (!e) return bad;
        out[natural[k]] = (JCOEF)(e >> 16);
    }
    return b;
}

/* libjpeg's decode_mcu. */
static inline __attribute__((always_inline)) boolean decode_mcu(j_decompress_ptr c, JBLOCKROW *mcu) {
    sj_huffman *h = c->client_data;
    bits b;
    int i;
    if (c->restart_interval && h->to_go == 0 && !restart(h, c)) h->give_up(c);
    h->to_go--;
    b.buffer = h->buffer;
    b.valid = h->valid;
    b.next = h->next;
    for (i = 0; i < c->blocks_in_MCU; i++) {
        int ci = c->MCU_membership[i];
        const jpeg_component_info *info = c->cur_comp_info[ci];
        b = block(b, &h->dc[info->dc_tbl_no], &h->ac[info->ac_tbl_no], &h->last_dc[ci], mcu[i][0]);
        if (!b.next) h->give_up(c);
    }
    h->buffer = b.buffer;
    h->valid = b.valid;
    h->next = b.next;
    /* Bits used must have been there: the position of the next bit is `valid`
     * bits before that of the next byte. */
    if (b.next - b.valid / 8 > h->end) h->give_up(c);
    return TRUE;
}

static boolean decode_mcu_any(j_decompress_ptr c, JBLOCKROW *mcu) { return decode_mcu(c, mcu); }

#if defined(__x86_64__)
/* With BMI2, shifts by a variable take one instruction and leave the flags
 * alone, and shifting is most of what is done here. */
static __attribute__((target("bmi2"))) boolean decode_mcu_bmi2(j_decompress_ptr c, JBLOCKROW *mcu) {
    return decode_mcu(c, mcu);
}
static int has_bmi2(void) { return __builtin_cpu_supports("bmi2"); }
#else
#define decode_mcu_bmi2 decode_mcu_any
static int has_bmi2(void) { return 0; }
#endif

int sj_huffman_begin(sj_huffman *h, j_decompress_ptr c) {
    int i;
    if (c->progressive_mode || c->arith_code || jpeg_has_multiple_scans(c) || c->scale_denom != 1 ||
        c->data_precision != 8)
        return 0;
    for (i = 0; i < c->comps_in_scan; i++) {
        const jpeg_component_info *info = c->cur_comp_info[i];
        build(&h->dc[info->dc_tbl_no], c->dc_huff_tbl_ptrs[info->dc_tbl_no], 0);
        build(&h->ac[info->ac_tbl_no], c->ac_huff_tbl_ptrs[info->ac_tbl_no], 1);
    }
    h->raw = c->src->next_input_byte;
    h->raw_end = h->raw + c->src->bytes_in_buffer;
    h->to_go = (int)c->restart_interval;
    h->restart = 0;
    memset(h->last_dc, 0, sizeof h->last_dc);
    if (!unstuff(h)) return 0;
    c->client_data = h;
    ((entropy_head *)(void *)c->entropy)->decode_mcu = has_bmi2() ? decode_mcu_bmi2 : decode_mcu_any;
    return 1;
}
