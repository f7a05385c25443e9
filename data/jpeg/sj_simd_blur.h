/* SPDX-License-Identifier: MIT */

/*
 * The box blur as a template (see sj_avx2.c for the macros). A line is an array
 * of 16-bit pixels with SJ_BORDER vectors of border on either side; the outputs
 * are VECTOR at a time. The same loop serves rows, where a neighbour is the next
 * 16-bit element, and columns, where it is the next vector: VECTOR columns are
 * blurred side by side. Three passes run without leaving the first-level cache.
 */

/* Largest radius with sums written out; a Gaussian of 2 needs 1. Beyond, the
 * running sums of the portable version are as good. */
enum { NAME(max_radius) = 3 };

/* ww * box + fw * (left + right), rounded, with the 24-bit weights in two 12-bit
 * halves, because the multiplier takes 16 bits. */
typedef struct {
    VI hi, lo, round;
} NAME(weights);

static inline NAME(weights) NAME(split_weights)(sj_box box) {
    NAME(weights) w;
    w.hi = V_SET32((int)(box.ww >> 12 | (box.fw >> 12) << 16));
    w.lo = V_SET32((int)((box.ww & 4095) | (box.fw & 4095) << 16));
    w.round = V_SET32(1 << 23);
    return w;
}

static inline VI NAME(weigh)(VI pairs, NAME(weights) w) {
    VI sum = V_ADD32(V_SLL32(V_MADD(pairs, w.hi), 12), V_MADD(pairs, w.lo));
    return V_SRL32(V_ADD32(sum, w.round), 24);
}

/* One vector of outputs at p; neighbours are step elements apart. */
static inline VI NAME(box)(const uint16_t *p, ptrdiff_t step, int radius, NAME(weights) w) {
    VI box = V_LOAD(p), sides = V_ADD16(V_LOAD(p - (radius + 1) * step), V_LOAD(p + (radius + 1) * step));
    int i;
    for (i = 1; i <= radius; i++) box = V_ADD16(box, V_ADD16(V_LOAD(p - i * step), V_LOAD(p + i * step)));
    return V_PACKUS32(NAME(weigh)(V_UNPACKLO16(box, sides), w), NAME(weigh)(V_UNPACKHI16(box, sides), w));
}

/* Fixed radii let the compiler unroll the sums. */
static inline void NAME(pass)(uint16_t *dst, const uint16_t *src, int vectors, ptrdiff_t step, int radius,
                              NAME(weights) w) {
    int i;
    switch (radius) {
    case 0:
        for (i = 0; i < vectors; i++) V_STORE(dst + i * VECTOR, NAME(box)(src + i * VECTOR, step, 0, w));
        break;
    case 1:
        for (i = 0; i < vectors; i++) V_STORE(dst + i * VECTOR, NAME(box)(src + i * VECTOR, step, 1, w));
        break;
    default:
        for (i = 0; i < vectors; i++) V_STORE(dst + i * VECTOR, NAME(box)(src + i * VECTOR, step, radius, w));
    }
}

/* Repeats the first and the last pixel of a row into its borders. */
static inline void NAME(pad_row)(uint16_t *p, int n, int radius) {
    int i;
    for (i = 1; i <= radius + 1; i++) {
        p[-i] = p[0];
        p[n - 1 + i] = p[n - 1];
    }
}

static inline void NAME(pad_columns)(uint16_t *p, int n, int radius) {
    VI first = V_LOAD(p), last = V_LOAD(p + (n - 1) * VECTOR);
    int i;
    for (i = 1; i <= radius + 1; i++) {
        V_STORE(p - i * VECTOR, first);
        V_STORE(p + (n - 1 + i) * VECTOR, last);
    }
}

/* Loads and stores of the first n bytes of a vector's worth. */
static inline VI NAME(load_bytes)(const uint8_t *p, int n) {
    uint8_t t[VECTOR] = {0};
    if (n >= VECTOR) return V_WIDEN(p);
    memcpy(t, p, (size_t)n);
    return V_WIDEN(t);
}

static inline void NAME(store_bytes)(uint8_t *p, VI v, int n) {
    uint8_t t[VECTOR];
    if (n >= VECTOR) {
        V_NARROW(p, v);
        return;
    }
    V_NARROW(t, v);
    memcpy(p, t, (size_t)n);
}

static void NAME(blur_rows)(uint8_t *p, int w, int h, sj_box box, uint8_t *line) {
    int vectors = (w + VECTOR - 1) / VECTOR, y, i;
    uint16_t *a = (uint16_t *)(void *)line + SJ_BORDER * VECTOR, *b = a + (vectors + 2 * SJ_BORDER) * VECTOR;
    NAME(weights) k = NAME(split_weights)(box);
    if (box.radius > NAME(max_radius)) {
        sj_blur_rows_c(p, w, h, box, line);
        return;
    }
    for (y = 0; y < h; y++, p += w) {
        for (i = 0; i < vectors; i++) V_STORE(a + i * VECTOR, NAME(load_bytes)(p + i * VECTOR, w - i * VECTOR));
        NAME(pad_row)(a, w, box.radius);
        NAME(pass)(b, a, vectors, 1, box.radius, k);
        NAME(pad_row)(b, w, box.radius);
        NAME(pass)(a, b, vectors, 1, box.radius, k);
        NAME(pad_row)(a, w, box.radius);
        NAME(pass)(b, a, vectors, 1, box.radius, k);
        for (i = 0; i < vectors; i++) NAME(store_bytes)(p + i * VECTOR, V_LOAD(b + i * VECTOR), w - i * VECTOR);
    }
}

static void NAME(blur_columns)(uint8_t *p, int w, int h, sj_box box, uint8_t *line) {
    uint16_t *a = (uint16_t *)(void *)line + SJ_BORDER * VECTOR, *b = a + (h + 2 * SJ_BORDER) * VECTOR;
    NAME(weights) k = NAME(split_weights)(box);
    int x, y;
    if (box.radius > NAME(max_radius)) {
        sj_blur_columns_c(p, w, h, box, line);
        return;
    }
    for (x = 0; x < w; x += VECTOR) {
        for (y = 0; y < h; y++) V_STORE(a + y * VECTOR, NAME(load_bytes)(p + (size_t)y * w + x, w - x));
        NAME(pad_columns)(a, h, box.radius);
        NAME(pass)(b, a, h, VECTOR, box.radius, k);
        NAME(pad_columns)(b, h, box.radius);
        NAME(pass)(a, b, h, VECTOR, box.radius, k);
        NAME(pad_columns)(a, h, box.radius);
        NAME(pass)(b, a, h, VECTOR, box.radius, k);
        for (y = 0; y < h; y++) NAME(store_bytes)(p + (size_t)y * w + x, V_LOAD(b + y * VECTOR), w - x);
    }
}
