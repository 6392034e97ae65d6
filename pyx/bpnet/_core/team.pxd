# SPDX-License-Identifier: BSD-3-Clause
"""Threads that work on one mini-batch together."""


cdef extern from "team.h" nogil:
    enum:
        BPNET_MAX_THREADS

    ctypedef struct bpnet_team:
        int size
        int next_piece

    int bpnet_team_init(bpnet_team* team, int size)
    void bpnet_team_free(bpnet_team* team)
    void bpnet_team_meet(bpnet_team* team, int rank)
    void bpnet_team_dismiss(bpnet_team* team)
    void bpnet_team_recall(bpnet_team* team)
    int bpnet_team_take(bpnet_team* team)
