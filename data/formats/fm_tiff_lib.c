/* SPDX-License-Identifier: MIT */

/* Compressed TIFF through libtiff, called as Pillow's TiffDecode.c calls it: the
 * same checks in the same order, so that the same files are refused. */
#include "fm_tiff.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <tiffio.h>

/* A file in memory, and what libtiff said of it first. */
typedef struct {
    const uint8_t *data;
    uint64_t size, at;
    char said[200];
} source;

/* What decoding needs at once. */
typedef struct {
    fm_context *c;
    fm_tiff_job *job;
    const fm_tiff_options *o;
    TIFF *tif;
    int planes;   /* that are read one after the other; 1: all samples together */
    int bits;     /* of a sample, for separate planes */
    uint16_t compression;
    int direct; /* deflate that can do without libtiff */
    size_t step; /* between samples that predictor 2 joins, or 0 */
    void *inflater;
    uint8_t *buf; /* a decoded strip or tile */
    size_t size;  /* of buf */
} reader;

static int remember(TIFF *tif, void *user, const char *module, const char *format, va_list ap) {
    source *s = user;
    (void)tif;
    (void)module;
    if (s->said[0]) return 1;
    vsnprintf(s->said, sizeof s->said, format, ap);
    for (char *p = s->said; *p; p++)
        if (*p == '\n') *p = ' ';
    return 1;
}

static int ignore(TIFF *tif, void *user, const char *module, const char *format, va_list ap) {
    (void)tif, (void)user, (void)module, (void)format, (void)ap;
    return 1;
}

static tmsize_t source_read(thandle_t h, void *buf, tmsize_t n) {
    source *s = (source *)h;
    uint64_t left = s->at < s->size ? s->size - s->at : 0;
    if (n < 0) return 0;
    if ((uint64_t)n > left) n = (tmsize_t)left;
    memcpy(buf, s->data + (left ? s->at : 0), (size_t)n);
    s->at += (uint64_t)n;
    return n;
}

static tmsize_t source_write(thandle_t h, void *buf, tmsize_t n) {
    (void)h, (void)buf, (void)n;
    return 0;
}

static toff_t source_seek(thandle_t h, toff_t off, int whence) {
    source *s = (source *)h;
    s->at = whence == SEEK_SET ? off : whence == SEEK_CUR ? s->at + off : s->size + off;
    return s->at;
}

static int source_close(thandle_t h) {
    (void)h;
    return 0;
}

static toff_t source_size(thandle_t h) { return ((source *)h)->size; }

static int source_map(thandle_t h, void **base, toff_t *size) {
    source *s = (source *)h;
    *base = (void *)(uintptr_t)s->data; /* libtiff opened for reading does not write to it */
    *size = s->size;
    return 1;
}

static void source_unmap(thandle_t h, void *base, toff_t size) { (void)h, (void)base, (void)size; }

/* Opens the file at its first directory, bounded and silent. */
static TIFF *open_source(source *s, int64_t max_alloc) {
    TIFFOpenOptions *o = TIFFOpenOptionsAlloc();
    TIFF *tif;
    if (!o) return NULL;
    TIFFOpenOptionsSetMaxSingleMemAlloc(o, (tmsize_t)max_alloc);
    TIFFOpenOptionsSetErrorHandlerExtR(o, remember, s);
    TIFFOpenOptionsSetWarningHandlerExtR(o, ignore, NULL);
    tif = TIFFClientOpenExt("image", "rC", (thandle_t)s, source_read, source_write, source_seek, source_close, source_size, source_map,
                            source_unmap, o);
    TIFFOpenOptionsFree(o);
    return tif;
}

/* What libtiff's words mean. */
static int reason(const char *said) {
    static const char *const cut[] = {"ead error", "ot enough data", "remature", "EOF", "annot read", "an not read", "runcated",
                                      "not terminated", "ZLib error", "missing SOS", "contains no image"};
    static const char *const unsupported[] = {"not configured", "not supported", "nsupported", "not implemented", "an not handle",
                                              "annot handle", "only supports", "Bits/sample", "td_samplesperpixel", "YCbCr subsampling",
                                              "data precision"};
    for (size_t i = 0; i < sizeof unsupported / sizeof *unsupported; i++)
        if (strstr(said, unsupported[i])) return FM_UNSUPPORTED;
    for (size_t i = 0; i < sizeof cut / sizeof *cut; i++)
        if (strstr(said, cut[i])) return FM_TRUNCATED;
    return FM_CORRUPT;
}

