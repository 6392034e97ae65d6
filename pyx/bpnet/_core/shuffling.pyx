# SPDX-License-Identifier: BSD-3-Clause
"""The order of the rows of an epoch, drawn as NumPy's RandomState draws it."""

from functools import cache

import numpy as np

from cpython.pycapsule cimport PyCapsule_GetPointer
from libc.stdint cimport uint32_t


cdef extern from "numpy/random/bitgen.h" nogil:
    ctypedef struct bitgen_t:
        void* state
        uint32_t (*next_uint32)(void*) noexcept nogil

cdef enum:
    # Of the Mersenne Twister MT19937 (Matsumoto and Nishimura, 1998): words of state, and the distance it combines.
    WORDS = 624
    DISTANCE = 397
    #: Rows from which it pays to make the generator's numbers here, a whole state at a time.
    MANY = 256

cdef struct Twister:
    # NumPy's MT19937 as it lies behind a bitgen_t. That is no promise of NumPy's: `_twister_is_known` looks.
    uint32_t key[WORDS]
    int position


def shuffle_rows(random_state, Py_ssize_t[::1] order):
    """Shuffle `order` in place: the numbers, and the state left behind, are those of `random_state.shuffle(order)`.

    With NumPy's own it was a tenth of an epoch of a small net.

    Parameters
    ----------
    random_state : numpy.random.RandomState or numpy.random.Generator
        A Generator shuffles by its own method, and in its own order.
    order : ndarray of intp

    Examples
    --------
    >>> order, same = np.arange(5), np.arange(5)
    >>> shuffle_rows(np.random.RandomState(0), order)
    >>> np.random.RandomState(0).shuffle(same)
    >>> bool((order == same).all())
    True
    """
    cdef Py_ssize_t n = order.shape[0]
    cdef bitgen_t* bits
    cdef bint own
    if n < 2:
        return
    if not isinstance(random_state, np.random.RandomState) or n > 0xFFFFFFFF:
        random_state.shuffle(np.asarray(order))
        return
    bit_generator = random_state._bit_generator
    bits = _bits(bit_generator)
    own = n >= MANY and type(bit_generator) is np.random.MT19937 and _twister_is_known()
    with bit_generator.lock, nogil:
        if own:
            _shuffle_with_twister(<Twister*> bits.state, &order[0], n)
        else:
            _shuffle_with_calls(bits, &order[0], n)


@cache
def _twister_is_known():
    """Whether the state of a generator lies in memory as declared here."""
    cdef int i
    generator = np.random.RandomState(1)._bit_generator
    cdef Twister* twister = <Twister*> _bits(generator).state
    state = generator.state["state"]
    return state["pos"] == twister.position and all(state["key"][i] == twister.key[i] for i in range(WORDS))


cdef bitgen_t* _bits(bit_generator) except NULL:
    return <bitgen_t*> PyCapsule_GetPointer(bit_generator.capsule, "BitGenerator")


cdef void _shuffle_with_calls(bitgen_t* bits, Py_ssize_t* order, Py_ssize_t n) noexcept nogil:
    """Fisher and Yates from the end; a place is 32 bits under a mask, drawn again while it is too large."""
    cdef Py_ssize_t i = n - 1
    cdef uint32_t mask = 0xFFFFFFFF
    while i > 0:
        while mask >> 1 >= <uint32_t> i:
            mask >>= 1
        i -= _swap(order, i, bits.next_uint32(bits.state) & mask)


cdef void _shuffle_with_twister(Twister* twister, Py_ssize_t* order, Py_ssize_t n) noexcept nogil:
    """The same with the generator's own numbers, made here in loops that the compiler turns into vector code."""
    cdef uint32_t[WORDS] drawn
    cdef Py_ssize_t i = n - 1
    cdef uint32_t mask = 0xFFFFFFFF
    cdef int position = twister.position
    _temper(twister, drawn)
    while i > 0:
        while mask >> 1 >= <uint32_t> i:
            mask >>= 1
        if position == WORDS:
            _twist(twister)
            _temper(twister, drawn)
            position = 0
        i -= _swap(order, i, drawn[position] & mask)
        position += 1
    twister.position = position


cdef inline bint _swap(Py_ssize_t* order, Py_ssize_t i, Py_ssize_t j) noexcept nogil:
    """Swap items i and j if j <= i; tells whether it was.

    A draw too large swaps an item with itself: a branch would be guessed wrong three times in ten, which took most of
    the time.
    """
    cdef bint fits = j <= i
    cdef Py_ssize_t kept = order[i]
    j = j if fits else i
    order[i] = order[j]
    order[j] = kept
    return fits


cdef void _twist(Twister* self) noexcept nogil:
    """The next state: each word from itself, the one after it and the one so far ahead, in loops without a branch."""
    cdef uint32_t* key = self.key
    cdef uint32_t y
    cdef int i
    for i in range(WORDS - DISTANCE):
        y = (key[i] & 0x80000000U) | (key[i + 1] & 0x7FFFFFFFU)
        key[i] = key[i + DISTANCE] ^ (y >> 1) ^ ((0 - (y & 1)) & 0x9908B0DFU)
    for i in range(WORDS - DISTANCE, WORDS - 1):
        y = (key[i] & 0x80000000U) | (key[i + 1] & 0x7FFFFFFFU)
        key[i] = key[i + DISTANCE - WORDS] ^ (y >> 1) ^ ((0 - (y & 1)) & 0x9908B0DFU)
    y = (key[WORDS - 1] & 0x80000000U) | (key[0] & 0x7FFFFFFFU)
    key[WORDS - 1] = key[DISTANCE - 1] ^ (y >> 1) ^ ((0 - (y & 1)) & 0x9908B0DFU)


cdef void _temper(const Twister* self, uint32_t* drawn) noexcept nogil:
    """The numbers drawn from the state."""
    cdef uint32_t y
    cdef int i
    for i in range(WORDS):
        y = self.key[i]
        y ^= y >> 11
        y ^= (y << 7) & 0x9D2C5680U
        y ^= (y << 15) & 0xEFC60000U
        drawn[i] = y ^ (y >> 18)
