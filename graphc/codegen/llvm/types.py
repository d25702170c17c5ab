"""What LLVM calls the element types: in registers, in memory, as literals and in the names of intrinsics."""

from __future__ import annotations

import math
import struct
from functools import cache

import numpy as np

from graphc.codegen.nest.elements import ITEMSIZE, is_float

BITS_OF = {"f32": "i32", "f64": "i64"}
REAL_OF = {"i32": "f32", "u32": "f32", "i64": "f64", "u64": "f64"}

_REGISTER = {"bool": "i1", "f16": "half", "f32": "float", "f64": "double", "ptr": "ptr"}
_MEMORY = {"bool": "i8", "f16": "i16"}  # a half is moved as its bits: masked moves of 16-bit integers exist everywhere
_SUFFIX = {"float": "f32", "double": "f64", "half": "f16", "ptr": "p0"}


def is_unsigned(dtype: str) -> bool:
    return dtype[0] in "ub"


def bit_width(dtype: str) -> int:
    return 1 if dtype == "bool" else 8 * ITEMSIZE[dtype]


def item_type(dtype: str) -> str:
    """The type of one element in a register; signed and unsigned integers are one type."""
    return _REGISTER.get(dtype) or f"i{dtype[1:]}"


def vector_of(item: str, lanes: int) -> str:
    return item if lanes == 1 else f"<{lanes} x {item}>"


@cache
def register_type(dtype: str, lanes: int = 1) -> str:
    return vector_of(item_type(dtype), lanes)


def memory_item(dtype: str) -> str:
    """The type of one element in memory: a boolean is a byte, a half its bits."""
    return _MEMORY.get(dtype) or item_type(dtype)


def suffix(item: str, lanes: int = 1) -> str:
    """How an overloaded intrinsic spells a type: `f32`, `v16i8`."""
    name = _SUFFIX.get(item, item)
    return name if lanes == 1 else f"v{lanes}{name}"


def literal(value: float, dtype: str) -> str:
    """A number as LLVM text; integers wrap, floats are rounded to the type."""
    if dtype == "bool":
        return "true" if value else "false"
    if not is_float(dtype):
        return str(_wrap(int(value), bit_width(dtype)))
    rounded = _to_single(value) if dtype == "f32" else float(value)
    return f"0x{struct.pack('>d', rounded).hex().upper()}"


def memory_literal(value: float, dtype: str) -> str:
    """A number as it lies in memory."""
    if dtype == "bool":
        return str(int(bool(value)))
    if dtype == "f16":
        return str(int(np.float64(value).astype(np.float16).view(np.int16)))
    return literal(value, dtype)


def _to_single(value: float) -> float:
    """The nearest f32."""
    try:
        return float(struct.unpack("f", struct.pack("f", value))[0])
    except OverflowError:
        return math.copysign(math.inf, value)


def _wrap(value: int, bits: int) -> int:
    """The low bits, read as two's complement."""
    half = 1 << (bits - 1)
    return (value + half) % (2 * half) - half