/* libtiff failed, or left a shape that Pillow does not take. */
static int failed(fm_context *c, const source *s, const char *what) {
    if (s->said[0]) return fm_fail(c, reason(s->said), "libtiff: %s", s->said);
    return fm_fail(c, FM_UNSUPPORTED, "%s", what);
}

/* A strip or tile could not be read. The fax decoders do not say why: the data
 * ended. */
static int ended(fm_context *c, const source *s) {
    if (s->said[0]) return failed(c, s, "");
    return fm_fail(c, FM_TRUNCATED, "the data of a strip or tile end before its last line");
}

/* Finds out whether deflated data can be taken without libtiff; where not, it
 * shall use zlib, as Pillow's does. */
static void choose_inflater(reader *r) {
    uint16_t bits = 1, samples = 1, predictor = 1, order = FILLORDER_MSB2LSB, config = PLANARCONFIG_CONTIG;
    if (r->compression != COMPRESSION_ADOBE_DEFLATE && r->compression != COMPRESSION_DEFLATE) return;
    TIFFSetField(r->tif, TIFFTAG_DEFLATE_SUBCODEC, DEFLATE_SUBCODEC_ZLIB);
    TIFFGetFieldDefaulted(r->tif, TIFFTAG_BITSPERSAMPLE, &bits);
    TIFFGetFieldDefaulted(r->tif, TIFFTAG_SAMPLESPERPIXEL, &samples);
    TIFFGetFieldDefaulted(r->tif, TIFFTAG_PREDICTOR, &predictor);
    TIFFGetFieldDefaulted(r->tif, TIFFTAG_FILLORDER, &order);
    TIFFGetFieldDefaulted(r->tif, TIFFTAG_PLANARCONFIG, &config);
    if (order != FILLORDER_MSB2LSB || (bits > 8 && TIFFIsByteSwapped(r->tif))) return;
    r->direct = predictor == PREDICTOR_NONE || (predictor == PREDICTOR_HORIZONTAL && bits == 8);
    r->step = predictor == PREDICTOR_NONE ? 0 : config == PLANARCONFIG_SEPARATE ? 1 : samples;
}

/* Decodes a strip or tile of size bytes in lines of row bytes. */
static int decode(reader *r, const source *s, uint32_t index, uint8_t *out, tmsize_t size, tmsize_t row) {
    if (r->direct) {
        uint64_t at = TIFFGetStrileOffset(r->tif, index), n = TIFFGetStrileByteCount(r->tif, index);
        if (n <= s->size && at <= s->size - n && fm_tiff_inflate(&r->inflater, out, (size_t)size, s->data + at, (size_t)n, (size_t)row, r->step))
            return FM_OK;
    }
    if (r->compression == COMPRESSION_JPEG) memset(out, 0, (size_t)size); /* lines may be missing at its end */
    if (TIFFIsTiled(r->tif) ? TIFFReadEncodedTile(r->tif, index, out, size) == -1 : TIFFReadEncodedStrip(r->tif, index, out, size) == -1)
        return ended(r->c, s);
    return FM_OK;
}

/* Makes the buffer for strips or tiles, cleared: a decoder may end before it is full. */
static int make_buffer(reader *r, tmsize_t size) {
    if (size <= 0 || size > INT_MAX - 1) return fm_fail(r->c, FM_TOO_LARGE, "a strip or tile has %lld bytes", (long long)size);
    r->size = (size_t)size;
    r->buf = fm_calloc(r->c, r->size, 1);
    return r->buf ? FM_OK : r->c->refused;
}

/* Makes the buffer for colours, beside which libtiff has one for a strip or tile. */
static int make_block(reader *r, tmsize_t size) {
    tmsize_t inner = TIFFIsTiled(r->tif) ? TIFFTileSize(r->tif) : TIFFStripSize(r->tif);
    if (inner < 0 || (size_t)inner > r->c->left) return fm_fail(r->c, FM_TOO_LARGE, "a strip or tile has %lld bytes", (long long)inner);
    r->c->left -= (size_t)inner;
    return make_buffer(r, size);
}

