/* SPDX-License-Identifier: MIT */

/*
 * Huffman decoding is more than half of libjpeg-turbo's time on a photograph.
 * This decoder takes over a third less for it: the stuffed zero bytes are taken out
 * in a pass of their own, so that the bit buffer is refilled without looking at
 * the data, and one table look-up yields up to two coefficients with the zeros
 * before them, and the end of the block behind them.
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
 * Table entries, for the next SJ_LOOK bits. Bits 0-3 are the length to consume;
 * shifts by an entry ignore all above bit 5.
 *
 * DC: bits 16-31 are the difference.
 * AC: bits 8-11 are the way from the coefficient before to this one (the run of
 * zeros and one), bits 12-15 from there to a second one, bits 16-23 and 24-31
 * their values. Where there is no second one the way to it is 0 and its value the
 * first one's, so that storing both is always right. END closes the block
 * behind them; alone it comes with a first coefficient of 0.
 * MORE, in both: the entry does not hold what the bits say. Bits 0-3 are then the
 * length of the code alone, 0 if that is longer still, bits 8-15 the run and bits
 * 16-31 the number of value bits, as in a symbol.
 */
enum { END = 0x40, MORE = 0x80 };

/* A symbol of the stream: a run of zeros and a value, or the end of a block. */
typedef struct {
    int length; /* of code and value; 0: there is no such code */
    int run, value, end;
} symbol;

/* The sign rule of ITU-T T.81, figure F.12. */
static inline int extend(int v, int size) { return v < 1 << (size - 1) ? v - (1 << size) + 1 : v; }

/* The symbol at the top of the buffer. The entry, if it has MORE, spares the
 * search for a code that is short. */
static __attribute__((noinline)) symbol read_symbol(uint64_t buffer, const sj_table *t, int32_t e, int ac) {
    int length = e & 15, run = e >> 8 & 0xff, size = (int)((uint32_t)e >> 16);
    symbol s = {0, 0, 0, 0};
    if (!(e & MORE) || !length) {
        int code = (int)(buffer >> 48), both;
        for (length = 1; length <= 16; length++)
            if (code >> (16 - length) <= t->max_code[length]) break;
        if (length > 16) return s;
        both = t->symbol[(t->offset[length] + (code >> (16 - length))) & 255];
        run = ac ? both >> 4 : 0;
        size = both & 15;
    }
    s.length = length + size;
    s.run = run;
    s.end = ac && size == 0 && run != 15;
    if (size) s.value = extend((int)(buffer << length >> (64 - size)), size);
    return s;
}

/* The entry of a symbol alone, for index i that begins with its code. */
static int32_t single(int i, int length, int run, int size, int ac) {
    int total = length + size, value = 0;
    uint32_t more = MORE | (uint32_t)length | (uint32_t)run << 8 | (uint32_t)size << 16;
    if (total > SJ_LOOK) return (int32_t)more;
    if (size) value = extend(i >> (SJ_LOOK - total) & ((1 << size) - 1), size);
    if (!ac) return (int32_t)((uint32_t)total | (uint32_t)(uint16_t)value << 16);
    if (size == 0 && run != 15) return total | END | 1 << 8;
    if (size == 0 || size > 7 || run == 15) return (int32_t)more;
    return (int32_t)((uint32_t)total | (uint32_t)(run + 1) << 8 | (uint32_t)(value & 255) * 0x1010000u);
}

/* Puts into an AC entry, for index i, what its bits hold behind the first symbol. */
static int32_t combine(int32_t e, int i, const int32_t *singles) {
    const int mask = (1 << SJ_LOOK) - 1;
    int length = e & 15, pass;
    uint32_t out = (uint32_t)e;
    for (pass = 0; pass < 2; pass++) {
        int32_t next = singles[i << length & mask];
        if (next & MORE || length + (next & 15) > SJ_LOOK) break;
        length += next & 15;
        if (next & END) return (int32_t)((out & ~15u) | END | (uint32_t)length);
        if (pass) break; /* a third coefficient has no room */
        out = (out & 0x00fffff0) | (uint32_t)length | (uint32_t)(next & 0x0f00) << 4 | ((uint32_t)next & 0xff000000);
    }
    return (int32_t)out;
}

/* Builds t from a table that libjpeg has found valid, unless it is the same as
 * last time. Most images bring tables of their own, so this must be fast. */
