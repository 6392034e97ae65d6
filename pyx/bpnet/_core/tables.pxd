# SPDX-License-Identifier: BSD-3-Clause
cdef enum BlockKind:
    DENSE    # every cell (i, j) has a weight; row-major in w
    MASKED   # weights for some cells only; `cells` lists them in row-major order
    SPARSE   # a list of weights for each target unit, from the inputs or from all units before the target
