# SPDX-License-Identifier: BSD-3-Clause
EARLIER: int
