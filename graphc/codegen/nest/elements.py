"""Facts about element types, which are short strings here: bool i8..i64 u8..u64 f16 f32 f64."""

from __future__ import annotations

ITEMSIZE = {
    "bool": 1,
    "i8": 1,
    "i16": 2,
    "i32": 4,
    "i64": 8,
    "u8": 1,
    "u16": 2,
    "u32": 4,
    "u64": 8,
    "f16": 2,
    "f32": 4,
    "f64": 8,
}


def register(dtype: str) -> str:
    """The type of a loaded value: half precision is stored, never computed with."""
    return "f32" if dtype == "f16" else dtype


def is_float(dtype: str) -> bool:
    return dtype[0] == "f"


def is_integer(dtype: str) -> bool:
    return dtype[0] in "iu"


def least(dtype: str) -> float | int:
    """Below every other value of the type."""
    if is_float(dtype):
        return float("-inf")
    return -(1 << (8 * ITEMSIZE[dtype] - 1)) if dtype[0] == "i" else 0


def greatest(dtype: str) -> float | int:
    """Above every other value of the type."""
    if is_float(dtype):
        return float("inf")
    if dtype == "bool":
        return 1
    return (1 << (8 * ITEMSIZE[dtype] - (dtype[0] == "i"))) - 1
