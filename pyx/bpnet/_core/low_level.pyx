# SPDX-License-Identifier: BSD-3-Clause
"""The C function inside a `scipy.LowLevelCallable`."""

from cpython.pycapsule cimport PyCapsule_GetContext, PyCapsule_GetName, PyCapsule_GetPointer


cdef bint signature_of(callable, expected) except -1:
    """Whether the function takes user data as a last argument; TypeError unless its signature is the expected one."""
    given = callable.signature.replace("const ", "").replace(" ", "")
    if given == expected:
        return False
    if given == f"{expected[:len(expected) - 1]},void*)":
        return True
    raise TypeError(f"expected a compiled function of signature {expected!r}, or with void* as a last argument, "
                    f"got {callable.signature!r}")


cdef void* address(callable, void** data) except NULL:
    """The function; `data` becomes the user data it was bound to. Whoever keeps the address keeps the callable."""
    capsule = tuple.__getitem__(callable, 0)
    data[0] = PyCapsule_GetContext(capsule)
    return PyCapsule_GetPointer(capsule, PyCapsule_GetName(capsule))
