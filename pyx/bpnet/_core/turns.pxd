# SPDX-License-Identifier: BSD-3-Clause
from cython cimport floating

from bpnet._core.data cimport Data
from bpnet._core.dropout cimport Dropout
from bpnet._core.losses cimport Loss
from bpnet._core.online cimport Chain
from bpnet._core.plan cimport Plan, Workspace
from bpnet._core.regularisation cimport Regularisation
from bpnet._core.sweeps cimport Reading
from bpnet._core.team cimport bpnet_team
from bpnet._core.updates cimport UpdateRule

cdef struct Turn:
    # A chunk of a batch, which all threads work on before any takes the next.
    Py_ssize_t start
    int n                  # its rows; 0 where there is no more, or no time for it
    bint opens_batch
    bint closes_batch
    double scale           # of the derivative of the losses: 1 / weight of the batch where the mean counts
    Py_ssize_t times       # how often the batch's losses count

cdef class Turns:
    cdef Plan plan
    cdef Loss loss
    cdef Data data
    cdef UpdateRule rule
    cdef Dropout dropout
    cdef Regularisation regularisation
    cdef Workspace ws
    cdef Chain chain
    cdef Reading reading
    cdef double* penalties               # of each piece: summed over the batches done
    cdef const Py_ssize_t* order
    cdef readonly Py_ssize_t batch_size
    cdef const double* rates             # of the step of each batch, or NULL: that of the rule
    cdef Py_ssize_t n_rows
    cdef double alpha
    cdef bint mean
    cdef bpnet_team team
    cdef int rows_together               # rows are dealt out to threads in multiples of it
    cdef bint rows_alone                 # each is a batch, and the net is a chain
    # Where the epoch stands.
    cdef Py_ssize_t position             # rows taken so far
    cdef double batch_weight             # of the batch that is under way
    cdef Py_ssize_t work                 # since the last look at the clock
    cdef readonly double data_loss       # sum over the batches done; means count as often as their batches have rows
    cdef Turn turn                       # what comes next

cdef void take_turns(Turns self, int rank, floating* w, floating* g, double until) noexcept nogil
