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
    return V_SRL32(sum, SJ_PRECISION);
}

static inline int32_t NAME(pair)(const int16_t *k) {
    int32_t v;
    memcpy(&v, k, 4);
    return v;
}

/* ROWS rows of pixels, a lane each, and where their results go. */
typedef struct {
    const uint8_t *src[ROWS];
    uint8_t *dst[ROWS];
} NAME(rows);

/* Fewer than ROWS rows: the last one is done several times over. */
static inline NAME(rows) NAME(row_pointers)(uint8_t *dst, ptrdiff_t dst_stride, const uint8_t *src, ptrdiff_t stride,
                                            int rows) {
    NAME(rows) r;
    int i;
    for (i = 0; i < ROWS; i++) {
        int y = i < rows ? i : rows - 1;
        r.src[i] = src + y * stride;
        r.dst[i] = dst + y * dst_stride;
    }
    return r;
}

/* Output i: a lane a row, a 32-bit value a channel. Four taps at a time; the
 * coefficients behind the last one are zero, and what is read there is within
 * the buffer. */
static inline VI NAME(output)(const NAME(rows) *r, const sj_filter *f, int i, VI first_two, VI last_two) {
    const int16_t *kh = f->hi + (size_t)i * f->stride, *kl = f->lo + (size_t)i * f->stride;
    ptrdiff_t at = (ptrdiff_t)f->first[i] * 4;
    VI v = V_LOADROWS(r->src, at), a = V_SHUFFLE8(v, first_two), b = V_SHUFFLE8(v, last_two);
    VI hi = V_ADD32(V_MADD(a, V_SET32(NAME(pair)(kh))), V_MADD(b, V_SET32(NAME(pair)(kh + 2))));
    VI lo = V_ADD32(V_MADD(a, V_SET32(NAME(pair)(kl))), V_MADD(b, V_SET32(NAME(pair)(kl + 2))));
    int t;
    for (t = 4; t < f->taps[i]; t += 4) {
        v = V_LOADROWS(r->src, at + 4 * t);
        a = V_SHUFFLE8(v, first_two);
        b = V_SHUFFLE8(v, last_two);
        hi = V_ADD32(hi, V_ADD32(V_MADD(a, V_SET32(NAME(pair)(kh + t))), V_MADD(b, V_SET32(NAME(pair)(kh + t + 2)))));
        lo = V_ADD32(lo, V_ADD32(V_MADD(a, V_SET32(NAME(pair)(kl + t))), V_MADD(b, V_SET32(NAME(pair)(kl + t + 2)))));
    }
    return NAME(finish)(hi, lo);
}

static void NAME(horizontal)(uint8_t *dst, ptrdiff_t dst_stride, const uint8_t *src, ptrdiff_t stride, int rows,
                             const sj_filter *f, int begin, int end, int flip) {
    /* Channel by channel, pixel beside pixel, as 16 bits. */
    static const int8_t lower[16] = {0, -1, 4, -1, 1, -1, 5, -1, 2, -1, 6, -1, 3, -1, 7, -1};
    static const int8_t upper[16] = {8, -1, 12, -1, 9, -1, 13, -1, 10, -1, 14, -1, 11, -1, 15, -1};
    const VI first_two = V_BROADCAST128(lower), last_two = V_BROADCAST128(upper);
    /* Output i is pixel start + i * step of the result. */
    ptrdiff_t step = flip ? -1 : 1, start = flip ? end - 1 : -begin;
    int y, i;
    for (y = 0; y < rows; y += ROWS, src += ROWS * stride, dst += ROWS * dst_stride) {
        NAME(rows) r = NAME(row_pointers)(dst, dst_stride, src, stride, rows - y);
        for (i = begin; i + 4 <= end; i += 4) {
            int a = flip ? i + 3 : i, d = flip ? -1 : 1; /* outputs in the order in which they are stored */
            VI v01 = V_PACKS32(NAME(output)(&r, f, a, first_two, last_two),
                               NAME(output)(&r, f, a + d, first_two, last_two));
            VI v23 = V_PACKS32(NAME(output)(&r, f, a + 2 * d, first_two, last_two),
                               NAME(output)(&r, f, a + 3 * d, first_two, last_two));
            V_STOREROWS(r.dst, 4 * (start + a * step), V_PACKUS16(v01, v23));
        }
        for (; i < end; i++) {
            VI v = NAME(output)(&r, f, i, first_two, last_two);
            v = V_PACKS32(v, v);
            V_STOREROWS4(r.dst, 4 * (start + i * step), V_PACKUS16(v, v));
        }
    }
}

static void NAME(vertical)(uint8_t *dst, const uint8_t *const *rows, int taps, const int32_t *k, const int16_t *hi,
                           const int16_t *lo, int n) {
    const VI zero = V_ZEROI;
    int x, t;
    (void)k;
    for (x = 0; x < 4 * n; x += 2 * VECTOR) {
        VI h0 = zero, h1 = zero, h2 = zero, h3 = zero, l0 = zero, l1 = zero, l2 = zero, l3 = zero;
        for (t = 0; t < taps; t += 2) {
            VI a = V_LOAD(rows[t] + x), b = V_LOAD(rows[t + 1] + x);
            VI low = V_UNPACKLO8(a, b), high = V_UNPACKHI8(a, b);
            VI kh = V_SET32(NAME(pair)(hi + t)), kl = V_SET32(NAME(pair)(lo + t)), p;
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
