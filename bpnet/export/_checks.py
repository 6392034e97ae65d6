# SPDX-License-Identifier: BSD-3-Clause
"""Checks of what a file holds: each gives the value back, or raises ValueError that names the place."""


def as_list(value, where):
    """A list."""
    if not isinstance(value, list):
        raise ValueError(f"{where}: expected a list, got {type(value).__name__}")
    return value


def as_strings(value, where):
    """A list of strings."""
    if not all(isinstance(item, str) for item in as_list(value, where)):
        raise ValueError(f"{where}: expected a list of strings")
    return value


def as_numbers(value, stop, where):
    """A list of integers from 0 to stop - 1."""
    if not all(type(item) is int and 0 <= item < stop for item in as_list(value, where)):
        raise ValueError(f"{where}: expected integers from 0 to {stop - 1}")
    return value


def as_count(value, where):
    """An integer of at least 1."""
    if type(value) is not int or value < 1:
        raise ValueError(f"{where}: expected an integer of at least 1, got {value!r}")
    return value


def as_object(value, keys, where):
    """An object with exactly these keys."""
    if not isinstance(value, dict):
        raise ValueError(f"{where}: expected an object with the keys {', '.join(keys)}, got {type(value).__name__}")
    if missing := [key for key in keys if key not in value]:
        raise ValueError(f"{where}: {missing[0]!r} is missing")
    if unknown := sorted(set(value) - set(keys)):
        raise ValueError(f"{where}: unknown key {unknown[0]!r}")
    return value
