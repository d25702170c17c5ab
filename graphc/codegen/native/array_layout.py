"""Where NumPy and CPython keep what native code reads: struct offsets, the NumPy C API, function addresses.

The offsets hold for 64-bit CPython 3.11 to 3.13 with NumPy 1.23 to 2.4; `layout_is_known` checks them, once per
process, against what ctypes says of real arrays, so that an unknown build uses the Python entry instead.
"""

from __future__ import annotations

import ctypes
import importlib
from collections.abc import Sequence
from functools import cache
from typing import Any

import numpy as np

REFERENCES, TYPE = 0, 8  # bytes from the start of any object: how many refer to it, its type
DATA, NDIM, DIMS, DESCR, FLAGS = 16, 24, 32, 56, 64  # bytes from the start of an array object
SIZE, ITEMS = 16, 24  # bytes from the start of a tuple or list to its size, to its items or (list) their address
SCALAR = 16  # bytes from the start of a Python float, or of a scalar of NumPy, to its value
CONTIGUOUS_ALIGNED = 0x101  # NPY_ARRAY_C_CONTIGUOUS | NPY_ARRAY_ALIGNED
WRITEABLE = 0x400  # NPY_ARRAY_WRITEABLE
_NUMPY = {  # in its C API
    "PyArray_Type": 2, "PyGenericArrType_Type": 10, "PyArray_NewCopy": 85, "PyArray_New": 93,
    "PyDataMem_SetHandler": 304,
}  # fmt: skip
_PYTHON = (
    "PyObject_Vectorcall", "PyTuple_New", "PyTuple_SetItem", "PyList_New", "PyList_SetItem", "PyLong_FromLong",
    "Py_IncRef", "Py_DecRef", "PyErr_NoMemory", "PyEval_SaveThread", "PyEval_RestoreThread",
    "PyMem_RawMalloc", "PyMem_RawFree", "PyThread_get_thread_ident", "PyType_IsSubtype", "PyType_GenericAlloc",
    "PyObject_GetIter", "PyIter_Next", "PyObject_SetItem", "PyODict_New", "PyDict_GetItemWithError",
    "PyObject_RichCompareBool", "PyObject_GetAttr", "PyTuple_Size", "PyTuple_GetItem",
    "PyDict_Size", "PyDict_Next", "PyDict_Copy", "PyDict_SetItem", "PyErr_Clear", "PyErr_Occurred",
)  # fmt: skip


ELEMENTS = ("bool", "i8", "i16", "i32", "i64", "u8", "u16", "u32", "u64", "f16", "f32", "f64")


def numpy_dtype(dtype: str) -> np.dtype[np.generic]:
    """The canonical dtype object of an element type."""
    return np.dtype("?" if dtype == "bool" else f"{dtype[0]}{int(dtype[1:]) // 8}")


@cache
def api_symbols() -> dict[str, int]:
    """Addresses of the functions and objects that entry code names."""
    symbols = {n: ctypes.cast(getattr(ctypes.pythonapi, n), ctypes.c_void_p).value or 0 for n in _PYTHON}
    symbols |= {name: _api(slot) for name, slot in _NUMPY.items()}
    classes = {"PyFloat_Type": float, "PyLong_Type": int, "PyUnicode_Type": str, "PyTuple_Type": tuple}
    return symbols | {"_Py_NoneStruct": id(None)} | {name: id(c) for name, c in classes.items()}


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
    samples = (base, base.T, base[0], np.broadcast_to(base, base.shape), np.zeros((), np.int8), np.zeros((0, 5), bool))
    types = (_api(_NUMPY["PyArray_Type"]), _api(_NUMPY["PyGenericArrType_Type"])) == (id(np.ndarray), id(np.generic))
    numbers, containers = (1.5, *map(_one, ELEMENTS)), ((1, 2), [3, 4])
    others = all(map(_has_its_value, numbers)) and all(map(_has_items, containers))
    return types and others and all(map(_as_expected, samples))


def _as_expected(a: np.ndarray[tuple[int, ...], np.dtype[np.generic]]) -> bool:
    at = id(a)

    def pointer(offset: int) -> int:
        return ctypes.c_int64.from_address(at + offset).value

    fields = pointer(TYPE), pointer(DATA), pointer(DESCR), ctypes.c_int32.from_address(at + NDIM).value
    if fields != (id(np.ndarray), a.ctypes.data, id(a.dtype), a.ndim) or not _references_are_counted(a):
        return False
    dims = tuple((ctypes.c_int64 * a.ndim).from_address(pointer(DIMS))) if a.ndim else ()
    flags = ctypes.c_int32.from_address(at + FLAGS).value
    contiguous = flags & CONTIGUOUS_ALIGNED == CONTIGUOUS_ALIGNED
    expected = a.flags.c_contiguous and a.flags.aligned, a.flags.writeable
    return dims == a.shape and (contiguous, bool(flags & WRITEABLE)) == expected


def _one(dtype: str) -> Any:
    return numpy_dtype(dtype).type(1)


def _has_its_value(x: Any) -> bool:
    value = np.asarray(x)
    return ctypes.string_at(id(x) + SCALAR, value.itemsize) == value.tobytes()


def _has_items(x: Sequence[Any]) -> bool:
    items = id(x) + ITEMS
    if type(x) is list:
        items = ctypes.c_int64.from_address(items).value
    size = ctypes.c_int64.from_address(id(x) + SIZE).value
    return size == len(x) and list((ctypes.c_int64 * size).from_address(items)) == list(map(id, x))


def _references_are_counted(a: object) -> bool:
    count = ctypes.c_int64.from_address(id(a) + REFERENCES)
    before = count.value
    another = a
    return count.value == before + 1 and another is a
