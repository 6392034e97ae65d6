# SPDX-License-Identifier: BSD-3-Clause
from cython cimport floating

cdef class UpdateRule:
    cdef public double rate             # learning rate of the next step
    cdef readonly Py_ssize_t n_steps    # taken so far
    cdef readonly object state          # (n_vectors, n_parameters): what the rule remembers of each parameter
    cdef void* memory
    cdef Py_ssize_t n_parameters
    cdef double step_rate               # of the step that is under way
    cdef void begin_step(self) noexcept nogil
    cdef void step_f32(self, const float* g, float* w, Py_ssize_t start, Py_ssize_t n) noexcept nogil
    cdef void step_f64(self, const double* g, double* w, Py_ssize_t start, Py_ssize_t n) noexcept nogil

cdef class GradientDescent(UpdateRule):
    cdef readonly double momentum
    cdef readonly bint nesterov

cdef class Adam(UpdateRule):
    cdef readonly double beta_1
    cdef readonly double beta_2
    cdef readonly double epsilon

cdef class RMSProp(UpdateRule):
    cdef readonly double decay
    cdef readonly double epsilon
    cdef readonly double momentum

cdef class Rprop(UpdateRule):
    cdef readonly double shrink
    cdef readonly double grow
    cdef readonly double least
    cdef readonly double most


cdef inline void step(
    UpdateRule rule, const floating* g, floating* w, Py_ssize_t start, Py_ssize_t n
) noexcept nogil:
    """Step of n parameters from `start` on along the gradient g; `begin_step` comes before it."""
    if floating is float:
        rule.step_f32(g, w, start, n)
    else:
        rule.step_f64(g, w, start, n)
