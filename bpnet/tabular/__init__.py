# SPDX-License-Identifier: BSD-3-Clause
"""Networks for tables as they come: a preset that prepares the columns and averages several nets."""
