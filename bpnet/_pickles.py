# SPDX-License-Identifier: BSD-3-Clause
"""The version of what is pickled: a pickle of another one is read rightly or refused, never read wrongly."""

#: Raised with any change of what pickles hold: names and meanings of attributes, the order of the weights of a graph of
#: units (`MATRIX_DENSITY` and `MATRIX_WEIGHTS` of bpnet/_unitwise.py). Older ones then need a branch where they are
#: read.
FORMAT = 1


def check_format(number, what):
    """Raise ValueError unless this bpnet reads pickles of that format; None is one from before there were numbers."""
    if number != FORMAT:
        other = "a newer" if isinstance(number, int) and number > FORMAT else "an older"
        raise ValueError(
            f"this {what} was pickled by {other} bpnet, in format {number}: expected format {FORMAT}. Files of "
            "bpnet.save_model are read across versions"
        )
