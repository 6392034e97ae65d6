/* SPDX-License-Identifier: BSD-3-Clause */
#define BPNET_LEVEL v3
#include "level.c"
