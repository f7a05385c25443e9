/* SPDX-License-Identifier: MIT */

/*
 * The resize as a template (see sj_avx2.c for the macros). The 16-bit multiplier
 * adds products in pairs: two neighbouring pixels of a row, or the same pixel of
 * two rows. A 22-bit coefficient is two 11-bit halves, so both products are
 * exact and the sum is PIL's to the last bit.
 */

/* Joins the halves, rounds, and cuts to 8 bits in 32. */
static inline VI NAME(finish)(VI hi, VI lo) {
    VI sum = V_ADD32(V_SLL32(hi, SJ_SPLIT), V_ADD32(lo, V_SET32(1 << (SJ_PRECISION - 1))));
    return V_SRA32(sum, SJ_PRECISION); /* of a bicubic filter it may be negative */
}

static inline int32_t NAME(pair)(const int16_t *k) {
    int32_t v;
    memcpy(&v, k, 4);
    return v;
}

/* A block of rows is worked on at once, ROWS to a vector. */
enum { NAME(vectors) = ROW_BLOCK / ROWS };

typedef struct {
    VI hi[NAME(vectors)], lo[NAME(vectors)];
} NAME(sums);

/* Adds four taps of one output to the sums: a 128-bit lane holds four pixels of
 * a row, and the multiplier adds pixels 0 and 1, then 2 and 3, by channel. The
 * coefficients are loaded once for all rows of the block. */
static inline __attribute__((always_inline)) void NAME(quad)(NAME(sums) *s, const uint8_t *const *src, ptrdiff_t at,
                                                             const int16_t *k, VI first_two, VI last_two, int fresh) {
    VI h01 = V_SET32(NAME(pair)(k)), h23 = V_SET32(NAME(pair)(k + 2));
    VI l01 = V_SET32(NAME(pair)(k + 4)), l23 = V_SET32(NAME(pair)(k + 6));
    int i;
    for (i = 0; i < NAME(vectors); i++) {
        VI v = V_LOADROWS(src + i * ROWS, at), a = V_SHUFFLE8(v, first_two), b = V_SHUFFLE8(v, last_two);
        VI hi = V_ADD32(V_MADD(a, h01), V_MADD(b, h23)), lo = V_ADD32(V_MADD(a, l01), V_MADD(b, l23));
        s->hi[i] = fresh ? hi : V_ADD32(s->hi[i], hi);
        s->lo[i] = fresh ? lo : V_ADD32(s->lo[i], lo);
    }
}

/* Output i of all rows of the block, as 32-bit values. What is read behind the
 * last tap is within the buffer, and its coefficients are zero. */
static inline __attribute__((always_inline)) void NAME(output)(VI *out, const uint8_t *const *src, int first, int taps,
                                                               const int16_t *k, VI first_two, VI last_two) {
    NAME(sums) s;
    int t;
    NAME(quad)(&s, src, (ptrdiff_t)first * 4, k, first_two, last_two, 1);
    for (t = 4; t < taps; t += 4)
        NAME(quad)(&s, src, ((ptrdiff_t)first + t) * 4, k + 2 * t, first_two, last_two, 0);
    for (t = 0; t < NAME(vectors); t++) out[t] = NAME(finish)(s.hi[t], s.lo[t]);
}

/* Four outputs of all rows, stored side by side from byte `at` on. few: no
 * output has more than four taps, which is so up to a reduction by 1.5 or so. */
static inline __attribute__((always_inline)) void NAME(four)(uint8_t *const *dst, ptrdiff_t at,
                                                             const uint8_t *const *src, const sj_filter *f, int i,
                                                             int flip, int few, VI first_two, VI last_two) {
    const int32_t *first = f->first + i, *taps = f->taps + i;
    const ptrdiff_t stride = 2 * (ptrdiff_t)f->stride;
    const int16_t *k = f->halves + i * stride;
    VI out[4][NAME(vectors)], v;
    int j;
    for (j = 0; j < 4; j++)
        NAME(output)(out[j], src, first[j], few ? 0 : taps[j], k + j * stride, first_two, last_two);
    for (j = 0; j < NAME(vectors); j++) {
        v = V_PACKUS16(V_PACKS32(out[0][j], out[1][j]), V_PACKS32(out[2][j], out[3][j]));
        V_STOREROWS(dst + j * ROWS, at, flip ? V_REVERSE32(v) : v);
    }
}

