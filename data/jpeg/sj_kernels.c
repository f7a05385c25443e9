/* SPDX-License-Identifier: MIT */

/* The portable kernel table, and the choice of the best one for this CPU. */
#include "sj_internal.h"

#include <stdatomic.h>
#include <string.h>

const sj_kernels sj_portable = {
    .name = "portable",
    .horizontal = sj_horizontal_c,
    .row_block = 1,
    .vertical = sj_vertical_c,
    .split = sj_split_c,
    .luma_sum = sj_luma_sum_c,
    .blend = sj_blend_c,
    .saturate = sj_saturate_c,
    .hue = sj_hue_c,
    .gray = sj_gray_c,
    .box_rows = sj_box_rows_c,
    .box_columns = sj_box_columns_c,
    .interleave = sj_interleave_c,
};

/* Candidates, best first. */
static const sj_kernels *candidate(int i) {
    switch (i) {
    case 0: return &sj_portable;
    default: return NULL;
    }
}

static _Atomic(const sj_kernels *) active;

static const sj_kernels *choose(const char *name) {
    int i;
    for (i = 0; candidate(i); i++)
        if (!*name || strcmp(candidate(i)->name, name) == 0) return candidate(i);
    return NULL;
}

/* Two threads may both choose; they choose the same. */
const sj_kernels *sj_active(void) {
    const sj_kernels *k = atomic_load_explicit(&active, memory_order_relaxed);
    if (k) return k;
    k = choose("");
    atomic_store_explicit(&active, k, memory_order_relaxed);
    return k;
}

const char *sj_kernel_name(void) { return sj_active()->name; }

int sj_use_kernels(const char *name) {
    const sj_kernels *k = choose(name);
    if (k) atomic_store_explicit(&active, k, memory_order_relaxed);
    return k != NULL;
}
