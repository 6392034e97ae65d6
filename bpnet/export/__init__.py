# SPDX-License-Identifier: BSD-3-Clause
"""Models that leave the process: files, other libraries, other languages. `docs/guide/deployment.md` is the guide."""
