/* SPDX-License-Identifier: BSD-3-Clause */
#define BPNET_LEVEL generic
#include "level.c"
