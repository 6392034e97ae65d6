# SPDX-License-Identifier: BSD-3-Clause
from cython cimport floating

cdef class UpdateRule:
    cdef public double rate             # learning rate of the next step
    cdef readonly Py_ssize_t n_steps    # taken so far
    cdef readonly object state          # (n_vectors, n_parameters): what the rule remembers of each parameter
    cdef void* memory
    cdef Py_ssize_t n_parameters
    cdef void step_f32(self, const float* g, float* w) noexcept nogil
    cdef void step_f64(self, const double* g, double* w) noexcept nogil

cdef class GradientDescent(UpdateRule):
    cdef readonly double momentum
    cdef readonly bint nesterov

cdef class Adam(UpdateRule):
    cdef readonly double beta_1
    cdef readonly double beta_2
    cdef readonly double epsilon
    cdef double effective_rate(self) noexcept nogil


cdef inline void step(UpdateRule rule, const floating* g, floating* w) noexcept nogil:
    """One step of w along the gradient g."""
    rule.n_steps += 1
    if floating is float:
        rule.step_f32(g, w)
    else:
        rule.step_f64(g, w)
