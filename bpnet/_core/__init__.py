# SPDX-License-Identifier: BSD-3-Clause
"""The compiled core. Its sources are in ``pyx/bpnet/_core``."""
