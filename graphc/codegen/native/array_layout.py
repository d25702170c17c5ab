"""Where NumPy and CPython keep what native code reads: struct offsets, the NumPy C API, function addresses.

The offsets hold for 64-bit CPython 3.11 to 3.13 with NumPy 1.23 to 2.4; `layout_is_known` checks them, once per
process, against what ctypes says of real arrays, so that an unknown build uses the Python entry instead.
"""

from __future__ import annotations

import ctypes
import importlib
from functools import cache

import numpy as np

TYPE, DATA, NDIM, DIMS, DESCR, FLAGS = 8, 16, 24, 32, 56, 64  # bytes from the start of an array object
CONTIGUOUS_ALIGNED = 0x101  # NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_ALIGNED
_ARRAY_TYPE_SLOT, _NEW_SLOT = 2, 93  # of the NumPy C API: PyArray_Type, PyArray_New
_PYTHON = (
    "PyObject_Vectorcall", "PyTuple_New", "PyTuple_SetItem", "PyLong_FromLong", "Py_IncRef", "Py_DecRef",
)  # fmt: skip


def numpy_dtype(dtype: str) -> np.dtype[np.generic]:
    """The canonical dtype object of an element type."""
    return np.dtype("?" if dtype == "bool" else f"{dtype[0]}{int(dtype[1:]) // 8}")


@cache
def api_symbols() -> dict[str, int]:
    """Addresses of the functions and objects that entry code names."""
    symbols = {n: ctypes.cast(getattr(ctypes.pythonapi, n), ctypes.c_void_p).value or 0 for n in _PYTHON}
    return symbols | {
        "PyArray_Type": _api(_ARRAY_TYPE_SLOT),
        "PyArray_New": _api(_NEW_SLOT),
        "_Py_NoneStruct": id(None),
    }


def _api(slot: int) -> int:
    get = ctypes.pythonapi.PyCapsule_GetPointer
    get.restype, get.argtypes = ctypes.c_void_p, (ctypes.py_object, ctypes.c_char_p)
    table = get(importlib.import_module("numpy._core._multiarray_umath")._ARRAY_API, None)
    return ctypes.c_void_p.from_address(table + 8 * slot).value or 0


@cache
def layout_is_known() -> bool:
    """Whether arrays lie in memory as the offsets above say."""
    if ctypes.sizeof(ctypes.c_void_p) != 8:
        return False
    base = np.arange(24, dtype=np.float32).reshape(2, 3, 4)
    samples = (base, base.T, base[0], np.zeros((), np.int8), np.zeros((0, 5), bool))
    return _api(_ARRAY_TYPE_SLOT) == id(np.ndarray) and all(map(_as_expected, samples))


def _as_expected(a: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> bool:
    at = id(a)

    def pointer(offset: int) -> int:
        return ctypes.c_int64.from_address(at + offset).value

    fields = pointer(TYPE), pointer(DATA), pointer(DESCR), ctypes.c_int32.from_address(at + NDIM).value
    if fields != (id(np.ndarray), a.ctypes.data, id(a.dtype), a.ndim):
        return False
    dims = tuple((ctypes.c_int64 * a.ndim).from_address(pointer(DIMS))) if a.ndim else ()
    flags = ctypes.c_int32.from_address(at + FLAGS).value
    contiguous = flags & CONTIGUOUS_ALIGNED == CONTIGUOUS_ALIGNED
    return dims == a.shape and contiguous == (a.flags.c_contiguous and a.flags.aligned)
