/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which levels this build has, and which of them this machine can run. setup.py defines BPNET_HAS_LEVEL for each.
 */
#ifndef BPNET_CHOOSE_H
#define BPNET_CHOOSE_H

#include "kernels.h"

#ifdef BPNET_HAS_GENERIC
extern const bpnet_kernels bpnet_kernels_generic;
#else
extern const bpnet_kernels bpnet_kernels_v2, bpnet_kernels_v3, bpnet_kernels_v4;
#endif

/* Fills `levels`, worst first, and returns their number: at least 1, at most 3. */
static int bpnet_runnable_kernels(const bpnet_kernels **levels)
{
    int n = 0;
#ifdef BPNET_HAS_GENERIC
    levels[n++] = &bpnet_kernels_generic;
#else
    /* The features of each level are named one by one: compilers before GCC 12 and clang 17 do not know the levels'
     * own names. */
    __builtin_cpu_init();
    levels[n++] = &bpnet_kernels_v2;
    if (!(__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2")))
        return n;
    levels[n++] = &bpnet_kernels_v3;
    if (!(__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
          __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl")))
        return n;
    levels[n++] = &bpnet_kernels_v4;
#endif
    return n;
}

#endif
