# SPDX-License-Identifier: BSD-3-Clause
"""The table of C kernels chosen for this machine, for both precisions."""
from cython cimport floating

from libc.stdint cimport uint32_t


cdef extern from "kernels.h" nogil:
    enum:
        BPNET_IDENTITY
        BPNET_LOGISTIC
        BPNET_TANH
        BPNET_RELU
        BPNET_LEAKY_RELU
        BPNET_ELU
        BPNET_SELU
        BPNET_SOFTPLUS
        BPNET_GELU
        BPNET_SILU
        BPNET_EXP
        BPNET_SOFTMAX

    ctypedef struct bpnet_link:
        int n_in
        int n_out
        int activation
        Py_ssize_t weights
        Py_ssize_t bias
        Py_ssize_t column

    ctypedef struct bpnet_kernels_f32:
        void (*exp)(const float*, float*, Py_ssize_t) noexcept nogil
        void (*log1p)(const float*, float*, Py_ssize_t) noexcept nogil
        void (*activate)(int, const float*, float*, float*, Py_ssize_t) noexcept nogil
        void (*curve)(int, const float*, float*, Py_ssize_t) noexcept nogil
        void (*chain)(const float*, float*, Py_ssize_t) noexcept nogil
        void (*chain_each)(const float*, float*, Py_ssize_t, Py_ssize_t, Py_ssize_t) noexcept nogil
        void (*axpy)(float, const float*, float*, Py_ssize_t) noexcept nogil
        void (*hadamard)(const float*, const float*, float*, Py_ssize_t) noexcept nogil
        void (*product)(
            Py_ssize_t, Py_ssize_t, Py_ssize_t, const float*, Py_ssize_t, Py_ssize_t,
            const float*, Py_ssize_t, Py_ssize_t, const float*, Py_ssize_t, float*, Py_ssize_t
        ) noexcept nogil
        Py_ssize_t reach[2]
        void (*add_rows)(const float*, float*, Py_ssize_t, Py_ssize_t) noexcept nogil
        void (*gather)(const float*, const Py_ssize_t*, float*, Py_ssize_t, Py_ssize_t) noexcept nogil
        void (*forward_row)(const bpnet_link*, int, const float*, const float*, float*, float*) noexcept nogil
        void (*backward_row)(
            const bpnet_link*, int, const float*, const float*, const float*, const float*, float*, float*
        ) noexcept nogil
        double (*decay)(float, const float*, float*, Py_ssize_t) noexcept nogil
        void (*sgd)(float, float, int, const float*, float*, float*, Py_ssize_t) noexcept nogil
        void (*adam)(
            float, double, double, float, const float*, float*, float*, float*, Py_ssize_t
        ) noexcept nogil
        void (*sum_columns)(
            Py_ssize_t, const float*, const int*, const float*, Py_ssize_t, float*, Py_ssize_t
        ) noexcept nogil
        void (*add_to_columns)(
            Py_ssize_t, const float*, const int*, const float*, float*, Py_ssize_t, Py_ssize_t
        ) noexcept nogil
        void (*dot_columns)(
            Py_ssize_t, const int*, const float*, Py_ssize_t, const float*, float*, Py_ssize_t
        ) noexcept nogil
        void (*rmsprop)(
            float, double, float, float, const float*, float*, float*, float*, Py_ssize_t
        ) noexcept nogil
        void (*rprop)(float, float, float, float, const float*, float*, float*, float*, Py_ssize_t) noexcept nogil
        void (*scale)(float, float*, Py_ssize_t) noexcept nogil
        double (*squares)(const float*, Py_ssize_t) noexcept nogil
        double (*lasso)(float, const float*, float*, Py_ssize_t) noexcept nogil
        void (*settle)(const float*, const float*, float*, Py_ssize_t) noexcept nogil
        void (*drop)(
            const uint32_t*, const uint32_t*, Py_ssize_t, const uint32_t*, const float*, float*, float*,
            Py_ssize_t, Py_ssize_t
        ) noexcept nogil

    ctypedef struct bpnet_kernels_f64:
        void (*exp)(const double*, double*, Py_ssize_t) noexcept nogil
        void (*log1p)(const double*, double*, Py_ssize_t) noexcept nogil
        void (*activate)(int, const double*, double*, double*, Py_ssize_t) noexcept nogil
        void (*curve)(int, const double*, double*, Py_ssize_t) noexcept nogil
        void (*chain)(const double*, double*, Py_ssize_t) noexcept nogil
        void (*chain_each)(const double*, double*, Py_ssize_t, Py_ssize_t, Py_ssize_t) noexcept nogil
        void (*axpy)(double, const double*, double*, Py_ssize_t) noexcept nogil
        void (*hadamard)(const double*, const double*, double*, Py_ssize_t) noexcept nogil
        void (*product)(
            Py_ssize_t, Py_ssize_t, Py_ssize_t, const double*, Py_ssize_t, Py_ssize_t,
            const double*, Py_ssize_t, Py_ssize_t, const double*, Py_ssize_t, double*, Py_ssize_t
        ) noexcept nogil
        Py_ssize_t reach[2]
        void (*add_rows)(const double*, double*, Py_ssize_t, Py_ssize_t) noexcept nogil
        void (*gather)(const double*, const Py_ssize_t*, double*, Py_ssize_t, Py_ssize_t) noexcept nogil
        void (*forward_row)(const bpnet_link*, int, const double*, const double*, double*, double*) noexcept nogil
        void (*backward_row)(
            const bpnet_link*, int, const double*, const double*, const double*, const double*, double*, double*
        ) noexcept nogil
        double (*decay)(double, const double*, double*, Py_ssize_t) noexcept nogil
        void (*sgd)(double, double, int, const double*, double*, double*, Py_ssize_t) noexcept nogil
        void (*adam)(
            double, double, double, double, const double*, double*, double*, double*, Py_ssize_t
        ) noexcept nogil
        void (*sum_columns)(
            Py_ssize_t, const double*, const int*, const double*, Py_ssize_t, double*, Py_ssize_t
        ) noexcept nogil
        void (*add_to_columns)(
            Py_ssize_t, const double*, const int*, const double*, double*, Py_ssize_t, Py_ssize_t
        ) noexcept nogil
        void (*dot_columns)(
            Py_ssize_t, const int*, const double*, Py_ssize_t, const double*, double*, Py_ssize_t
        ) noexcept nogil
        void (*rmsprop)(
            double, double, double, double, const double*, double*, double*, double*, Py_ssize_t
        ) noexcept nogil
        void (*rprop)(
            double, double, double, double, const double*, double*, double*, double*, Py_ssize_t
        ) noexcept nogil
        void (*scale)(double, double*, Py_ssize_t) noexcept nogil
        double (*squares)(const double*, Py_ssize_t) noexcept nogil
        double (*lasso)(double, const double*, double*, Py_ssize_t) noexcept nogil
        void (*settle)(const double*, const double*, double*, Py_ssize_t) noexcept nogil
        void (*drop)(
            const uint32_t*, const uint32_t*, Py_ssize_t, const uint32_t*, const double*, double*, double*,
            Py_ssize_t, Py_ssize_t
        ) noexcept nogil

    ctypedef struct bpnet_kernels:
        const char* level
        bpnet_kernels_f32 f32
        bpnet_kernels_f64 f64

