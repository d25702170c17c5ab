"""NumPy's reductions: sums, extremes, moments, counts and running sums.

`axis` is an integer, a tuple or None for all axes; `keepdims` leaves reduced axes with extent 1.  Sums and products of
bools and small integers are taken in 64 bits, means and variances of integers in float64, as NumPy does.
Raises AxisError for an axis outside the tensor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.errors import ShapeError
from graphc.ir.location import user_location
from graphc.ir.ops import reduce
from graphc.ir.ops.shape import expand, pad, reshape, slice_
from graphc.ir.poly import Size
from graphc.ir.primitive import Primitive
from graphc.ir.types import Shape, volume
from graphc.numpy import elementwise as ew
from graphc.numpy import formulas as fm
from graphc.numpy.axes import Axis, normalize_axes, normalize_axis, static_extent
from graphc.numpy.promote import as_tensor, cast_to, extent, to_bool, to_float


def _apply(op: Primitive, x: Any, axis: Axis, keepdims: bool) -> Any:
    axes = tuple(sorted(normalize_axes(axis, len(x.shape))))
    return _keep(op(x, axes=axes) if axes else x, x.shape, axes, keepdims)


def _keep(y: Any, shape: Shape, axes: tuple[int, ...], keepdims: bool) -> Any:
    return reshape(y, shape=kept_extents(shape, axes)) if keepdims and axes else y


def kept_extents(shape: Shape, axes: tuple[int, ...]) -> Shape:
    return tuple(1 if n in axes else e for n, e in enumerate(shape))


def _count(x: Any, axis: Axis) -> Any:
    """How many items are reduced: a number, or a tensor where an extent is symbolic."""
    size = volume(x.shape if axis is None else [x.shape[a] for a in normalize_axes(axis, len(x.shape))])
    return size if isinstance(size, int) else extent(size, x)


def _accumulator(x: Any, dtype: Any) -> Any:
    """x in the type that NumPy sums it in."""
    if dtype is not None:
        return cast_to(x, dtype)
    kind, size = x.dtype.kind, x.dtype.itemsize
    return cast_to(x, "u64" if kind == "u" else "i64") if kind in "biu" and size < 8 else x


# --------------------------------------------------------------------------------------------- sums and products


def sum(a: Any, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Any:  # noqa: A001 - NumPy's name
    return _apply(reduce.sum_, _accumulator(as_tensor(a), dtype), axis, keepdims)


def prod(a: Any, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Any:
    return _apply(reduce.prod, _accumulator(as_tensor(a), dtype), axis, keepdims)


def mean(a: Any, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Any:
    """NaN where there is nothing to average; float16 is summed in float32."""
    a = as_tensor(a)
    if a.dtype == np.float16 and dtype is None:
        return cast_to(mean(cast_to(a, "f32"), axis, None, keepdims), "f16")
    x = to_float(a) if dtype is None else cast_to(a, dtype)
    return ew.divide(sum(x, axis, None, keepdims), _in_type_of(_count(x, axis), x))


def _in_type_of(count: Any, x: Any) -> Any:
    return count if isinstance(count, int) else cast_to(count, x.dtype)


def var(
    a: Any, axis: Axis = None, dtype: Any = None, ddof: float = 0, keepdims: bool = False, *, correction: Any = None
) -> Any:
    """The mean squared distance from the mean, over count - ddof (or `correction`, its other name)."""
    a = as_tensor(a)
    if a.dtype == np.float16 and dtype is None:
        return cast_to(var(cast_to(a, "f32"), axis, None, ddof, keepdims, correction=correction), "f16")
    x = to_float(a) if dtype is None else cast_to(a, dtype)
    deviation = ew.subtract(x, mean(x, axis, None, True))
    squares = sum(ew.multiply(deviation, deviation), axis, None, keepdims)
    freedom = ew.subtract(_in_type_of(_count(x, axis), x), ddof if correction is None else correction)
    return ew.divide(squares, cast_to(as_tensor(ew.maximum(freedom, 0)), x.dtype))


def std(
    a: Any, axis: Axis = None, dtype: Any = None, ddof: float = 0, keepdims: bool = False, *, correction: Any = None
) -> Any:
    """The square root of `var`; where that is zero, so is the gradient."""
    return fm.length(var(a, axis, dtype, ddof, keepdims, correction=correction))


def average(a: Any, axis: Axis = None, weights: Any = None, keepdims: bool = False) -> Any:
    """sum(a * weights) / sum(weights); weights of a's shape, or of one axis."""
    a = as_tensor(a)
    if weights is None:
        return mean(a, axis, keepdims=keepdims)
    weights = as_tensor(weights)
    if len(weights.shape) == 1 and len(a.shape) > 1:
        shape = [1] * len(a.shape)
        shape[normalize_axes(axis, len(a.shape))[0]] = weights.shape[0]
        weights = expand(reshape(weights, shape=tuple(shape)), shape=a.shape)
    weighted = sum(ew.multiply(a, weights), axis, keepdims=keepdims)
    return ew.divide(weighted, sum(weights, axis, keepdims=keepdims))


