/* SPDX-License-Identifier: BSD-3-Clause
 *
 * The one door to the C kernels: a table of function pointers per instruction-set level and precision.
 *
 * level.c is compiled once for each level, with that level's compiler flags, and defines the table
 * bpnet_kernels_LEVEL; kernels.pyx chooses one table when bpnet is imported. All functions trust their
 * arguments: sizes and pointers were checked at the doors in Cython. None allocates, raises or keeps state.
 */
#ifndef BPNET_KERNELS_H
#define BPNET_KERNELS_H

#include <stddef.h>
#include <stdint.h>

/* Activation functions h(a). The names in bpnet/_core/activations.pyx stand in the same order. */
enum {
    BPNET_IDENTITY,
    BPNET_LOGISTIC,
    BPNET_TANH,
    BPNET_RELU,
    BPNET_LEAKY_RELU,
    BPNET_ELU,
    BPNET_SELU,
    BPNET_SOFTPLUS,
    BPNET_GELU,
    BPNET_SILU,
    BPNET_EXP,
    BPNET_SOFTMAX /* couples a whole row: activations.pyx, not the kernels */
};

/* A complete layer of a chain: what it hears is the layer before it. Offsets into w and into the signals of one row. */
typedef struct {
    int n_in, n_out;
    int activation;    /* negative: none, a is what the loss reads */
    ptrdiff_t weights; /* (n_in, n_out) */
    ptrdiff_t bias;    /* or -1 */
    ptrdiff_t column;
} bpnet_link;

/* `real` is float or double; every function exists once in each of the two tables. */
#define BPNET_DECLARE_KERNELS(real, NAME)                                                                       \
    typedef struct {                                                                                            \
        /* Elementwise, n values; input and output may be the same array. */                                    \
        void (*exp)(const real *x, real *out, ptrdiff_t n);                                                     \
        void (*log1p)(const real *x, real *out, ptrdiff_t n); /* 0 <= x <= 1 only */                            \
        /* z = h(a) and, where slope is not NULL, slope = h'(a). z may be a itself. */                          \
        void (*activate)(int kind, const real *a, real *z, real *slope, ptrdiff_t n);                           \
        /* curvature = h''(a). */                                                                               \
        void (*curve)(int kind, const real *a, real *curvature, ptrdiff_t n);                                   \
        /* error becomes delta = slope * error; no error stays none, even where the slope is infinite. */       \
        void (*chain)(const real *slope, real *error, ptrdiff_t n);                                             \
        /* The same for slopes (n, m) and n_sweeps rows of errors for each of their rows. */                    \
        void (*chain_each)(const real *slope, real *error, ptrdiff_t n, ptrdiff_t n_sweeps, ptrdiff_t m);       \
        /* y += alpha x */                                                                                      \
        void (*axpy)(real alpha, const real *x, real *y, ptrdiff_t n);                                          \
        /* out = x * y, value by value; out may be x or y */                                                    \
        void (*hadamard)(const real *x, const real *y, real *out, ptrdiff_t n);                                 \
        /* C (m, n) = C0 + A (m, k) B (k, n). Of A and B the rows or the columns are contiguous, of C and C0 the \
         * rows; C0 may be C, or one row for all (c0_row 0), or NULL for zeros. */                              \
        void (*product)(ptrdiff_t m, ptrdiff_t n, ptrdiff_t k, const real *a, ptrdiff_t a_row, ptrdiff_t a_col, \
                        const real *b, ptrdiff_t b_row, ptrdiff_t b_col, const real *c0, ptrdiff_t c0_row,      \
                        real *c, ptrdiff_t c_row);                                                              \
        /* Up to so many m n k the product is at least level with a good BLAS: A as it is, and transposed. */   \
        ptrdiff_t reach[2];                                                                                     \
        /* g += the sum of the n rows of delta (n, m) */                                                        \
        void (*add_rows)(const real *delta, real *g, ptrdiff_t n, ptrdiff_t m);                                 \
        /* out (n, m) = rows order[0..n) of x */                                                                \
        void (*gather)(const real *x, const ptrdiff_t *order, real *out, ptrdiff_t n, ptrdiff_t m);             \
        /* One row x through a chain: signals and slopes; then error signals and the gradient g. */             \
        void (*forward_row)(const bpnet_link *links, int n_links, const real *w, const real *x, real *z,        \
                            real *slope);                                                                       \
        void (*backward_row)(const bpnet_link *links, int n_links, const real *w, const real *x, const real *z, \
                             const real *slope, real *delta, real *g);                                          \
        /* g += decay * w; returns w . w */                                                                     \
        double (*decay)(real decay, const real *w, real *g, ptrdiff_t n);                                       \
        /* Update rules: one step of w along the gradient g; v, m are the rule's own state. */                  \
        void (*sgd)(real rate, real momentum, int nesterov, const real *g, real *v, real *w, ptrdiff_t n);      \
        void (*adam)(real rate, double beta_1, double beta_2, real epsilon, const real *g, real *m, real *v,    \
                     real *w, ptrdiff_t n);                                                                     \
        /* Signals as columns of n samples: column c of z begins at c * ld.                                     \
         * a += sum over e of w[e] times column at[e] of z */                                                   \
        void (*sum_columns)(ptrdiff_t n_heard, const real *w, const int *at, const real *z, ptrdiff_t ld,       \
                            real *a, ptrdiff_t n);                                                              \
        /* column at[e] of error += w[e] delta, for every e */                                                  \
        void (*add_to_columns)(ptrdiff_t n_heard, const real *w, const int *at, const real *delta,              \
                               real *error, ptrdiff_t ld, ptrdiff_t n);                                         \
        /* g[e] += column at[e] of z times delta, for every e */                                                \
        void (*dot_columns)(ptrdiff_t n_heard, const int *at, const real *z, ptrdiff_t ld,                      \
                            const real *delta, real *g, ptrdiff_t n);                                           \
        /* Two more update rules. */                                                                            \
        void (*rmsprop)(real rate, double keep, real epsilon, real momentum, const real *g, real *square,       \
                        real *v, real *w, ptrdiff_t n);                                                         \
        void (*rprop)(real shrink, real grow, real least, real most, const real *g, real *before, real *size,   \
                      real *w, ptrdiff_t n);                                                                    \
        /* x *= factor; g . g; g += the shortest subgradient of strength |w|_1, returns |w|_1; w = 0 where a step \
         * led to the side that g did not mean. */                                                              \
        void (*scale)(real factor, real *x, ptrdiff_t n);                                                       \
        double (*squares)(const real *g, ptrdiff_t n);                                                          \
        double (*lasso)(real strength, const real *w, real *g, ptrdiff_t n);                                    \
        void (*settle)(const real *before, const real *g, real *w, ptrdiff_t n);                                \
        /* Leave out some of the signals z (n, m) and their slopes, and scale the others; keys by row. */       \
        void (*drop)(const uint32_t *low, const uint32_t *high, ptrdiff_t first, const uint32_t *below,         \
                     const real *scale, real *z, real *slope, ptrdiff_t n, ptrdiff_t m);                        \
    } NAME

BPNET_DECLARE_KERNELS(float, bpnet_kernels_f32);
BPNET_DECLARE_KERNELS(double, bpnet_kernels_f64);

typedef struct {
    const char *level; /* "generic", "v2", "v3", "v4" */
    bpnet_kernels_f32 f32;
    bpnet_kernels_f64 f64;
} bpnet_kernels;

#endif
