/* SPDX-License-Identifier: MIT */

/* Uncompressed data: lines are taken as they lie, whatever the byte counts say. */
#include "fm_tiff.h"

#include <string.h>

/* What Pillow's zero pixels become where no strip or tile covers them. */
static void blank(fm_tiff_job *job, int separate) {
    static const uint8_t zeros[8];
    uint8_t zero[3] = {0, 0, 0};
    size_t n = (size_t)job->w * (size_t)job->h;
    int layout = -1;
    if (!separate && job->kind == FM_TIFF_CMYK) layout = fm_tiff_layout("CMYK/CMYK", 9);
    if (!separate && job->kind == FM_TIFF_YCBCR) layout = fm_tiff_layout("YCbCr/YCbCr", 11);
    if (layout >= 0)
        fm_tiff_layouts[layout].line(zero, zeros, 1, job->palette);
    else
        memcpy(zero, job->palette, 3);
    if (job->channels == 1 || (zero[0] == zero[1] && zero[1] == zero[2]))
        memset(job->out, zero[0], n * (size_t)job->channels);
    else
        for (size_t i = 0; i < n; i++) memcpy(job->out + 3 * i, zero, 3);
}

/* How many bytes the piece takes, or -1 where its lines are longer than the stride. */
static int64_t piece_bytes(const fm_tiff_piece *p, int64_t *line, int64_t *stride) {
    int64_t rows = p->y1 - p->y0;
    *line = ((int64_t)(p->x1 - p->x0) * fm_tiff_layouts[p->layout].bits + 7) / 8;
    *stride = p->stride ? p->stride : *line;
    return *stride < *line ? -1 : *line + (rows - 1) * *stride;
}

static int piece(fm_context *c, fm_tiff_job *job, const uint8_t *data, size_t size, const fm_tiff_piece *p, int last) {
    int64_t line, stride, bytes = piece_bytes(p, &line, &stride);
    int64_t there = (int64_t)size - p->offset;
    if (there <= 0 || bytes > there)
        return fm_fail(c, FM_TRUNCATED, "the pixels at (%d, %d) begin at byte %lld, and the file ends before them or in them, after %zu bytes",
                       p->x0, p->y0, (long long)p->offset, size);
    if (bytes < 0) /* Pillow forgets this failure unless it is the last one's */
        return last ? fm_fail(c, FM_UNSUPPORTED, "its tiles are narrower than their %lld bytes a line", (long long)line) : FM_OK;
    data += p->offset;
    for (int y = p->y0; y < p->y1; y++, data += stride) fm_tiff_line(job, p->layout, p->x0, y, data, p->x1 - p->x0);
    return FM_OK;
}

/* Tells whether one piece covers everything, which need not be cleared then. */
static int whole(const fm_tiff_job *job, const fm_tiff_piece *p, size_t n) {
    return n == 1 && p->x1 - p->x0 == job->w && p->y1 - p->y0 == job->h && !p->stride;
}

int fm_tiff_raw(fm_context *c, const fm_tiff_job *asked, uint8_t *out, const uint8_t *data, size_t size, const fm_tiff_piece *pieces,
                size_t n) {
    fm_tiff_job job = *asked;
    int separate = n && fm_tiff_layouts[pieces[0].layout].band != 0;
    int code = FM_OK;
    job.out = out;
    if (separate && job.kind == FM_TIFF_CMYK) code = fm_tiff_planes(c, &job);
    if (code == FM_OK && !whole(&job, pieces, n)) blank(&job, separate);
    for (size_t i = 0; i < n && code == FM_OK; i++) code = piece(c, &job, data, size, &pieces[i], i + 1 == n);
    if (code == FM_OK) fm_tiff_finish(&job, separate, 0);
    fm_free(c, job.fourth);
    return code;
}