def count_nonzero(a: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    return sum(to_bool(a), axis, keepdims=keepdims)


# ------------------------------------------------------------------------------------------------------- extremes


def _nonempty(name: str, x: Any, axes: tuple[int, ...]) -> None:
    if 0 in {x.shape[a] for a in axes}:
        raise ShapeError(
            f"`{name}` of no items",
            expected="an extent of 1 or more along the reduced axes",
            got=f"shape {x.shape}",
            loc=user_location(),
        )


def _extreme(name: str, op: Primitive, boolean: Primitive) -> Callable[[Any, Axis, bool], Any]:
    def extreme(a: Any, axis: Axis, keepdims: bool) -> Any:
        x = as_tensor(a)
        _nonempty(name, x, normalize_axes(axis, len(x.shape)))
        return _apply(boolean if x.dtype.kind == "b" else op, x, axis, keepdims)

    return extreme


_max, _min = _extreme("max", reduce.amax, reduce.any_), _extreme("min", reduce.amin, reduce.all_)


def max(a: Any, axis: Axis = None, keepdims: bool = False) -> Any:  # noqa: A001 - NumPy's name
    """NaN where there is one. Raises ShapeError where there is nothing."""
    return _max(a, axis, keepdims)


def min(a: Any, axis: Axis = None, keepdims: bool = False) -> Any:  # noqa: A001 - NumPy's name
    """NaN where there is one. Raises ShapeError where there is nothing."""
    return _min(a, axis, keepdims)


amax, amin = max, min


def ptp(a: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """max - min"""
    return ew.subtract(max(a, axis, keepdims), min(a, axis, keepdims))


def _position(op: Primitive, a: Any, axis: int | None, keepdims: bool) -> Any:
    x = as_tensor(a)
    x = cast_to(x, "u8") if x.dtype.kind == "b" else x
    if axis is None:
        flat = reshape(x, shape=(volume(x.shape),))
        return _keep(op(flat, axes=(0,)), x.shape, tuple(range(len(x.shape))), keepdims)
    if not x.shape:
        normalize_axis(axis, 1)
        return op(reshape(x, shape=(1,)), axes=(0,))
    axes = (normalize_axis(axis, len(x.shape)),)
    return _keep(op(x, axes=axes), x.shape, axes, keepdims)


def argmax(a: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """The position of the first maximum or NaN, as int64; in the flattened tensor where axis is None."""
    return _position(reduce.argmax, a, axis, keepdims)


def argmin(a: Any, axis: int | None = None, keepdims: bool = False) -> Any:
    """The position of the first minimum or NaN, as int64; in the flattened tensor where axis is None."""
    return _position(reduce.argmin, a, axis, keepdims)


# ------------------------------------------------------------------------------------------------------ questions


def any(a: Any, axis: Axis = None, keepdims: bool = False) -> Any:  # noqa: A001 - NumPy's name
    return _apply(reduce.any_, to_bool(a), axis, keepdims)


def all(a: Any, axis: Axis = None, keepdims: bool = False) -> Any:  # noqa: A001 - NumPy's name
    return _apply(reduce.all_, to_bool(a), axis, keepdims)


def allclose(a: Any, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Any:
    return all(fm.isclose(a, b, rtol, atol, equal_nan))


def array_equal(a1: Any, a2: Any, equal_nan: bool = False) -> Any:
    """Whether shapes and all items agree: False at once where the shapes differ, else a bool tensor."""
    a, b = as_tensor(a1), as_tensor(a2)
    if tuple(a.shape) != tuple(b.shape):
        return np.False_
    same = ew.equal(a, b)
    return all(ew.logical_or(same, ew.logical_and(ew.isnan(a), ew.isnan(b))) if equal_nan else same)


# ------------------------------------------------------------------------------------------------- skipping NaNs


def nansum(a: Any, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Any:
    return sum(_nan_as(a, 0), axis, dtype, keepdims)


def nanprod(a: Any, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Any:
    return prod(_nan_as(a, 1), axis, dtype, keepdims)


def nanmean(a: Any, axis: Axis = None, dtype: Any = None, keepdims: bool = False) -> Any:
    """The mean of what is no NaN; NaN where nothing is left."""
    x = to_float(a)
    count = sum(ew.invert(ew.isnan(x)), axis, x.dtype if dtype is None else dtype, keepdims)
    return ew.divide(nansum(x, axis, dtype, keepdims), count)


def nanmax(a: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The maximum of what is no NaN; NaN where nothing is left."""
    return _nan_extreme(max, -np.inf, a, axis, keepdims)


def nanmin(a: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The minimum of what is no NaN; NaN where nothing is left."""
    return _nan_extreme(min, np.inf, a, axis, keepdims)


def _nan_as(a: Any, value: float) -> Any:
    x = as_tensor(a)
    return fm.where(ew.isnan(x), value, x) if x.dtype.kind == "f" else x


def _nan_extreme(choose: Callable[..., Any], worst: float, a: Any, axis: Axis, keepdims: bool) -> Any:
    x = as_tensor(a)
    if x.dtype.kind != "f":
        return choose(x, axis, keepdims)
    best = choose(_nan_as(x, worst), axis, keepdims)
    return fm.where(all(ew.isnan(x), axis, keepdims), np.nan, best)


# --------------------------------------------------------------------------------------------------- running sums


def cumsum(a: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Running sums along an axis of fixed extent, of the flattened tensor where axis is None."""
    return _running(ew.add, 0, a, axis, dtype)


def cumprod(a: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Running products along an axis of fixed extent, of the flattened tensor where axis is None."""
    return _running(ew.multiply, 1, a, axis, dtype)


def _running(combine: Callable[..., Any], identity: int, a: Any, axis: int | None, dtype: Any) -> Any:
    """Hillis and Steele's scan: log2(n) steps, each combines with what lies 1, 2, 4, ... before."""
    x = _accumulator(as_tensor(a), dtype)
    if axis is None or not x.shape:
        x = reshape(x, shape=(volume(x.shape),))
    k = normalize_axis(0 if axis is None else axis, len(x.shape))
    n, step = static_extent(x.shape[k], "a running sum"), 1
    while step < n:
        x = combine(x, _delayed(x, k, step, identity))
        step *= 2
    return x


def _delayed(x: Any, axis: int, step: int, fill: int) -> Any:
    """x moved towards the end of the axis, `fill` at its beginning."""
    zero = (0,) * len(x.shape)
    sizes: tuple[Size, ...] = _replaced(x.shape, axis, x.shape[axis] - step)
    head = slice_(x, starts=zero, sizes=sizes, steps=(1,) * len(zero))
    return pad(head, low=_replaced(zero, axis, step), high=zero, value=float(fill))


def _replaced(items: tuple[Any, ...], position: int, item: Any) -> tuple[Any, ...]:
    return (*items[:position], item, *items[position + 1 :])


__all__ = [
    "all", "allclose", "amax", "amin", "any", "argmax", "argmin", "array_equal", "average", "count_nonzero",
    "cumprod", "cumsum", "max", "mean", "min", "nanmax", "nanmean", "nanmin", "nanprod", "nansum", "prod", "ptp",
    "std", "sum", "var",
]  # fmt: skip