/* Puts rows of the buffer into the image. */
static void put(reader *r, int plane, int x, int y, int cols, int rows, size_t row_bytes) {
    const uint8_t *in = r->buf;
    for (int i = 0; i < rows; i++, in += row_bytes) {
        if (r->planes > 1)
            fm_tiff_band(r->job, plane, r->bits, x, y + i, in, cols);
        else
            fm_tiff_line(r->job, r->o->layout, x, y + i, in, cols);
    }
}

/* Bytes of n pixels of one plane, as Pillow's unpacker counts them. */
static int64_t unpacked(const reader *r, int64_t n) { return (n * fm_tiff_layouts[r->o->layout].bits / r->planes + 7) / 8; }

static int minimum(int64_t a, int64_t b) { return (int)(a < b ? a : b); }

static const char *const shape = "its strips or tiles hold another number of bytes than its kind of image has";

static int read_tiles(reader *r, const source *s) {
    uint32_t tw = 0, th = 0;
    tmsize_t size = TIFFTileSize(r->tif), row = TIFFTileRowSize(r->tif);
    int code, w = r->job->w, h = r->job->h;
    TIFFGetField(r->tif, TIFFTAG_TILEWIDTH, &tw);
    TIFFGetField(r->tif, TIFFTAG_TILELENGTH, &th);
    if (size <= 0 || row <= 0 || row > size || tw < 1 || th < 1 || tw > INT_MAX || th > INT_MAX) return failed(r->c, s, shape);
    if (size != unpacked(r, tw) * (int64_t)th || unpacked(r, tw) > row) return failed(r->c, s, shape);
    if ((code = make_buffer(r, size)) != FM_OK) return code;
    for (int64_t y = 0; y < h; y += th)
        for (int plane = 0; plane < r->planes; plane++)
            for (int64_t x = 0; x < w; x += tw) {
                code = decode(r, s, TIFFComputeTile(r->tif, (uint32_t)x, (uint32_t)y, 0, (uint16_t)plane), r->buf, size, row);
                if (code != FM_OK) return code;
                put(r, plane, (int)x, (int)y, minimum(tw, w - x), minimum(th, h - y), (size_t)row);
            }
    return FM_OK;
}

/* Tells whether the samples of a strip are the image's own bytes, from a decoder
 * that fills the strip, or what was cleared, or fails. */
static int straight(const reader *r, tmsize_t row) {
    static const uint16_t filling[] = {COMPRESSION_LZW, COMPRESSION_ADOBE_DEFLATE, COMPRESSION_DEFLATE, COMPRESSION_ZSTD, COMPRESSION_LZMA, COMPRESSION_JPEG};
    const char *name = fm_tiff_layouts[r->o->layout].name;
    if (r->planes > 1 || row != (tmsize_t)r->job->w * r->job->channels || (strcmp(name, "RGB/RGB") && strcmp(name, "L/L"))) return 0;
    for (size_t i = 0; i < sizeof filling / sizeof *filling; i++)
        if (r->compression == filling[i]) return 1;
    return 0;
}

static int read_straight(reader *r, const source *s, uint32_t rows, tmsize_t row) {
    int code = FM_OK, h = r->job->h;
    for (int64_t y = 0; y < h && code == FM_OK; y += rows)
        code = decode(r, s, TIFFComputeStrip(r->tif, (uint32_t)y, 0), r->job->out + y * row, (tmsize_t)minimum(rows, h - y) * row, row);
    return code;
}

static int read_thunder_strip(reader *r, int64_t y, int rows) {
    uint32_t strip = TIFFComputeStrip(r->tif, (uint32_t)y, 0);
    uint64_t size = TIFFGetStrileByteCount(r->tif, strip);
    size_t at = 0, took = 1, width = (size_t)r->job->w;
    uint16_t order = FILLORDER_MSB2LSB;
    uint8_t *in = size < INT_MAX ? fm_alloc(r->c, size ? (size_t)size : 1) : NULL;
    if (!in) return fm_fail(r->c, FM_TOO_LARGE, "a strip has %llu bytes", (unsigned long long)size);
    if (TIFFReadRawStrip(r->tif, strip, in, (tmsize_t)size) != (tmsize_t)size) size = 0;
    TIFFGetFieldDefaulted(r->tif, TIFFTAG_FILLORDER, &order);
    if (order == FILLORDER_LSB2MSB) TIFFReverseBits(in, (tmsize_t)size);
    for (int i = 0; i < rows && took > 0; i++) {
        took = fm_tiff_thunder(r->buf, width, in + at, (size_t)size - at);
        at += took;
        put(r, 0, 0, (int)y + i, r->job->w, 1, 0);
    }
    fm_free(r->c, in);
    return took > 0 ? FM_OK : fm_fail(r->c, at == size ? FM_TRUNCATED : FM_CORRUPT, "its ThunderScan data do not fill their lines");
}

