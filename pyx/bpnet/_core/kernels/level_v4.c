/* SPDX-License-Identifier: BSD-3-Clause */
#define BPNET_LEVEL v4
#include "level.c"
