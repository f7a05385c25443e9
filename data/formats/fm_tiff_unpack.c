/* SPDX-License-Identifier: MIT */

/* How samples become grey or RGB: Pillow's unpackers and what its convert("RGB")
 * makes of them, in one step. in is never read beyond the bits of n pixels. */
#include "fm_tiff.h"

#include <string.h>

static uint8_t reversed(uint8_t b) {
    b = (uint8_t)((b & 0xf0) >> 4 | (b & 0x0f) << 4);
    b = (uint8_t)((b & 0xcc) >> 2 | (b & 0x33) << 2);
    return (uint8_t)((b & 0xaa) >> 1 | (b & 0x55) << 1);
}

/* Grey of B bits: stretched to 255, inverted by XOR. FLIP is the order of bits. */
#define GREY(NAME, B, XOR, FLIP)                                                              \
    static void NAME(uint8_t *out, const uint8_t *in, size_t n, const uint8_t *palette) {     \
        (void)palette;                                                                        \
        for (size_t i = 0; i < n; in++) {                                                     \
            uint8_t byte = FLIP(*in);                                                         \
            for (int s = 8 - B; s >= 0 && i < n; s -= B, i++)                                 \
                out[i] = (uint8_t)((byte >> s & ((1 << B) - 1)) * (255 / ((1 << B) - 1)) ^ XOR); \
        }                                                                                     \
    }
#define AS_IS(b) (b)
GREY(grey1, 1, 0, AS_IS)
GREY(grey1i, 1, 255, AS_IS)
GREY(grey1r, 1, 0, reversed)
GREY(grey1ir, 1, 255, reversed)
GREY(grey2, 2, 0, AS_IS)
GREY(grey2i, 2, 255, AS_IS)
GREY(grey2r, 2, 0, reversed)
GREY(grey2ir, 2, 255, reversed)
GREY(grey4, 4, 0, AS_IS)
GREY(grey4i, 4, 255, AS_IS)
GREY(grey4r, 4, 0, reversed)
GREY(grey4ir, 4, 255, reversed)
GREY(grey8i, 8, 255, AS_IS)
GREY(grey8r, 8, 0, reversed)

static void copy(uint8_t *out, const uint8_t *in, size_t n, const uint8_t *palette) {
    (void)palette;
    memcpy(out, in, n);
}

static void copy3(uint8_t *out, const uint8_t *in, size_t n, const uint8_t *palette) { copy(out, in, 3 * n, palette); }

/* One value of grey a pixel, the expression VALUE of the STEP bytes at in. */
#define EACH(NAME, STEP, VALUE)                                                           \
    static void NAME(uint8_t *out, const uint8_t *in, size_t n, const uint8_t *palette) { \
        (void)palette;                                                                    \
        for (size_t i = 0; i < n; i++, in += STEP) out[i] = VALUE;                        \
    }

static uint8_t clip(int32_t v) { return (uint8_t)(v <= 0 ? 0 : v >= 255 ? 255 : v); }

static int32_t signed16(int high, int low) { return (int16_t)(uint16_t)(high << 8 | low); }

