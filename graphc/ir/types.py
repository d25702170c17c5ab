"""Element types, shapes and the type of a tensor.

Inside the compiler an element type is its short name ("f32"); users see NumPy's.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from functools import lru_cache, reduce
from keyword import iskeyword
from typing import Any

import numpy as np

from graphc.errors import DimensionError, DTypeError, ParseError, ShapeError
from graphc.ir.location import user_location
from graphc.ir.poly import Poly, Size, as_size, parse_poly
from graphc.records import dataclass

Shape = tuple[Size, ...]

NUMPY_NAMES = {
    "bool": "bool",
    "i8": "int8", "i16": "int16", "i32": "int32", "i64": "int64",
    "u8": "uint8", "u16": "uint16", "u32": "uint32", "u64": "uint64",
    "f16": "float16", "f32": "float32", "f64": "float64",
}  # fmt: skip
DTYPES = tuple(NUMPY_NAMES)
FLOATS = frozenset({"f16", "f32", "f64"})
SIGNED = frozenset({"i8", "i16", "i32", "i64"})
UNSIGNED = frozenset({"u8", "u16", "u32", "u64"})
INTEGERS = SIGNED | UNSIGNED
BOOL = frozenset({"bool"})
NUMBERS = FLOATS | INTEGERS
ALL = NUMBERS | BOOL
_SHORT = {np.dtype(long): short for short, long in NUMPY_NAMES.items()}


@lru_cache(maxsize=256)
def numpy_dtype(dtype: str) -> np.dtype[Any]:
    """ "f32" -> dtype("float32")"""
    return np.dtype(NUMPY_NAMES[dtype])


def short_dtype(dtype: Any) -> str:
    """The short name of anything that NumPy takes as an element type, or of a short name.

    Raises DTypeError for complex numbers, strings, objects and the like.
    """
    if isinstance(dtype, np.dtype) and dtype in _SHORT:
        return _SHORT[dtype]
    if isinstance(dtype, str) and dtype in NUMPY_NAMES:
        return dtype
    try:
        return _SHORT[np.dtype(dtype).newbyteorder("=")]
    except (TypeError, KeyError):
        raise DTypeError(
            "not an element type that graphc has",
            expected=", ".join(NUMPY_NAMES.values()),
            got=repr(dtype),
            loc=user_location(),
        ) from None


def itemsize(dtype: str) -> int:
    return numpy_dtype(dtype).itemsize


def Dim(name: str) -> Poly:  # noqa: N802 - it reads as a type to the user
    """A symbolic extent, for instance of the batch: `placeholder("float32", (Dim("batch"), 64))`."""
    if not isinstance(name, str) or not name.isidentifier() or iskeyword(name):
        raise DimensionError(
            "a symbolic dimension has a name", expected="an identifier", got=repr(name), loc=user_location()
        )
    return Poly.of(name)


def make_shape(extents: Iterable[Any]) -> Shape:
    """Check and normalise: numbers are non-negative ints, strings and Polys are symbolic extents."""
    return tuple(_extent(e) for e in extents)


def _extent(value: Any) -> Size:
    if isinstance(value, Poly):
        return as_size(value)
    if isinstance(value, str):
        return Dim(value)
    try:
        number = value.__index__()
    except (AttributeError, TypeError):
        raise _bad_extent(value) from None
    if number < 0:
        raise _bad_extent(value)
    return int(number)


def _bad_extent(value: Any) -> DimensionError:
    return DimensionError(
        "not an extent", expected='a non-negative integer or Dim("name")', got=repr(value), loc=user_location()
    )


def are_ints(values: Iterable[object]) -> bool:
    """Whether all are Python's ints, and no bool: what most attributes and shapes consist of."""
    return _INT.issuperset(map(type, values))


_INT = frozenset({int})


@dataclass(frozen=True, slots=True)
class Type:
    """Element type and shape of a tensor."""

    dtype: str
    shape: Shape = ()

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> Size:
        """The number of elements."""
        return volume(self.shape)

    @property
    def is_static(self) -> bool:
        return are_ints(self.shape)

    @property
    def nbytes(self) -> Size:
        size = self.size
        return size * itemsize(self.dtype) if isinstance(size, int) else as_size(size * itemsize(self.dtype))

    def with_shape(self, shape: Iterable[Size]) -> Type:
        return Type(self.dtype, tuple(shape))

    def with_dtype(self, dtype: str) -> Type:
        return Type(dtype, self.shape)

    def __str__(self) -> str:
        return f"{self.dtype}[{','.join(map(str, self.shape))}]"


def parse_type(text: str) -> Type:
    """The inverse of `str`: "f32[batch,784]"."""
    name, bracket, rest = text.strip().partition("[")
    if name not in NUMPY_NAMES or bool(bracket) != rest.endswith("]"):
        raise ParseError("not a type", expected='something like "f32[batch,784]" or "f64[]"', got=repr(text))
    inside = rest[:-1].strip()
    return Type(name, tuple(as_size(parse_poly(e)) for e in inside.split(",")) if inside else ())


def volume(extents: Iterable[Size]) -> Size:
    sizes = tuple(extents)
    if are_ints(sizes):
        return math.prod(sizes)
    return as_size(reduce(lambda a, e: a * e, sizes, Poly.of(1)))


def broadcast_shapes(op: str, shapes: Sequence[Shape]) -> Shape:
    """NumPy's rule; a symbolic extent agrees with itself and with 1."""
    first = shapes[0]
    if all(s == first for s in shapes):
        return first
    rank = max(map(len, shapes))
    out: list[Size] = [1] * rank
    for shape in shapes:
        for k, extent in enumerate(shape, rank - len(shape)):
            if extent == 1:
                continue
            if out[k] not in (1, extent):
                raise _no_broadcast(op, shapes)
            out[k] = extent
    return tuple(out)


def _no_broadcast(op: str, shapes: Sequence[Shape]) -> ShapeError:
    return ShapeError(
        f"operands of `{op}` do not broadcast",
        expected="extents that agree, or are 1, counted from the last axis",
        got=" and ".join(f"({', '.join(map(str, s))}{',' if len(s) == 1 else ''})" for s in shapes),
        fix="insert an axis with x[:, None], or reshape one operand",
        loc=user_location(),
    )
