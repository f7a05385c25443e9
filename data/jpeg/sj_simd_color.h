/* SPDX-License-Identifier: MIT */

/*
 * The colour chain as a template: included once for each instruction set, by a
 * file that has defined the V_ macros (sj_avx2.c explains them). Pixels are
 * single-precision integers 0..255, LANES at a time; all sums below are integers
 * under 2^24 and so exact, which is why fused multiply-adds change nothing, save
 * where PIL rounds a product (blend): there multiply and add stay apart.
 */

typedef struct {
    VF r, g, b;
} NAME(pixels);

/* floor((19595 r + 38470 g + 7471 b + 2^15) / 2^16) */
static inline VF NAME(luma)(NAME(pixels) p) {
    VF s = V_FMA(p.r, V_SET(19595.0f), V_SET(32768.0f));
    s = V_FMA(p.g, V_SET(38470.0f), s);
    s = V_FMA(p.b, V_SET(7471.0f), s);
    return V_TRUNC(V_MUL(s, V_SET(1.0f / 65536.0f)));
}

/* base + alpha * (v - base), cut to an integer. Only extrapolation can leave
 * 0..255, and towards black (base 0) only upwards. */
static inline VF NAME(interpolate)(VF base, VF v, VF alpha) {
    return V_TRUNC(V_ADD(base, V_MUL(alpha, V_SUB(v, base))));
}
static inline VF NAME(extrapolate)(VF base, VF v, VF alpha) {
    VF t = V_ADD(base, V_MUL(alpha, V_SUB(v, base)));
    return V_TRUNC(V_MAX(V_MIN(t, V_SET(255.0f)), V_SET(0.0f)));
}
static inline VF NAME(scale)(VF base, VF v, VF alpha) {
    (void)base;
    return V_TRUNC(V_MIN(V_MUL(alpha, v), V_SET(255.0f)));
}

/*
 * 8-bit hue of p, whose largest and smallest channels are given. PIL divides
 * three differences by the chroma, but one of the quotients is 0 and one is 1:
 * with q the third, the hue in sixths is an integer plus or minus q, by which
 * channel is the largest and which the smallest. That the single-precision
 * steps end in PIL's byte for every colour was found by trying all of them; the
 * test does so again.
 */
static inline VF NAME(hue8)(NAME(pixels) p, VF hi, VF lo, VF chroma) {
    VF mid = V_SUB(V_ADD(V_ADD(p.r, p.g), p.b), V_ADD(hi, lo));
    VF q = V_DIV(V_SUB(hi, mid), chroma);
    VF one = V_SET(1.0f), minus = V_SET(-1.0f), k, first, second, sign, h;
    /* By largest channel: base of the sector, and the channel before and after. */
    k = V_IF_EQ(p.g, hi, V_SET(2.0f), V_SET(4.0f));
    first = V_IF_EQ(p.g, hi, p.b, p.r);
    second = V_IF_EQ(p.g, hi, p.r, p.g);
    k = V_IF_EQ(p.r, hi, V_SET(0.0f), k);
    first = V_IF_EQ(p.r, hi, p.g, first);
    second = V_IF_EQ(p.r, hi, p.b, second);
    /* k + 1 - q if second is the smallest, k - 1 + q if first is. */
    sign = V_IF_LT(first, second, minus, one);
    h = V_SUB(V_ADD(k, sign), V_MUL(sign, q)); /* the product is exact */
    h = V_DIV(h, V_SET(6.0f));
    h = V_IF_LT(h, V_SET(0.0f), V_ADD(h, one), h);
    return V_TRUNC(V_MUL(h, V_SET(255.0f)));
}

static inline VF NAME(clamp85)(VF x) { return V_MAX(V_MIN(x, V_SET(85.0f)), V_SET(0.0f)); }

/*
 * Through HSV and back. On the way back a channel is v - v s w / (255 * 85) with
 * an integer weight w of 0 to 85 that is a piecewise linear function of the hue:
 * PIL's p, q and t are w = 85, 85 f and 85 (1 - f). The rounded quotient has no
 * ties, because the divisor is odd, and the nearest value to one is farther away
 * than the error of the arithmetic.
 */
