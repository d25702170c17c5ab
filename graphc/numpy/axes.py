"""Axes as users write them (negative, None, several) to axes as primitives take them."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from graphc.errors import AxisError, DimensionError
from graphc.ir.location import user_location
from graphc.ir.poly import Size

Axis = int | Sequence[int] | None


def normalize_axis(axis: Any, ndim: int) -> int:
    """An axis in 0..ndim-1. Raises AxisError for one outside [-ndim, ndim), or that is no integer."""
    try:
        number = operator.index(axis)
    except TypeError:
        raise AxisError("an axis is an integer", got=repr(axis), loc=user_location()) from None
    if not -ndim <= number < ndim:
        raise AxisError(
            f"axis {number} is outside of a tensor with {ndim} axes",
            expected=f"an axis in [-{ndim}, {ndim})" if ndim else "no axis: the tensor is 0-d",
            got=str(number),
            loc=user_location(),
        )
    return number % ndim


def normalize_axes(axis: Axis, ndim: int) -> tuple[int, ...]:
    """Several in the order given; None stands for all. Raises AxisError for one named twice."""
    if axis is None:
        return tuple(range(ndim))
    if not isinstance(axis, Sequence):
        return (normalize_axis(axis, ndim),)
    axes = tuple(normalize_axis(a, ndim) for a in axis)
    if len(set(axes)) != len(axes):
        raise AxisError("an axis is named twice", got=str(tuple(axis)), loc=user_location())
    return axes


def static_extent(extent: Size, use: str) -> int:
    """The extent as a number. Raises DimensionError for a symbolic one."""
    if isinstance(extent, int):
        return extent
    raise DimensionError(
        f"{use} needs a number, and the extent is symbolic",
        expected="an integer",
        got=str(extent),
        fix="use whole-array operations, or a fixed extent",
        loc=user_location(),
    )
