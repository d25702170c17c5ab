"""Reductions with PyTorch's arguments: `dim` (an integer, several, or None for all) and `keepdim`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from graphc.numpy import elementwise as ew
from graphc.numpy import linalg
from graphc.numpy import reductions as rd
from graphc.numpy import special as sp
from graphc.numpy.axes import Axis, normalize_axis
from graphc.numpy.indexing import take_along_axis
from graphc.numpy.movement import squeeze
from graphc.numpy.promote import as_tensor, cast_to

Function = Callable[..., Any]


class Extreme(NamedTuple):
    """Of `max` and `min` along an axis."""

    values: Any
    indices: Any


class Bounds(NamedTuple):
    """Of `aminmax`."""

    min: Any
    max: Any


def _axis(dim: Axis) -> Axis:
    """PyTorch's empty `dim` stands for all."""
    return None if dim in ((), []) else dim


# --------------------------------------------------------------------------------------------- sums and products


def sum(input: Any, dim: Axis = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    return rd.sum(input, _axis(dim), dtype, keepdim)


def nansum(input: Any, dim: Axis = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    return rd.nansum(input, _axis(dim), dtype, keepdim)


def mean(input: Any, dim: Axis = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    return rd.mean(input, _axis(dim), dtype, keepdim)


def nanmean(input: Any, dim: Axis = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    return rd.nanmean(input, _axis(dim), dtype, keepdim)


def prod(input: Any, dim: Axis = None, keepdim: bool = False, *, dtype: Any = None) -> Any:
    return rd.prod(input, dim, dtype, keepdim)


def count_nonzero(input: Any, dim: Axis = None) -> Any:
    return rd.count_nonzero(input, _axis(dim))


def logsumexp(input: Any, dim: Axis, keepdim: bool = False) -> Any:
    """log(sum(exp(input))), without overflow."""
    return sp.logsumexp(input, dim, None, keepdim)


# -------------------------------------------------------------------------------------------------------- moments


def var(
    input: Any,
    dim: Axis = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Any:
    """The mean squared distance from the mean, over count - correction: 1, or 0 if not `unbiased`."""
    return rd.var(input, _axis(dim), None, _freedom(unbiased, correction), keepdim)


def std(
    input: Any,
    dim: Axis = None,
    unbiased: bool = True,
    keepdim: bool = False,
    *,
    correction: float | None = None,
) -> Any:
    """The square root of `var`."""
    return rd.std(input, _axis(dim), None, _freedom(unbiased, correction), keepdim)


def _freedom(unbiased: bool, correction: float | None) -> float:
    return int(unbiased) if correction is None else correction


def var_mean(input: Any, dim: Axis = None, **options: Any) -> tuple[Any, Any]:
    """`var` with its options, and the mean."""
    return var(input, dim, **options), mean(input, dim, options.get("keepdim", False))


def std_mean(input: Any, dim: Axis = None, **options: Any) -> tuple[Any, Any]:
    """`std` with its options, and the mean."""
    return std(input, dim, **options), mean(input, dim, options.get("keepdim", False))


# ---------------------------------------------------------------------------------------------------------- norms


def norm(input: Any, p: Any = 2, dim: Axis = None, keepdim: bool = False) -> Any:
    """Of all items, or along axes, as of one vector; p is a number, or "fro" for 2.  The gradient at zero is zero."""
    return vector_norm(input, 2 if p == "fro" else p, dim, keepdim)


def vector_norm(x: Any, ord: float = 2, dim: Axis = None, keepdim: bool = False) -> Any:
    """As `norm`."""
    return linalg.vector_norm(x, axis=dim, keepdims=keepdim, ord=ord)


# ------------------------------------------------------------------------------------------------------- extremes


def amax(input: Any, dim: Axis = (), keepdim: bool = False) -> Any:
    """The maximum; equals share the gradient."""
    return rd.max(input, _axis(dim), keepdim)


def amin(input: Any, dim: Axis = (), keepdim: bool = False) -> Any:
    """The minimum; equals share the gradient."""
    return rd.min(input, _axis(dim), keepdim)


def aminmax(input: Any, *, dim: Axis = None, keepdim: bool = False) -> Bounds:
    return Bounds(rd.min(input, dim, keepdim), rd.max(input, dim, keepdim))


def _extreme(whole: Function, of_two: Function, position: Function, name: str) -> Function:
    def extreme(input: Any, dim: Any = None, keepdim: bool = False) -> Any:
        if dim is None:
            return whole(input)
        if hasattr(dim, "dtype"):
            return of_two(input, dim)
        x = as_tensor(input)
        if not x.shape:
            normalize_axis(dim, 1)
            return Extreme(x, position(x, dim))
        indices = position(x, dim, True)
        values = take_along_axis(x, indices, dim)
        return Extreme(values, indices) if keepdim else Extreme(squeeze(values, dim), squeeze(indices, dim))

    extreme.__name__ = extreme.__qualname__ = name
    extreme.__doc__ = (
        f"`{name}(x)` of all items, whose gradient equals share; `{name}(x, y)` of two tensors, elementwise;\n"
        f"`{name}(x, dim)` along an axis: values and indices, where the first of equals takes the whole gradient."
    )
    return extreme


max = _extreme(rd.max, ew.maximum, rd.argmax, "max")
min = _extreme(rd.min, ew.minimum, rd.argmin, "min")


def argmax(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    return rd.argmax(input, dim, keepdim)


def argmin(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    return rd.argmin(input, dim, keepdim)


# ------------------------------------------------------------------------------------------------------ questions


def any(input: Any, dim: Axis = None, keepdim: bool = False) -> Any:
    return rd.any(input, _axis(dim), keepdim)


def all(input: Any, dim: Axis = None, keepdim: bool = False) -> Any:
    return rd.all(input, _axis(dim), keepdim)


def equal(input: Any, other: Any) -> bool:
    """Whether shapes and all items agree, as a bool."""
    return bool(rd.array_equal(input, other))


# ----------------------------------------------------------------------------------------------------- along rows


def softmax(input: Any, dim: Axis, dtype: Any = None) -> Any:
    """exp(input) / sum(exp(input)) along an axis."""
    return sp.softmax(_in(input, dtype), dim)


def log_softmax(input: Any, dim: Axis, dtype: Any = None) -> Any:
    """input - logsumexp(input) along an axis."""
    return sp.log_softmax(_in(input, dtype), dim)


def _in(x: Any, dtype: Any) -> Any:
    return x if dtype is None else cast_to(as_tensor(x), dtype)


__all__ = [
    "all", "amax", "amin", "aminmax", "any", "argmax", "argmin", "count_nonzero", "equal", "log_softmax", "logsumexp",
    "max", "mean", "min", "nanmean", "nansum", "norm", "prod", "softmax", "std", "std_mean", "sum", "var", "var_mean",
    "vector_norm",
]  # fmt: skip