/* One block of rows. */
static inline __attribute__((always_inline)) void NAME(block_of_rows)(uint8_t *const *dst, const uint8_t *const *src,
                                                                      const sj_filter *f, int begin, int end, int flip,
                                                                      int few) {
    /* Channel by channel, pixel beside pixel, as 16 bits. */
    static const int8_t lower[16] = {0, -1, 4, -1, 1, -1, 5, -1, 2, -1, 6, -1, 3, -1, 7, -1};
    static const int8_t upper[16] = {8, -1, 12, -1, 9, -1, 13, -1, 10, -1, 14, -1, 11, -1, 15, -1};
    const VI first_two = V_BROADCAST128(lower), last_two = V_BROADCAST128(upper);
    int i, j;
    for (i = begin; i + 4 <= end; i += 4)
        NAME(four)(dst, 4 * (ptrdiff_t)(flip ? end - 4 - i : i - begin), src, f, i, flip, few, first_two, last_two);
    for (; i < end; i++) {
        VI out[NAME(vectors)];
        NAME(output)(out, src, f->first[i], f->taps[i], f->halves + 2 * (ptrdiff_t)i * f->stride, first_two, last_two);
        for (j = 0; j < NAME(vectors); j++) {
            VI v = V_PACKS32(out[j], out[j]);
            V_STOREROWS4(dst + j * ROWS, 4 * (ptrdiff_t)(flip ? end - 1 - i : i - begin), V_PACKUS16(v, v));
        }
    }
}

static void NAME(horizontal)(uint8_t *dst, ptrdiff_t dst_stride, const uint8_t *src, ptrdiff_t stride, int rows,
                             const sj_filter *f, int begin, int end, int flip) {
    const uint8_t *from[ROW_BLOCK];
    uint8_t *to[ROW_BLOCK];
    int y, i, last;
    for (y = 0; y < rows; y += ROW_BLOCK) {
        /* Where rows are missing the last one is done several times over. */
        for (i = 0; i < ROW_BLOCK; i++) {
            last = y + i < rows ? y + i : rows - 1;
            from[i] = src + last * stride;
            to[i] = dst + last * dst_stride;
        }
        if (f->max_taps > 4)
            flip ? NAME(block_of_rows)(to, from, f, begin, end, 1, 0) : NAME(block_of_rows)(to, from, f, begin, end, 0, 0);
        else
            flip ? NAME(block_of_rows)(to, from, f, begin, end, 1, 1) : NAME(block_of_rows)(to, from, f, begin, end, 0, 1);
    }
}

static void NAME(vertical)(uint8_t *dst, const uint8_t *const *rows, int taps, const int32_t *k,
                           const int16_t *halves, int n) {
    const VI zero = V_ZEROI;
    int x, t;
    (void)k;
    for (x = 0; x < 4 * n; x += 2 * VECTOR) {
        VI h0 = zero, h1 = zero, h2 = zero, h3 = zero, l0 = zero, l1 = zero, l2 = zero, l3 = zero;
        for (t = 0; t < taps; t += 2) {
            VI a = V_LOAD(rows[t] + x), b = V_LOAD(rows[t + 1] + x);
            VI low = V_UNPACKLO8(a, b), high = V_UNPACKHI8(a, b);
            const int16_t *pair = halves + (t & ~3) * 2 + (t & 3);
            VI kh = V_SET32(NAME(pair)(pair)), kl = V_SET32(NAME(pair)(pair + 4)), p;
            p = V_UNPACKLO8(low, zero);
            h0 = V_ADD32(h0, V_MADD(p, kh));
            l0 = V_ADD32(l0, V_MADD(p, kl));
            p = V_UNPACKHI8(low, zero);
            h1 = V_ADD32(h1, V_MADD(p, kh));
            l1 = V_ADD32(l1, V_MADD(p, kl));
            p = V_UNPACKLO8(high, zero);
            h2 = V_ADD32(h2, V_MADD(p, kh));
            l2 = V_ADD32(l2, V_MADD(p, kl));
            p = V_UNPACKHI8(high, zero);
            h3 = V_ADD32(h3, V_MADD(p, kh));
            l3 = V_ADD32(l3, V_MADD(p, kl));
        }
        V_STORE(dst + x, V_PACKUS16(V_PACKS32(NAME(finish)(h0, l0), NAME(finish)(h1, l1)),
                                    V_PACKS32(NAME(finish)(h2, l2), NAME(finish)(h3, l3))));
    }
}