static int read_strips(reader *r, const source *s) {
    uint32_t rows = 0;
    tmsize_t size = TIFFStripSize(r->tif), row = TIFFScanlineSize(r->tif);
    int code, w = r->job->w, h = r->job->h;
    if (TIFFGetField(r->tif, TIFFTAG_ROWSPERSTRIP, &rows) != 1 || rows == UINT32_MAX) rows = (uint32_t)h;
    if (rows < 1 || rows > INT_MAX) return fm_fail(r->c, FM_CORRUPT, "its strips have %u rows", rows);
    if (size <= 0 || size > unpacked(r, w) * rows || row <= 0 || unpacked(r, w) > row) return failed(r->c, s, shape);
    if (straight(r, row)) return read_straight(r, s, rows, row);
    if ((code = make_buffer(r, size)) != FM_OK) return code;
    if (r->compression == COMPRESSION_THUNDERSCAN && fm_tiff_layouts[r->o->layout].bits == 4) {
        for (int64_t y = 0; y < h && code == FM_OK; y += rows) code = read_thunder_strip(r, y, minimum(rows, h - y));
        return code;
    }
    for (int64_t y = 0; y < h; y += rows)
        for (int plane = 0; plane < r->planes; plane++) {
            code = decode(r, s, TIFFComputeStrip(r->tif, (uint32_t)y, (uint16_t)plane), r->buf, (tmsize_t)minimum(rows, h - y) * row, row);
            if (code != FM_OK) return code;
            put(r, plane, 0, (int)y, w, minimum(rows, h - y), (size_t)row);
        }
    return FM_OK;
}

/* YCbCr that libtiff itself turns into colours, a block of rows at a time. */
static int read_rgba(reader *r, const source *s) {
    TIFFRGBAImage img;
    char said[1024] = "";
    uint32_t rows = 0, tile = 0;
    uint16_t across = 1, down = 1;
    int code, h = r->job->h;
    int ok = TIFFGetFieldDefaulted(r->tif, TIFFIsTiled(r->tif) ? TIFFTAG_TILELENGTH : TIFFTAG_ROWSPERSTRIP, &rows);
    if (ok != 1 || rows == UINT32_MAX) rows = (uint32_t)h;
    if (rows < 1 || !r->o->rgba) return failed(r->c, s, shape);
    TIFFGetFieldDefaulted(r->tif, TIFFTAG_YCBCRSUBSAMPLING, &across, &down);
    if (r->job->w < across || h < down)
        return fm_fail(r->c, FM_UNSUPPORTED, "it has %d x %d pixels and a colour for every %d x %d of them", r->job->w, h, across, down);
    /* libtiff 4.5 goes astray behind the right edge of the first row of such tiles. */
    TIFFGetField(r->tif, TIFFTAG_TILEWIDTH, &tile);
    if (TIFFIsTiled(r->tif) && across == 4 && down == 4 && tile && (uint32_t)r->job->w % tile)
        return fm_fail(r->c, FM_UNSUPPORTED, "its tiles have a colour for every 4 x 4 pixels and go beyond the edge of the image");
    if (!TIFFRGBAImageOK(r->tif, said) || !TIFFRGBAImageBegin(&img, r->tif, 0, said))
        return s->said[0] ? failed(r->c, s, "") : fm_fail(r->c, FM_UNSUPPORTED, "libtiff: %.180s", said);
    img.orientation = img.req_orientation = ORIENTATION_TOPLEFT;
    img.col_offset = 0;
    if (INT_MAX / 4 < img.width || INT_MAX / (img.width * 4) < rows) /* Pillow's limit, whatever the height */
        code = fm_fail(r->c, FM_TOO_LARGE, "a block of %u rows of %u pixels has more than 2 GB", rows, img.width);
    else
        code = make_block(r, (tmsize_t)minimum(rows, h) * img.width * 4);
    for (int64_t y = 0; y < h && code == FM_OK; y += rows) {
        int n = minimum(rows, h - y);
        img.row_offset = (int)y;
        if (!TIFFRGBAImageGet(&img, (uint32_t *)(void *)r->buf, img.width, (uint32_t)n)) code = ended(r->c, s);
        if (code == FM_OK) put(r, 0, 0, (int)y, r->job->w, n, (size_t)img.width * 4);
    }
    TIFFRGBAImageEnd(&img);
    return code;
}

