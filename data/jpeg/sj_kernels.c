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
    .color = sj_color_c,
    .blur_rows = sj_blur_rows_c,
    .blur_columns = sj_blur_columns_c,
    .interleave = sj_interleave_c,
};

/* What this CPU can run, best first; NULL behind the last. */
static const sj_kernels *candidate(int i) {
    const sj_kernels *list[4] = {0};
    int n = 0;
#if defined(__x86_64__)
    __builtin_cpu_init();
    int avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw")) list[n++] = &sj_avx512;
    if (avx2) list[n++] = &sj_avx2;
#endif
    list[n] = &sj_portable;
    return list[i];
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