static uint32_t word(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static uint32_t big_word(const uint8_t *p) {
    return (uint32_t)p[3] | (uint32_t)p[2] << 8 | (uint32_t)p[1] << 16 | (uint32_t)p[0] << 24;
}

/* Cut, not rounded; what is not a number is 0. */
static uint8_t clip_float(uint32_t bits) {
    float v;
    memcpy(&v, &bits, sizeof v);
    return (uint8_t)(v >= 255 ? 255 : v > 0 ? (int)v : 0);
}

EACH(first_of_2, 2, in[0])
EACH(u16, 2, in[1] ? 255 : in[0])
EACH(u16b, 2, in[0] ? 255 : in[1])
EACH(u16r, 2, in[1] ? 255 : reversed(in[0]))
EACH(s16, 2, clip(signed16(in[1], in[0])))
EACH(s16b, 2, clip(signed16(in[0], in[1])))
EACH(s32, 4, clip((int32_t)word(in)))
EACH(s32b, 4, clip((int32_t)big_word(in)))
EACH(f32, 4, clip_float(word(in)))
EACH(f32b, 4, clip_float(big_word(in)))

/* Two pixels in three bytes. */
static void u12(uint8_t *out, const uint8_t *in, size_t n, const uint8_t *palette) {
    (void)palette;
    for (size_t i = 0; i < n; i++) {
        if (i % 2 == 0) {
            out[i] = clip(in[0] << 4 | in[1] >> 4);
        } else {
            out[i] = clip((in[1] & 15) << 8 | in[2]);
            in += 3;
        }
    }
}

#define INDEXED(NAME, B)                                                                   \
    static void NAME(uint8_t *out, const uint8_t *in, size_t n, const uint8_t *palette) {  \
        for (size_t i = 0; i < n; in++)                                                    \
            for (int s = 8 - B; s >= 0 && i < n; s -= B, i++)                              \
                memcpy(out + 3 * i, palette + 3 * (size_t)(*in >> s & ((1 << B) - 1)), 3); \
    }
INDEXED(indexed1, 1)
INDEXED(indexed2, 2)
INDEXED(indexed4, 4)
INDEXED(indexed8, 8)

static void indexed8r(uint8_t *out, const uint8_t *in, size_t n, const uint8_t *palette) {
    for (size_t i = 0; i < n; i++) memcpy(out + 3 * i, palette + 3 * (size_t)reversed(in[i]), 3);
}

static void indexed_of_2(uint8_t *out, const uint8_t *in, size_t n, const uint8_t *palette) {
    for (size_t i = 0; i < n; i++) memcpy(out + 3 * i, palette + 3 * (size_t)in[2 * i], 3);
}

/* Colours: three values, functions of the STEP bytes at in. */
#define COLOURS(NAME, STEP, R, G, B)                                                      \
    static void NAME(uint8_t *out, const uint8_t *in, size_t n, const uint8_t *palette) { \
        (void)palette;                                                                    \
        for (size_t i = 0; i < n; i++, in += STEP, out += 3) {                            \
            out[0] = R;                                                                   \
            out[1] = G;                                                                   \
            out[2] = B;                                                                   \
        }                                                                                 \
    }
COLOURS(rgb8r, 3, reversed(in[0]), reversed(in[1]), reversed(in[2]))
COLOURS(rgbx, 4, in[0], in[1], in[2])
COLOURS(rgbxx, 5, in[0], in[1], in[2])
COLOURS(rgbxxx, 6, in[0], in[1], in[2])
COLOURS(rgb16, 6, in[1], in[3], in[5])
COLOURS(rgb16b, 6, in[0], in[2], in[4])
COLOURS(rgbx16, 8, in[1], in[3], in[5])
COLOURS(rgbx16b, 8, in[0], in[2], in[4])
COLOURS(lab, 3, in[0], in[1] ^ 128, in[2] ^ 128)

static uint8_t divided(int v, int alpha) { return alpha ? clip(v * 255 / alpha) : 0; }
COLOURS(rgba_straight, 4, divided(in[0], in[3]), divided(in[1], in[3]), divided(in[2], in[3]))
COLOURS(rgbax_straight, 5, divided(in[0], in[3]), divided(in[1], in[3]), divided(in[2], in[3]))
COLOURS(rgbaxx_straight, 6, divided(in[0], in[3]), divided(in[1], in[3]), divided(in[2], in[3]))
COLOURS(rgba16_straight, 8, divided(in[1], in[7]), divided(in[3], in[7]), divided(in[5], in[7]))
COLOURS(rgba16b_straight, 8, divided(in[0], in[6]), divided(in[2], in[6]), divided(in[4], in[6]))

/* nk - c * nk / 255, rounded */
static uint8_t ink(int c, int k) {
    int nk = 255 - k, t = c * nk + 128;
    return clip(nk - (((t >> 8) + t) >> 8));
}
COLOURS(cmyk, 4, ink(in[0], in[3]), ink(in[1], in[3]), ink(in[2], in[3]))
COLOURS(cmykx, 5, ink(in[0], in[3]), ink(in[1], in[3]), ink(in[2], in[3]))
COLOURS(cmykxx, 6, ink(in[0], in[3]), ink(in[1], in[3]), ink(in[2], in[3]))
COLOURS(cmyk16, 8, ink(in[1], in[7]), ink(in[3], in[7]), ink(in[5], in[7]))
COLOURS(cmyk16b, 8, ink(in[0], in[6]), ink(in[2], in[6]), ink(in[4], in[6]))

/* Pillow's tables, in 1/64, are these products, rounded up from below and cut
 * towards zero. */
#define PART(FACTOR, CHROMA) ((int)((FACTOR) * 64 * ((CHROMA)-128) + 0.5))

static void ycbcr(uint8_t *out, const uint8_t *in, size_t n, const uint8_t *palette) {
    int16_t red[256], green_b[256], green_r[256], blue[256];
    (void)palette;
    if (n < 64) { /* the tables would cost more */
        for (size_t i = 0; i < n; i++, in += 3, out += 3) {
            out[0] = clip(in[0] + (PART(1.402, in[2]) >> 6));
            out[1] = clip(in[0] + ((PART(-0.34414, in[1]) + PART(-0.71414, in[2])) >> 6));
            out[2] = clip(in[0] + (PART(1.772, in[1]) >> 6));
        }
        return;
    }
    for (int i = 0; i < 256; i++) {
        red[i] = (int16_t)(PART(1.402, i) >> 6);
        green_b[i] = (int16_t)PART(-0.34414, i);
        green_r[i] = (int16_t)PART(-0.71414, i);
        blue[i] = (int16_t)(PART(1.772, i) >> 6);
    }
    for (size_t i = 0; i < n; i++, in += 3, out += 3) {
        out[0] = clip(in[0] + red[in[2]]);
        out[1] = clip(in[0] + ((green_b[in[1]] + green_r[in[2]]) >> 6));
        out[2] = clip(in[0] + blue[in[1]]);
    }
}

const fm_tiff_unpack fm_tiff_layouts[] = {
    {"1/1", 1, 0, grey1},
    {"1/1;I", 1, 0, grey1i},
    {"1/1;R", 1, 0, grey1r},
    {"1/1;IR", 1, 0, grey1ir},
    {"L/L;2", 2, 0, grey2},
    {"L/L;2I", 2, 0, grey2i},
    {"L/L;2R", 2, 0, grey2r},
    {"L/L;2IR", 2, 0, grey2ir},
    {"L/L;4", 4, 0, grey4},
    {"L/L;4I", 4, 0, grey4i},
    {"L/L;4R", 4, 0, grey4r},
    {"L/L;4IR", 4, 0, grey4ir},
    {"L/L", 8, 0, copy},
    {"L/L;I", 8, 0, grey8i},
    {"L/L;R", 8, 0, grey8r},
    {"L/LX", 16, 0, first_of_2},
    {"LA/LA", 16, 0, first_of_2},
    {"I;16/I;12", 12, 0, u12},
    {"I;16/I;16", 16, 0, u16},
    {"I;16/I;16N", 16, 0, u16},
    {"I;16/I;16R", 16, 0, u16r},
    {"I;16B/I;16B", 16, 0, u16b},
    {"I;16B/I;16N", 16, 0, u16},
    {"I/I;16S", 16, 0, s16},
    {"I/I;16BS", 16, 0, s16b},
    {"I/I", 32, 0, s32},
    {"I/I;32N", 32, 0, s32},
    {"I/I;32S", 32, 0, s32},
    {"I/I;32BS", 32, 0, s32b},
    {"F/F", 32, 0, f32},
    {"F/F;32F", 32, 0, f32},
    {"F/F;32BF", 32, 0, f32b},
    {"P/P;1", 1, 0, indexed1},
    {"P/P;2", 2, 0, indexed2},
    {"P/P;4", 4, 0, indexed4},
    {"P/P", 8, 0, indexed8},
    {"P/P;R", 8, 0, indexed8r},
    {"P/PX", 16, 0, indexed_of_2},
    {"PA/PA", 16, 0, indexed_of_2},
    {"RGB/RGB", 24, 0, copy3},
    {"RGB/RGB;R", 24, 0, rgb8r},
    {"RGB/RGB;16L", 48, 0, rgb16},
    {"RGB/RGB;16N", 48, 0, rgb16},
    {"RGB/RGB;16B", 48, 0, rgb16b},
    {"RGB/RGBX", 32, 0, rgbx},
    {"RGB/RGBXX", 40, 0, rgbxx},
    {"RGB/RGBXXX", 48, 0, rgbxxx},
    {"RGB/RGBX;16L", 64, 0, rgbx16},
    {"RGB/RGBX;16N", 64, 0, rgbx16},
    {"RGB/RGBX;16B", 64, 0, rgbx16b},
    {"RGB/R", 8, 1, NULL},
    {"RGB/G", 8, 2, NULL},
    {"RGB/B", 8, 3, NULL},
    {"RGBA/RGBA", 32, 0, rgbx},
    {"RGBA/RGBAX", 40, 0, rgbxx},
    {"RGBA/RGBAXX", 48, 0, rgbxxx},
    {"RGBA/RGBA;16L", 64, 0, rgbx16},
    {"RGBA/RGBA;16N", 64, 0, rgbx16},
    {"RGBA/RGBA;16B", 64, 0, rgbx16b},
    {"RGBA/RGBa", 32, 0, rgba_straight},
    {"RGBA/RGBaX", 40, 0, rgbax_straight},
    {"RGBA/RGBaXX", 48, 0, rgbaxx_straight},
    {"RGBA/RGBa;16L", 64, 0, rgba16_straight},
    {"RGBA/RGBa;16N", 64, 0, rgba16_straight},
    {"RGBA/RGBa;16B", 64, 0, rgba16b_straight},
    {"RGBA/R", 8, 1, NULL},
    {"RGBA/G", 8, 2, NULL},
    {"RGBA/B", 8, 3, NULL},
    {"RGBA/A", 8, 4, NULL},
    {"CMYK/CMYK", 32, 0, cmyk},
    {"CMYK/CMYKX", 40, 0, cmykx},
    {"CMYK/CMYKXX", 48, 0, cmykxx},
    {"CMYK/CMYK;16L", 64, 0, cmyk16},
    {"CMYK/CMYK;16N", 64, 0, cmyk16},
    {"CMYK/CMYK;16B", 64, 0, cmyk16b},
    {"CMYK/C", 8, 1, NULL},
    {"CMYK/M", 8, 2, NULL},
    {"CMYK/Y", 8, 3, NULL},
    {"CMYK/K", 8, 4, NULL},
    {"YCbCr/YCbCr", 24, 0, ycbcr},
    {"LAB/LAB", 24, 0, lab},
    {"LAB/L", 8, 1, NULL},
    {"LAB/A", 8, 2, NULL},
    {"LAB/B", 8, 3, NULL},
    {NULL, 0, 0, NULL},
};

int fm_tiff_layout(const char *name, size_t length) {
    for (int i = 0; fm_tiff_layouts[i].name; i++)
        if (strlen(fm_tiff_layouts[i].name) == length && !memcmp(fm_tiff_layouts[i].name, name, length)) return i;
    return -1;
}

static uint8_t *pixel(const fm_tiff_job *job, int x, int y) {
    return job->out + ((size_t)y * (size_t)job->w + (size_t)x) * (size_t)job->channels;
}

void fm_tiff_line(fm_tiff_job *job, int layout, int x, int y, const uint8_t *in, int n) {
    const fm_tiff_unpack *u = &fm_tiff_layouts[layout];
    if (u->band)
        fm_tiff_band(job, u->band - 1, 8, x, y, in, n);
    else
        u->line(pixel(job, x, y), in, (size_t)n, job->palette);
}

void fm_tiff_band(fm_tiff_job *job, int band, int bits, int x, int y, const uint8_t *in, int n) {
    /* The high byte of 16 bits is the second one. */
    int step = bits / 8;
    uint8_t *out = pixel(job, x, y);
    in += step - 1;
    if (band == 3) {
        if (!job->fourth) return;
        out = job->fourth + (size_t)y * (size_t)job->w + (size_t)x;
        for (int i = 0; i < n; i++, in += step) out[i] = *in;
    } else if (job->bands == 2) { /* grey or an index, and an alpha */
        if (band == 1) return;
        for (int i = 0; i < n; i++, in += step, out += job->channels) {
            if (job->channels == 1)
                out[0] = *in;
            else
                memcpy(out, job->palette + 3 * (size_t)*in, 3);
        }
    } else {
        for (int i = 0; i < n; i++, in += step) out[3 * i + band] = *in;
    }
}

int fm_tiff_planes(fm_context *c, fm_tiff_job *job) {
    if (job->bands < 4) return FM_OK;
    job->fourth = fm_calloc(c, (size_t)job->w, (size_t)job->h);
    return job->fourth ? FM_OK : c->refused;
}

void fm_tiff_finish(fm_tiff_job *job, int separate, int premultiplied) {
    size_t n = (size_t)job->w * (size_t)job->h;
    if (job->kind == FM_TIFF_LAB) fm_tiff_lab(job->out, n);
    if (!separate || !job->fourth) return;
    for (size_t i = 0; i < n; i++) {
        uint8_t *p = job->out + 3 * i;
        int last = job->fourth[i];
        if (job->kind == FM_TIFF_CMYK)
            for (int k = 0; k < 3; k++) p[k] = ink(p[k], last);
        else if (premultiplied)
            for (int k = 0; k < 3; k++) p[k] = divided(p[k], last);
    }
}
