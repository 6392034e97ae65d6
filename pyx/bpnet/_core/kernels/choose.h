/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Which levels this build has, and the best of them that this machine can run.
 */
#ifndef BPNET_CHOOSE_H
#define BPNET_CHOOSE_H

#include "kernels.h"

extern const bpnet_kernels bpnet_kernels_generic;
extern const bpnet_kernels bpnet_kernels_v3;
extern const bpnet_kernels bpnet_kernels_v4;

static const bpnet_kernels *bpnet_choose_kernels(void)
{
#if defined(BPNET_HAS_V3) && (defined(__GNUC__) || defined(__clang__))
    __builtin_cpu_init();
    /* The features of each level that the kernels' instructions need, named one by one: compilers before GCC 12
     * and clang 17 do not know the levels' own names. */
    int v3 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
    if (v3 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl"))
        return &bpnet_kernels_v4;
    if (v3)
        return &bpnet_kernels_v3;
#endif
    return &bpnet_kernels_generic;
}

#endif
