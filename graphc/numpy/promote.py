"""NumPy 2's promotion: which element type an operation computes in, and the casts to it.

NumPy itself is asked, once per operation and combination of types (`ufunc.resolve_dtypes`); the answer is kept.  Python
numbers are weak: they take the type of the tensor beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from graphc.errors import DTypeError
from graphc.ir.location import user_location
from graphc.ir.ops import source
from graphc.ir.ops.arithmetic import cast
from graphc.ir.poly import Poly
from graphc.ir.primitive import source_like
from graphc.ir.types import INTEGERS, numpy_dtype, short_dtype

Convert = Callable[[Any], Any]
Kind = Any
"""What promotion asks of an operand: its np.dtype, or `int` / `float` for a weak one."""

BOOL, FLOAT64, INT64 = np.dtype(bool), np.dtype(np.float64), np.dtype(np.int64)
WEAK: dict[type[Any], type[Any]] = {int: int, float: float}
"""Classes whose items are weak, and as what.  A traced Python float joins them (graphc.numpy.tensor)."""


def kind(x: Any) -> Kind:
    """The class of a weak operand, else its dtype. Raises AttributeError for lists, bools and the like."""
    t = type(x)
    return t if t in WEAK else x.dtype


def as_operand(x: Any) -> Any:
    """A tensor, an array or a weak number as it is; lists, bools and the like as arrays.

    Raises DTypeError for what NumPy cannot hold as a number.
    """
    if type(x) in WEAK or hasattr(x, "dtype") or isinstance(x, Poly):
        return x
    array = np.asarray(x)
    short_dtype(array.dtype)
    return array


def as_operands(*xs: Any) -> list[Any]:
    """As `as_operand`; a symbolic extent becomes a tensor in the graph of the operands beside it."""
    operands = [as_operand(x) for x in xs]
    if Poly in map(type, operands):
        like = next((x for x in operands if hasattr(type(x), "__graphc_source__")), None)
        return [extent(x, like) if isinstance(x, Poly) else x for x in operands]
    return operands


def as_tensor(x: Any) -> Any:
    """An operand with a shape: weak numbers become arrays of NumPy's default type."""
    x = as_operand(x)
    return np.asarray(x) if type(x) is int or type(x) is float else x


def cast_to(x: Any, dtype: Any) -> Any:
    """x in that element type; x itself where it has it."""
    if x.dtype is dtype:
        return x
    target = short_dtype(dtype)
    return x if x.dtype == numpy_dtype(target) else cast(x, dtype=target)


def to_bool(x: Any) -> Any:
    """x != 0"""
    return cast_to(as_tensor(x), "bool")


def to_float(x: Any) -> Any:
    """Floats as they are, bools and integers as float64."""
    x = as_tensor(x)
    return x if x.dtype.kind == "f" else cast_to(x, "f64")


def constant_in_world(array: np.ndarray[Any, Any], x: Any) -> Any:
    """An array as a constant in the world of x."""
    make = getattr(type(x), "__graphc_constant__", None)
    return make(x, array) if make else array


def extent(size: Poly, like: Any) -> Any:
    """A symbolic extent as an i64 tensor."""
    if size.constant is not None:
        return np.asarray(size.constant)
    if like is None:
        raise DTypeError(
            "a symbolic extent is a number only beside a traced tensor", got=str(size), loc=user_location()
        )
    return source_like(source.extent, like, size=size)


# ----------------------------------------------------------------------------------------- one type for several


@lru_cache(maxsize=4096)
def common_dtype(kinds: tuple[Kind, ...]) -> np.dtype[Any]:
    """np.result_type of dtypes and weak kinds."""
    weak = {int: 0, float: 0.0}
    return np.result_type(*(weak[WEAK[k]] if isinstance(k, type) else k for k in kinds))


def promote(*xs: Any) -> list[Any]:
    """All operands as tensors of their common type."""
    operands = as_operands(*xs)
    kinds = tuple(map(kind, operands))
    if all(k is kinds[0] for k in kinds) and not isinstance(kinds[0], type):
        return operands
    dtype = common_dtype(kinds)
    return [converted(x, dtype) for x in operands]


def converted(x: Any, dtype: np.dtype[Any]) -> Any:
    return typed_number(x, dtype) if type(x) is int or type(x) is float else cast_to(x, dtype)


# ---------------------------------------------------------------------------------------- the types of a ufunc


@lru_cache(maxsize=4096)
def _known_loops(ufunc: np.ufunc, kinds: tuple[Kind, ...]) -> tuple[np.dtype[Any], ...]:
    return loop_dtypes(ufunc, kinds)


def ufunc_operands(ufunc: np.ufunc, xs: Sequence[Any]) -> list[Any]:
    """The operands as tensors of the element types in which NumPy's ufunc computes."""
    operands = as_operands(*xs)
    targets = _known_loops(ufunc, tuple(map(kind, operands)))
    return [converted(x, t) for x, t in zip(operands, targets, strict=True)]


def loop_dtypes(ufunc: np.ufunc, kinds: Sequence[Kind]) -> tuple[np.dtype[Any], ...]:
    """The element types in which NumPy's ufunc computes. Raises DTypeError where it has none for these."""
    asked = (*(WEAK[k] if isinstance(k, type) else k for k in kinds), *[None] * ufunc.nout)
    try:
        return tuple(ufunc.resolve_dtypes(asked)[: ufunc.nin])
    except TypeError:
        raise DTypeError(
            f"np.{ufunc.__name__} is not defined for these element types",
            got=", ".join(k.__name__ if isinstance(k, type) else str(k) for k in kinds),
            fix="convert with x.astype(...)",
            loc=user_location(),
        ) from None


def conversion(source: Kind, target: np.dtype[Any], traced_number: bool = False) -> Convert | None:
    """How an operand reaches the type of the loop; None where it is there.

    A number beside nothing but traced Python floats stays a number: so does the result.
    """
    if source is int or source is float:
        return None if traced_number else lambda x: typed_number(x, target)
    found = FLOAT64 if isinstance(source, type) else source
    return None if found == target else lambda x: cast(x, dtype=short_dtype(target))


def typed_number(x: float, dtype: np.dtype[Any]) -> np.ndarray[Any, Any]:
    """A Python number in an element type. Raises DTypeError where it does not fit."""
    try:
        return np.asarray(x, dtype)
    except OverflowError:
        raise DTypeError(
            "a Python int that the tensor's element type does not hold",
            expected=str(dtype),
            got=str(x)[:40],
            fix="x.astype(...) to a wider type first",
            loc=user_location(),
        ) from None


def fits(number: int, dtype: np.dtype[Any]) -> bool:
    if short_dtype(dtype) not in INTEGERS:
        return True
    info = np.iinfo(dtype)
    return int(info.min) <= number <= int(info.max)