static void build(sj_table *t, const JHUFF_TBL *src, int ac) {
    int32_t singles[1 << SJ_LOOK];
    int length, code = 0, k = 0, n, i;
    if (t->built && !memcmp(t->bits, src->bits, sizeof t->bits) && !memcmp(t->symbol, src->huffval, sizeof t->symbol))
        return;
    memcpy(t->bits, src->bits, sizeof t->bits);
    memcpy(t->symbol, src->huffval, sizeof t->symbol);
    for (i = 0; i < 1 << SJ_LOOK; i++) singles[i] = MORE;
    for (length = 1; length <= 16; length++, code <<= 1) {
        t->offset[length] = k - code;
        for (n = 0; n < t->bits[length] && k < 256; n++, k++, code++) {
            int s = t->symbol[k], shift = SJ_LOOK - length;
            for (i = 0; shift >= 0 && i < 1 << shift; i++)
                singles[code << shift | i] = single(code << shift | i, length, ac ? s >> 4 : 0, s & 15, ac);
        }
        t->max_code[length] = n ? code - 1 : -1;
    }
    for (i = 0; i < 1 << SJ_LOOK; i++) {
        int32_t e = singles[i];
        t->entry[i] = ac && !(e & (MORE | END)) ? combine(e, i, singles) : e;
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

/* Natural order of the zigzag sequence. */
static const uint8_t natural[64] = {
    0,  1,  8,  16, 9,  2,  3,  10, 17, 24, 32, 25, 18, 11, 4,  5,  12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13, 6,  7,  14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51, 58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63};

/* The bit buffer, held in registers while an MCU is decoded: never take its
 * address. `buffer` has the next bits at its top, `valid` of them real. */
typedef struct {
    uint64_t buffer;
    uint64_t valid; /* modulo 64: what an entry has above its length is taken along */
    const uint8_t *next;
} bits;

/* Afterwards at least 56 bits are valid. Whole bytes are counted; bits of a byte
 * that is only partly there are read again next time, to the same effect. There
 * is no branch around it: how many bits are left is as random as the data, and a
 * wrong guess costs more than the load. */
static inline bits refill(bits b) {
    b.valid &= 63;
    b.buffer |= big_endian(b.next) >> b.valid;
    b.next += (63 - b.valid) >> 3;
    b.valid |= 56;
    return b;
}

static inline bits consume(bits b, uint32_t entry) {
    b.buffer <<= entry & 63;
    b.valid -= entry;
    return b;
}

/* Look-ups between two refills: 56 bits have room for that many. */
enum { LOOKUPS = 56 / SJ_LOOK };
_Static_assert(LOOKUPS == 5, "block is written for five");

/* One block, whose coefficients are zero before. `next` of the result is NULL if
 * the data make no sense. */
static inline __attribute__((always_inline)) bits block(bits b, const sj_table *dc, const sj_table *ac, int *last_dc,
                                                        JCOEF *out) {
    const bits bad = {0, 0, NULL};
    const int32_t *entry = ac->entry;
    const uint8_t *place = natural;
    symbol s;
    uint32_t e;
    uint32_t k = 0, first, second; /* the last coefficient, and those of an entry */
    /* Or the compiler adds the offsets up anew for every symbol. */
    __asm__("" : "+r"(entry), "+r"(place));
    b = refill(b);
    e = (uint32_t)dc->entry[b.buffer >> (64 - SJ_LOOK)];
    if (__builtin_expect(e & MORE, 0)) {
        s = read_symbol(b.buffer, dc, (int32_t)e, 0);
        if (!s.length) return bad;
        out[0] = (JCOEF)(*last_dc = (int)((unsigned)*last_dc + (unsigned)s.value));
        b = consume(b, (uint32_t)s.length);
        goto refilled; /* by the long way: few bits may be left */
    }
    out[0] = (JCOEF)(*last_dc = (int)((unsigned)*last_dc + (unsigned)((int32_t)e >> 16)));
    b = consume(b, e);

/* What an entry holds comes behind coefficient k. END makes it look far. */
#define LOOK_UP                                         \
    e = (uint32_t)entry[b.buffer >> (64 - SJ_LOOK)];    \
    if (__builtin_expect(e & MORE, 0)) goto one;        \
    first = k + (e >> 8 & 15);                          \
    second = first + (e >> 12 & 15);                    \
    if (second + (e & END) >= 63) goto last;            \
    out[place[first]] = (JCOEF)(int8_t)(e >> 16);       \
    out[place[second]] = (JCOEF)((int32_t)e >> 24);     \
    k = second;                                         \
    b = consume(b, e);

    for (;;) {
        LOOK_UP
        LOOK_UP
        LOOK_UP
        LOOK_UP
    refilled:
        b = refill(b);
        LOOK_UP
        continue;
    last:
        /* A block with all its 63 coefficients has no end of its own: what the
         * entry takes for one, or for a second coefficient, is the next block. */
        if (e & END ? second < 63 : second == 63) {
            out[place[first]] = (JCOEF)(int8_t)(e >> 16);
            out[place[second]] = (JCOEF)((int32_t)e >> 24);
            return consume(b, e);
        }
    one:
        b = refill(b);
        s = read_symbol(b.buffer, ac, (int32_t)e, 1);
        if (!s.length) return bad;
        b = consume(b, (uint32_t)s.length);
        if (s.end) return b;
        k += (uint32_t)s.run + 1;
        if (k > 63) return bad; /* a run past the end of the block */
        out[place[k]] = (JCOEF)s.value;
        if (k == 63) return b;
        goto refilled;
    }
#undef LOOK_UP
}

/* libjpeg's decode_mcu. */
static inline __attribute__((always_inline)) boolean decode_mcu(j_decompress_ptr c, JBLOCKROW *mcu) {
    sj_huffman *h = c->client_data;
    bits b;
    int i;
    if (c->restart_interval && h->to_go == 0 && !restart(h, c)) h->give_up(c);
    h->to_go--;
    b.buffer = h->buffer;
    b.valid = (uint64_t)h->valid;
    b.next = h->next;
    for (i = 0; i < c->blocks_in_MCU; i++) {
        int ci = c->MCU_membership[i];
        const jpeg_component_info *info = c->cur_comp_info[ci];
        b = block(b, &h->dc[info->dc_tbl_no], &h->ac[info->ac_tbl_no], &h->last_dc[ci], mcu[i][0]);
        if (!b.next) h->give_up(c);
    }
    h->buffer = b.buffer;
    h->valid = (int)(b.valid & 63);
    h->next = b.next;
    /* Bits used must have been there: the position of the next bit is `valid`
     * bits before that of the next byte. */
    if (h->next - h->valid / 8 > h->end) h->give_up(c);
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
