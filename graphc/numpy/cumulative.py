"""Running sums, products and extremes, and what is made of them.

`axis` is an integer; None, the default of NumPy's older names, runs over the flattened tensor.  Sums and products of
bools and small integers are taken in 64 bits.  Raises AxisError for an axis outside the tensor.
"""

from __future__ import annotations

from typing import Any

from graphc.errors import AxisError
from graphc.ir.location import user_location
from graphc.ir.ops import scan
from graphc.ir.ops.arithmetic import stop_gradient
from graphc.ir.primitive import Primitive
from graphc.ir.types import broadcast_shapes
from graphc.numpy import elementwise as ew
from graphc.numpy import formulas as fm
from graphc.numpy import reductions as rd
from graphc.numpy.axes import normalize_axis
from graphc.numpy.indexing import getitem
from graphc.numpy.joining import concatenate, diff
from graphc.numpy.movement import broadcast_to, ravel
from graphc.numpy.promote import as_tensor, cast_to, promote, to_float


def _along(a: Any, axis: int | None) -> tuple[Any, int]:
    """A tensor and an axis that it has: NumPy's rule for None and for 0-d tensors."""
    x = as_tensor(a)
    if axis is None or not x.shape:
        axis = 0 if axis is None else normalize_axis(axis, 1)
        return ravel(x), axis
    return x, normalize_axis(axis, len(x.shape))


# ---------------------------------------------------------------------------------------------- sums and products


def cumsum(a: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Running sums."""
    return _running(scan.cumsum, a, axis, dtype)


def cumprod(a: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Running products; their gradient is right with zeros among the factors."""
    return _running(scan.cumprod, a, axis, dtype)


def _running(op: Primitive, a: Any, axis: int | None, dtype: Any) -> Any:
    x, axis = _along(rd.accumulator(as_tensor(a), dtype), axis)
    return op(x, axis=axis, reverse=False, exclusive=False)


def cumulative_sum(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
    """Running sums; with `include_initial` one item more, the sum of none, comes first.

    Raises AxisError where there are several axes and none is named.
    """
    y, axis = _of_one_axis(scan.cumsum, x, axis, dtype)
    return _after(0, y, axis) if include_initial else y


def cumulative_prod(x: Any, /, *, axis: int | None = None, dtype: Any = None, include_initial: bool = False) -> Any:
    """Running products; with `include_initial` one item more, the product of none, comes first.

    Raises AxisError where there are several axes and none is named.
    """
    y, axis = _of_one_axis(scan.cumprod, x, axis, dtype)
    return _after(1, y, axis) if include_initial else y


def _of_one_axis(op: Primitive, x: Any, axis: int | None, dtype: Any) -> tuple[Any, int]:
    x = as_tensor(x)
    if axis is None and len(x.shape) != 1:
        raise AxisError(
            "which axis is to be run along?",
            expected="an axis, as there is not just one",
            got=f"shape {x.shape}",
            fix="axis=-1, or np.ravel(x)",
            loc=user_location(),
        )
    axis = normalize_axis(0 if axis is None else axis, len(x.shape))
    return _running(op, x, axis, dtype), axis


def _after(first: int, y: Any, axis: int) -> Any:
    shape = (*y.shape[:axis], 1, *y.shape[axis + 1 :])
    return concatenate([broadcast_to(cast_to(as_tensor(first), y.dtype), shape), y], axis)


def nancumsum(a: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Running sums of what is no NaN."""
    return cumsum(rd.nan_as(a, 0), axis, dtype)


def nancumprod(a: Any, axis: int | None = None, dtype: Any = None) -> Any:
    """Running products of what is no NaN."""
    return cumprod(rd.nan_as(a, 1), axis, dtype)


# ------------------------------------------------------------------------------------------------------- extremes


def cummax(a: Any, axis: int | None = None) -> Any:
    """The greatest of the items so far; NaN from the first one on.  np.maximum.accumulate(a, axis)"""
    return _extreme(scan.cummax, a, axis)


def cummin(a: Any, axis: int | None = None) -> Any:
    """The least of the items so far; NaN from the first one on.  np.minimum.accumulate(a, axis)"""
    return _extreme(scan.cummin, a, axis)


def _extreme(op: Primitive, a: Any, axis: int | None) -> Any:
    x, axis = _along(a, axis)
    if x.dtype.kind == "b":
        return cast_to(op(cast_to(x, "u8"), axis=axis, reverse=False), "bool")
    return op(x, axis=axis, reverse=False)


# ----------------------------------------------------------------------------------------------------- recurrences


def linear_recurrence(a: Any, b: Any, axis: int = -1, reverse: bool = False) -> Any:
    """y[i] = a[i] * y[i - 1] + b[i] along an axis, from y[-1] = 0: filters, discounted sums, linear recurrent layers.

    a and b broadcast; `reverse` runs from the end.  Integers are taken as float64.
    """
    a, b = promote(to_float(a), to_float(b))
    shape = broadcast_shapes("linear_recurrence", [tuple(a.shape), tuple(b.shape)])
    a, b = broadcast_to(a, shape), broadcast_to(b, shape)
    return scan.recurrence(a, b, axis=normalize_axis(axis, len(shape)), reverse=reverse, exclusive=False)


def logcumsumexp(a: Any, axis: int | None = None) -> Any:
    """log(cumsum(exp(a))), without overflow.  np.logaddexp.accumulate(a, axis)

    The sums are kept in units of exp(the maximum so far), which only grows.
    """
    x, axis = _along(to_float(a), axis)
    top = stop_gradient(scan.cummax(x, axis=axis, reverse=False))
    top = fm.where(fm.isfinite(top), top, 0)
    shrinking = ew.exp(ew.minimum(ew.subtract(scan.delayed(top, 0.0, axis), top), 0))
    terms = ew.exp(ew.subtract(x, top))
    sums = scan.recurrence(shrinking, terms, axis=axis, reverse=False, exclusive=False)
    return ew.add(ew.log(sums), top)


def trapezoid(y: Any, x: Any = None, dx: float = 1.0, axis: int = -1) -> Any:
    """The integral of y by the trapezoidal rule, at places x (of y's shape or of its axis) or dx apart."""
    y = as_tensor(y)
    axis = normalize_axis(axis, len(y.shape))
    if x is None:
        step: Any = dx
    else:
        x = as_tensor(x)
        step = diff(x, axis=axis if len(x.shape) > 1 else 0)
        if len(x.shape) == 1:
            step = getitem(step, (..., *(None,) * (len(y.shape) - 1 - axis)))
    before, after = (getitem(y, (slice(None),) * axis + (s,)) for s in (slice(None, -1), slice(1, None)))
    return rd.sum(ew.divide(ew.multiply(step, ew.add(before, after)), 2.0), axis)


__all__ = [
    "cummax", "cummin", "cumprod", "cumsum", "cumulative_prod", "cumulative_sum", "linear_recurrence", "logcumsumexp",
    "nancumprod", "nancumsum", "trapezoid",
]  # fmt: skip
