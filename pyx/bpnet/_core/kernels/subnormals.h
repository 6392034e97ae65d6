/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Subnormal numbers as zeros, for the thread that asks: the moments of units that are dead for good decay into them,
 * and each operation on one takes a hundred cycles and more.
 */
#ifndef BPNET_SUBNORMALS_H
#define BPNET_SUBNORMALS_H

#include <stdint.h>
#if defined(__x86_64__) || defined(__i386__)
#include <immintrin.h>
#endif

/* Returns what `bpnet_restore_subnormals` sets again. */
static inline uint64_t bpnet_flush_subnormals(void)
{
    uint64_t before = 0;
#if defined(__x86_64__) || defined(__i386__)
    before = _mm_getcsr();
    _mm_setcsr((unsigned)before | 0x8040u); /* flush to zero, and subnormals are zeros */
#elif defined(__aarch64__)
    __asm__ volatile("mrs %0, fpcr" : "=r"(before));
    __asm__ volatile("msr fpcr, %0" : : "r"(before | (UINT64_C(1) << 24)));
#endif
    return before;
}

static inline void bpnet_restore_subnormals(uint64_t before)
{
#if defined(__x86_64__) || defined(__i386__)
    _mm_setcsr((_mm_getcsr() & ~0x8040u) | ((unsigned)before & 0x8040u)); /* flags raised meanwhile stay */
#elif defined(__aarch64__)
    __asm__ volatile("msr fpcr, %0" : : "r"(before));
#endif
}

#endif
