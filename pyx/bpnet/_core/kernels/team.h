/* SPDX-License-Identifier: BSD-3-Clause
 *
 * Threads that work on one mini-batch together: where they wait for each other, and how they share pieces of work.
 *
 * Batches are so short that a sleep costs more than the wait; but a thread that spins while another process has its
 * processor wastes a whole turn of the scheduler. So a thread spins for a while, then sleeps on a lock of its own until
 * the last one to arrive opens it. The locks are Python's: they need no GIL and exist wherever Python does.
 */
#ifndef BPNET_TEAM_H
#define BPNET_TEAM_H

#include <Python.h>
#include <pythread.h>
#include <time.h>

enum { BPNET_MAX_THREADS = 64 };

typedef struct {
    int size, arrived, next_piece, dismissed;
    unsigned round;
    int asleep[BPNET_MAX_THREADS];
    PyThread_type_lock door[BPNET_MAX_THREADS]; /* closed, but for the moment in which it wakes its thread */
} bpnet_team;

/* Seconds of spinning: a few times what the work of two threads differs by, far below a scheduler's turn. */
#define BPNET_SPIN 20e-6

static inline void bpnet_team_free(bpnet_team *team)
{
    for (int rank = 0; rank < team->size; rank++)
        if (team->door[rank] != NULL) {
            PyThread_release_lock(team->door[rank]);
            PyThread_free_lock(team->door[rank]);
        }
    team->size = 0;
}

/* 0, or -1 where a lock could not be had. */
static inline int bpnet_team_init(bpnet_team *team, int size)
{
    memset(team, 0, sizeof *team);
    team->size = size;
    for (int rank = 0; rank < size; rank++) {
        team->door[rank] = PyThread_allocate_lock();
        if (team->door[rank] == NULL) {
            bpnet_team_free(team);
            return -1;
        }
        PyThread_acquire_lock(team->door[rank], WAIT_LOCK);
    }
    return 0;
}

static inline double bpnet_team_seconds(void)
{
    struct timespec t;
    timespec_get(&t, TIME_UTC);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Wait until all of the team have come here. */
static inline void bpnet_team_meet(bpnet_team *team, int rank)
{
    const unsigned round = __atomic_load_n(&team->round, __ATOMIC_ACQUIRE);
    if (team->size == 1)
        return;
    if (__atomic_add_fetch(&team->arrived, 1, __ATOMIC_ACQ_REL) == team->size) {
        team->arrived = 0;
        __atomic_store_n(&team->round, round + 1, __ATOMIC_SEQ_CST);
        for (int other = 0; other < team->size; other++)
            if (__atomic_exchange_n(&team->asleep[other], 0, __ATOMIC_SEQ_CST))
                PyThread_release_lock(team->door[other]);
        return;
    }
    const double until = bpnet_team_seconds() + BPNET_SPIN;
    do {
        for (int spin = 0; spin < 64; spin++) {
            if (__atomic_load_n(&team->round, __ATOMIC_ACQUIRE) != round ||
                __atomic_load_n(&team->dismissed, __ATOMIC_ACQUIRE))
                return;
#if defined(__x86_64__) || defined(__i386__)
            __builtin_ia32_pause();
#endif
        }
    } while (bpnet_team_seconds() < until);
    /* Whoever opened the last round may still be waking sleepers, and may take us for one of them: hence the loop. */
    while (__atomic_load_n(&team->round, __ATOMIC_SEQ_CST) == round) {
        __atomic_store_n(&team->asleep[rank], 1, __ATOMIC_SEQ_CST);
        const int over = __atomic_load_n(&team->round, __ATOMIC_SEQ_CST) != round ||
                         __atomic_load_n(&team->dismissed, __ATOMIC_SEQ_CST);
        if (over && __atomic_exchange_n(&team->asleep[rank], 0, __ATOMIC_SEQ_CST))
            return; /* it was over meanwhile, and nobody saw us asleep */
        PyThread_acquire_lock(team->door[rank], WAIT_LOCK);
        if (__atomic_load_n(&team->dismissed, __ATOMIC_SEQ_CST))
            return;
    }
}

/* Somebody will not come: all who wait for him may go, until bpnet_team_recall, when nobody is waiting any more. */
static inline void bpnet_team_dismiss(bpnet_team *team)
{
    __atomic_store_n(&team->dismissed, 1, __ATOMIC_SEQ_CST);
    for (int rank = 0; rank < team->size; rank++)
        if (__atomic_exchange_n(&team->asleep[rank], 0, __ATOMIC_SEQ_CST))
            PyThread_release_lock(team->door[rank]);
}

static inline void bpnet_team_recall(bpnet_team *team)
{
    team->arrived = 0;
    team->dismissed = 0;
}

/* The number of the next piece of work that nobody has taken; all meet before they begin to count anew. */
static inline int bpnet_team_take(bpnet_team *team)
{
    if (team->size == 1)
        return team->next_piece++;
    return __atomic_fetch_add(&team->next_piece, 1, __ATOMIC_RELAXED);
}

#endif