/* Chooses what is read plane by plane. */
static int choose_planes(reader *r, uint16_t config) {
    uint16_t bits = 8;
    r->planes = 1;
    if (config != PLANARCONFIG_SEPARATE || r->job->bands == 1) return FM_OK;
    TIFFGetFieldDefaulted(r->tif, TIFFTAG_BITSPERSAMPLE, &bits);
    if (bits != 8 && bits != 16) return fm_fail(r->c, FM_UNSUPPORTED, "its separate planes have %u bits; allowed: 8, 16", bits);
    r->planes = r->job->bands;
    r->bits = bits;
    return fm_tiff_planes(r->c, r->job);
}

/* Whether colours in separate planes are multiplied with their alpha. */
static int premultiplied(const reader *r) {
    uint16_t n = 0, *kinds = NULL;
    if (r->planes < 4 || r->job->kind != FM_TIFF_RGBA) return 0;
    TIFFGetFieldDefaulted(r->tif, TIFFTAG_EXTRASAMPLES, &n, &kinds);
    return n >= 1 && kinds && (kinds[0] == EXTRASAMPLE_UNSPECIFIED || kinds[0] == EXTRASAMPLE_ASSOCALPHA);
}

static int read_image(reader *r, const source *s) {
    uint32_t w = 0, h = 0;
    uint16_t photometric = 0, config = 0;
    int code;
    TIFFGetField(r->tif, TIFFTAG_IMAGEWIDTH, &w);
    TIFFGetField(r->tif, TIFFTAG_IMAGELENGTH, &h);
    if (w != (uint32_t)r->job->w || h != (uint32_t)r->job->h)
        return fm_fail(r->c, FM_CORRUPT, "libtiff reads a size of %u x %u, where the directory says %d x %d", w, h, r->job->w, r->job->h);
    TIFFGetField(r->tif, TIFFTAG_PHOTOMETRIC, &photometric);
    TIFFGetField(r->tif, TIFFTAG_COMPRESSION, &r->compression);
    TIFFGetFieldDefaulted(r->tif, TIFFTAG_PLANARCONFIG, &config);
    r->planes = 1;
    if (r->o->unmarked) TIFFSetField(r->tif, TIFFTAG_FAXMODE, FAXMODE_NORTC | FAXMODE_NOEOL);
    choose_inflater(r);
    if (photometric == PHOTOMETRIC_YCBCR) {
        if (r->compression != COMPRESSION_JPEG || config != PLANARCONFIG_CONTIG) return read_rgba(r, s);
        TIFFSetField(r->tif, TIFFTAG_JPEGCOLORMODE, JPEGCOLORMODE_RGB);
    }
    if ((code = choose_planes(r, config)) != FM_OK) return code;
    code = TIFFIsTiled(r->tif) ? read_tiles(r, s) : read_strips(r, s);
    if (code == FM_OK) fm_tiff_finish(r->job, r->planes > 1, premultiplied(r));
    return code;
}

int fm_tiff_lib(fm_context *c, const fm_tiff_job *asked, uint8_t *out, const uint8_t *data, size_t size, const fm_tiff_options *o) {
    fm_tiff_job job = *asked;
    source s = {.data = data, .size = size};
    reader r = {.c = c, .job = &job, .o = o};
    int code;
    job.out = out;
    r.tif = open_source(&s, o->max_alloc);
    if (!r.tif) return failed(c, &s, "libtiff cannot open it");
    code = read_image(&r, &s);
    TIFFClose(r.tif);
    fm_tiff_inflated(r.inflater);
    fm_free(c, r.buf);
    fm_free(c, job.fourth);
    return code;
}