cdef const bpnet_kernels* table


cdef inline void exp_(const floating* x, floating* out, Py_ssize_t n) noexcept nogil:
    """out = exp(x)."""
    if floating is float:
        table.f32.exp(x, out, n)
    else:
        table.f64.exp(x, out, n)


cdef inline void log1p_(const floating* x, floating* out, Py_ssize_t n) noexcept nogil:
    """out = log(1 + x), 0 <= x <= 1."""
    if floating is float:
        table.f32.log1p(x, out, n)
    else:
        table.f64.log1p(x, out, n)


cdef inline void activate(int kind, const floating* a, floating* z, floating* slope, Py_ssize_t n) noexcept nogil:
    """z = h(a) and, unless slope is NULL, slope = h'(a)."""
    if floating is float:
        table.f32.activate(kind, a, z, slope, n)
    else:
        table.f64.activate(kind, a, z, slope, n)


cdef inline void curve(int kind, const floating* a, floating* out, Py_ssize_t n) noexcept nogil:
    """out = h''(a)."""
    if floating is float:
        table.f32.curve(kind, a, out, n)
    else:
        table.f64.curve(kind, a, out, n)


cdef inline void chain(const floating* slope, floating* error, Py_ssize_t n) noexcept nogil:
    """error becomes delta = slope * error."""
    if floating is float:
        table.f32.chain(slope, error, n)
    else:
        table.f64.chain(slope, error, n)


cdef inline void chain_each(
    const floating* slope, floating* error, Py_ssize_t n, Py_ssize_t n_sweeps, Py_ssize_t m
) noexcept nogil:
    """Row i of slopes (n, m) goes with rows i n_sweeps, ... of errors (n n_sweeps, m), which become deltas."""
    if floating is float:
        table.f32.chain_each(slope, error, n, n_sweeps, m)
    else:
        table.f64.chain_each(slope, error, n, n_sweeps, m)


