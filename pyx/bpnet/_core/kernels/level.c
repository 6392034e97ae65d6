/* SPDX-License-Identifier: BSD-3-Clause
 *
 * One instruction-set level of the kernels. setup.py compiles this file once per level with
 * -DBPNET_LEVEL=name and the flags of that level; the code is the same for all of them and is
 * written once for both precisions: the .inc files are included with `real` float and double.
 */
#include <string.h>

#include "kernels.h"

#define CONCAT_(a, b) a##b
#define CONCAT(a, b) CONCAT_(a, b)
#define STRING_(a) #a
#define STRING(a) STRING_(a)

#define real float
#define NAME(function) function##_f32
#define BPNET_DOUBLE 0
#include "elementwise.inc"
#include "updates.inc"
#include "dropout.inc"
#include "products.inc"
#include "rows.inc"
#include "online.inc"
#include "columns.inc"
#undef real
#undef NAME
#undef BPNET_DOUBLE

#define real double
#define NAME(function) function##_f64
#define BPNET_DOUBLE 1
#include "elementwise.inc"
#include "updates.inc"
#include "dropout.inc"
#include "products.inc"
#include "rows.inc"
#include "online.inc"
#include "columns.inc"
#undef real
#undef NAME
#undef BPNET_DOUBLE

#define TABLE(suffix)                                                                                            \
    {exp_##suffix,         log1p_##suffix,    activate_##suffix,    curve_##suffix,          chain_##suffix,        \
     chain_each_##suffix,  axpy_##suffix,     hadamard_##suffix,    product_##suffix,        REACH_##suffix,        \
     add_rows_##suffix,    gather_##suffix,   forward_row_##suffix, backward_row_##suffix,   decay_##suffix,        \
     sgd_##suffix,         adam_##suffix,     sum_columns_##suffix, add_to_columns_##suffix, dot_columns_##suffix,  \
     rmsprop_##suffix,     rprop_##suffix,    scale_##suffix,       squares_##suffix,        lasso_##suffix,        \
     settle_##suffix,      drop_##suffix}

const bpnet_kernels CONCAT(bpnet_kernels_, BPNET_LEVEL) = {STRING(BPNET_LEVEL), TABLE(f32), TABLE(f64)};