static inline NAME(pixels) NAME(hue)(NAME(pixels) p, VF shift) {
    const VF scale = V_SET(-1.0f / 21675.0f);
    VF hi = V_MAX(V_MAX(p.r, p.g), p.b), lo = V_MIN(V_MIN(p.r, p.g), p.b), chroma = V_SUB(hi, lo);
    /* Grey: chroma 0 becomes 1, the hue is anything, the saturation 0. */
    VF h = V_ADD(NAME(hue8)(p, hi, lo, V_MAX(chroma, V_SET(1.0f))), shift);
    VF s = V_TRUNC(V_MUL(V_DIV(chroma, V_MAX(hi, V_SET(1.0f))), V_SET(255.0f)));
    VF vs = V_MUL(hi, s), half = V_ADD(hi, V_SET(0.5f)), w;
    h = V_IF_LT(h, V_SET(256.0f), h, V_SUB(h, V_SET(256.0f)));
    h = V_ADD(h, h);
    w = NAME(clamp85)(V_SUB(V_SET(170.0f), V_ABS(V_SUB(h, V_SET(255.0f)))));
    p.r = V_TRUNC(V_FMA(V_MUL(vs, w), scale, half));
    w = NAME(clamp85)(V_SUB(V_ABS(V_SUB(h, V_SET(170.0f))), V_SET(85.0f)));
    p.g = V_TRUNC(V_FMA(V_MUL(vs, w), scale, half));
    w = NAME(clamp85)(V_SUB(V_ABS(V_SUB(h, V_SET(340.0f))), V_SET(85.0f)));
    p.b = V_TRUNC(V_FMA(V_MUL(vs, w), scale, half));
    return p;
}

/* Pixels on their way through the chain: small enough to stay in the first-level
 * cache, large enough that every operation's loop overlaps the latencies of many
 * independent pixels. */
enum { NAME(block) = 256 };
typedef struct {
    float r[NAME(block)], g[NAME(block)], b[NAME(block)];
} NAME(tile);

#define EACH_VECTOR(t, n, p, statement)                                                   \
    for (i = 0; i < (n); i += LANES) {                                                    \
        NAME(pixels) p = {V_LOADF((t)->r + i), V_LOADF((t)->g + i), V_LOADF((t)->b + i)}; \
        statement;                                                                        \
        V_STOREF((t)->r + i, p.r);                                                        \
        V_STOREF((t)->g + i, p.g);                                                        \
        V_STOREF((t)->b + i, p.b);                                                        \
    }

/* Blends all channels of p with base by one of the three functions above. */
#define BLEND(p, how, base)                                                               \
    do {                                                                                  \
        VF onto = base;                                                                   \
        p.r = NAME(how)(onto, p.r, alpha);                                                \
        p.g = NAME(how)(onto, p.g, alpha);                                                \
        p.b = NAME(how)(onto, p.b, alpha);                                                \
    } while (0)

static inline void NAME(apply)(NAME(tile) *t, int n, const sj_step *step) {
    const VF alpha = V_SET(step->alpha), base = V_SET(step->base), shift = V_SET((float)step->hue);
    const int inside = step->alpha <= 1.0f;
    int i;
    switch (step->op) {
    case SJ_BRIGHTNESS: EACH_VECTOR(t, n, p, BLEND(p, scale, base)) break;
    case SJ_CONTRAST:
        if (inside)
            EACH_VECTOR(t, n, p, BLEND(p, interpolate, base))
        else
            EACH_VECTOR(t, n, p, BLEND(p, extrapolate, base))
        break;
    case SJ_SATURATION:
        if (inside)
            EACH_VECTOR(t, n, p, BLEND(p, interpolate, NAME(luma)(p)))
        else
            EACH_VECTOR(t, n, p, BLEND(p, extrapolate, NAME(luma)(p)))
        break;
    case SJ_HUE: EACH_VECTOR(t, n, p, p = NAME(hue)(p, shift)) break;
    default: EACH_VECTOR(t, n, p, p.r = NAME(luma)(p))
    }
}

#undef BLEND
#undef EACH_VECTOR

static uint64_t NAME(color)(uint8_t *r, uint8_t *g, uint8_t *b, size_t n, const sj_step *steps, int count, int sum) {
    size_t at, whole = n - n % LANES;
    VI total = V_ZEROI;
    NAME(tile) t;
    int i, k, m;
    for (at = 0; at < whole; at += (size_t)m, r += m, g += m, b += m) {
        m = whole - at < NAME(block) ? (int)(whole - at) : NAME(block);
        for (i = 0; i < m; i += LANES) {
            V_STOREF(t.r + i, V_LOAD8(r + i));
            V_STOREF(t.g + i, V_LOAD8(g + i));
            V_STOREF(t.b + i, V_LOAD8(b + i));
        }
        for (k = 0; k < count; k++) NAME(apply)(&t, m, steps + k);
        for (i = 0; count && i < m; i += LANES)
            V_STORE8(r + i, g + i, b + i, V_LOADF(t.r + i), V_LOADF(t.g + i), V_LOADF(t.b + i));
        for (i = 0; sum && i < m; i += LANES) {
            NAME(pixels) p = {V_LOADF(t.r + i), V_LOADF(t.g + i), V_LOADF(t.b + i)};
            total = V_ADD32(total, V_TOINT(NAME(luma)(p)));
        }
    }
    return V_SUM32(total) + sj_color_c(r, g, b, n - whole, steps, count, sum);
}