cdef inline void axpy(floating alpha, const floating* x, floating* y, Py_ssize_t n) noexcept nogil:
    """y += alpha x."""
    if floating is float:
        table.f32.axpy(alpha, x, y, n)
    else:
        table.f64.axpy(alpha, x, y, n)


cdef inline double decay(double strength, const floating* w, floating* g, Py_ssize_t n) noexcept nogil:
    """g += strength * w; returns |w|^2."""
    if floating is float:
        return table.f32.decay(<float> strength, w, g, n)
    else:
        return table.f64.decay(strength, w, g, n)


cdef inline void add_rows(const floating* delta, floating* g, Py_ssize_t n, Py_ssize_t m) noexcept nogil:
    """g += sum of the n rows of delta (n, m)."""
    if floating is float:
        table.f32.add_rows(delta, g, n, m)
    else:
        table.f64.add_rows(delta, g, n, m)


cdef inline void gather(
    const floating* x, const Py_ssize_t* order, floating* out, Py_ssize_t n, Py_ssize_t m
) noexcept nogil:
    """out = rows order[0], ..., order[n - 1] of x, each of m values."""
    if floating is float:
        table.f32.gather(x, order, out, n, m)
    else:
        table.f64.gather(x, order, out, n, m)


cdef inline void sum_columns(
    Py_ssize_t n_heard, const floating* w, const int* at, const floating* z, Py_ssize_t ld, floating* a, Py_ssize_t n
) noexcept nogil:
    """a += sum over e of w[e] times column at[e] of z; columns of n values lie ld apart."""
    if floating is float:
        table.f32.sum_columns(n_heard, w, at, z, ld, a, n)
    else:
        table.f64.sum_columns(n_heard, w, at, z, ld, a, n)


cdef inline void add_to_columns(
    Py_ssize_t n_heard, const floating* w, const int* at, const floating* delta, floating* error, Py_ssize_t ld,
    Py_ssize_t n,
) noexcept nogil:
    """Column at[e] of error += w[e] delta, for every e."""
    if floating is float:
        table.f32.add_to_columns(n_heard, w, at, delta, error, ld, n)
    else:
        table.f64.add_to_columns(n_heard, w, at, delta, error, ld, n)


cdef inline void dot_columns(
    Py_ssize_t n_heard, const int* at, const floating* z, Py_ssize_t ld, const floating* delta, floating* g,
    Py_ssize_t n,
) noexcept nogil:
    """g[e] += column at[e] of z times delta, for every e."""
    if floating is float:
        table.f32.dot_columns(n_heard, at, z, ld, delta, g, n)
    else:
        table.f64.dot_columns(n_heard, at, z, ld, delta, g, n)


cdef inline void scale(double factor, floating* x, Py_ssize_t n) noexcept nogil:
    """x *= factor."""
    if floating is float:
        table.f32.scale(<float> factor, x, n)
    else:
        table.f64.scale(factor, x, n)


cdef inline double squares(const floating* g, Py_ssize_t n) noexcept nogil:
    """g . g."""
    if floating is float:
        return table.f32.squares(g, n)
    else:
        return table.f64.squares(g, n)


cdef inline double lasso(double strength, const floating* w, floating* g, Py_ssize_t n) noexcept nogil:
    """g += the shortest subgradient of strength |w|_1; returns |w|_1."""
    if floating is float:
        return table.f32.lasso(<float> strength, w, g, n)
    else:
        return table.f64.lasso(strength, w, g, n)


cdef inline void settle(const floating* before, const floating* g, floating* w, Py_ssize_t n) noexcept nogil:
    """w = 0 where a step from `before` led to the side that g, its gradient, did not mean."""
    if floating is float:
        table.f32.settle(before, g, w, n)
    else:
        table.f64.settle(before, g, w, n)


cdef inline void drop(
    const uint32_t* low, const uint32_t* high, Py_ssize_t first, const uint32_t* below, const floating* scale_,
    floating* z, floating* slope, Py_ssize_t n, Py_ssize_t m,
) noexcept nogil:
    """Some of the signals z (n, m) and of their slopes become 0, the others are scaled; see kernels/dropout.inc."""
    if floating is float:
        table.f32.drop(low, high, first, below, scale_, z, slope, n, m)
    else:
        table.f64.drop(low, high, first, below, scale_, z, slope, n, m)
