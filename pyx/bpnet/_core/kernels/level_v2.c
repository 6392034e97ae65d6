/* SPDX-License-Identifier: BSD-3-Clause */
#define BPNET_LEVEL v2
#include "level.c"
