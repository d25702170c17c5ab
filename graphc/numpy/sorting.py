"""Sorting, searching a sorted row, and order statistics.

NaN comes last, as in NumPy; positions are stable: equals keep their order, whatever `kind` asks for.  `axis` is an
integer, None for the flattened tensor.  Raises AxisError for an axis outside the tensor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.errors import ConcretizationError, OptionError, ShapeError, UnsupportedError
from graphc.ir.location import user_location
from graphc.ir.ops import sort as ops
from graphc.ir.ops.along import gather_along
from graphc.ir.types import volume
from graphc.numpy import elementwise as ew
from graphc.numpy import formulas as fm
from graphc.numpy import reductions as rd
from graphc.numpy.axes import Axis, normalize_axes, normalize_axis, static_extent
from graphc.numpy.indexing import getitem, take
from graphc.numpy.movement import expand_dims, moveaxis, ravel, reshape, transpose
from graphc.numpy.promote import as_tensor, cast_to, constant_in_world, extent, promote, to_float

KINDS = (None, "quicksort", "mergesort", "heapsort", "stable")


def _rows(a: Any, axis: int | None) -> tuple[Any, Callable[[Any], Any]]:
    """The tensor with the axis last, and the way back."""
    x = as_tensor(a)
    if axis is None:
        return ravel(x), lambda y: y
    axis = normalize_axis(axis, len(x.shape))
    return moveaxis(x, axis, -1), lambda y: moveaxis(y, -1, axis)


# -------------------------------------------------------------------------------------------------------- sorting


def sort(
    a: Any, axis: int | None = -1, kind: str | None = None, *, descending: bool = False, stable: bool | None = None
) -> Any:
    """The items in order.  The gradient of an item of the result goes to where it came from."""
    _check_kind(kind)
    x, back = _rows(a, axis)
    return back(ops.sort(x, descending=descending))


def argsort(
    a: Any, axis: int | None = -1, kind: str | None = None, *, descending: bool = False, stable: bool | None = None
) -> Any:
    """The positions of the items in order, as int64."""
    _check_kind(kind)
    x, back = _rows(a, axis)
    return back(ops.argsort(x, descending=descending))


def _check_kind(kind: str | None) -> None:
    if kind not in KINDS:
        raise OptionError(
            "not a kind of sort", expected=", ".join(map(repr, KINDS)), got=repr(kind), loc=user_location()
        )


def partition(a: Any, kth: Any, axis: int | None = -1) -> Any:
    """Items not greater than that at position `kth` before it, others behind: all of them are in order here."""
    _check_kth(a, kth, axis)
    return sort(a, axis)


def argpartition(a: Any, kth: Any, axis: int | None = -1) -> Any:
    """The positions that `partition` takes its items from."""
    _check_kth(a, kth, axis)
    return argsort(a, axis)


def _check_kth(a: Any, kth: Any, axis: int | None) -> None:
    """Raises ShapeError for a position outside."""
    n = _rows(a, axis)[0].shape[-1]
    wrong = [k for k in np.ravel(np.asarray(kth)).tolist() if isinstance(n, int) and not -n <= k < n]
    if wrong:
        raise ShapeError("a position outside of the axis", expected=f"[-{n}, {n})", got=str(wrong), loc=user_location())


def top_k(x: Any, k: int, /, axis: int = -1, mode: str = "largest") -> tuple[Any, Any]:
    """The k largest (or, with mode "smallest", smallest) items in that order, and their positions, as int64.

    NaN counts as larger than any number.  Of equals the earlier one comes first.  The extent along the axis is fixed.
    Raises ShapeError unless 0 <= k <= extent.
    """
    if mode not in ("largest", "smallest"):
        raise OptionError(
            "top_k takes the largest or the smallest",
            expected='"largest", "smallest"',
            got=repr(mode),
            loc=user_location(),
        )
    rows, back = _rows(x, axis)
    found = ops.top_k(rows, k=int(k), largest=mode == "largest")
    return back(gather_along(rows, found, len(rows.shape) - 1)), back(found)


def unique(
    ar: Any,
    return_index: bool = False,
    return_inverse: bool = False,
    return_counts: bool = False,
    axis: int | None = None,
    *,
    equal_nan: bool = True,
) -> Any:
    """The different items in order, as a constant.

    Raises UnsupportedError for a traced tensor: how many there are depends on data.
    """
    x = as_tensor(ar)
    try:
        array = np.asarray(x)
    except ConcretizationError:
        raise UnsupportedError(
            "how many items are different depends on data: a graph has no shape for them",
            expected="a tensor whose values are known",
            got=repr(x),
            fix="np.sort(x), whose first of every run of equals is a different item",
            loc=user_location(),
        ) from None
    find: Any = np.unique
    found = find(array, return_index, return_inverse, return_counts, axis, equal_nan=equal_nan)
    if isinstance(found, tuple):
        return tuple(constant_in_world(f, x) for f in found)
    return constant_in_world(found, x)


# ------------------------------------------------------------------------------------------------------- searching


def searchsorted(a: Any, v: Any, side: str = "left") -> Any:
    """Where to insert the items of v into the sorted row a: before its equals, or with side "right" behind them; int64.

    Bisection in steps of powers of two, for all items at once.  Raises ShapeError unless a is a row of fixed extent.
    """
    row, wanted = promote(as_tensor(a), as_tensor(v))
    if side not in ("left", "right"):
        raise OptionError("searchsorted", expected='side "left" or "right"', got=repr(side), loc=user_location())
    if len(row.shape) != 1:
        raise ShapeError("searchsorted looks into one sorted row", got=f"shape {row.shape}", loc=user_location())
    n = static_extent(row.shape[0], "searchsorted")
    place: Any = cast_to(fm.where(ew.equal(wanted, wanted), 0, 0), "i64")
    step = 1 << n.bit_length() >> 1
    while step:
        further = ew.add(place, step)
        item = take(row, ew.subtract(ew.minimum(further, n), 1), 0)
        goes = ew.logical_and(ew.less_equal(further, n), _is_before(item, wanted, side))
        place = fm.where(goes, further, place)
        step >>= 1
    return place


def _is_before(item: Any, wanted: Any, side: str) -> Any:
    """In an order where NaN is the greatest."""
    before = ew.less(item, wanted) if side == "left" else ew.less_equal(item, wanted)
    if item.dtype.kind != "f":
        return before
    beyond = ew.isnan(wanted)
    return ew.logical_or(before, ew.logical_and(beyond, ew.invert(ew.isnan(item))) if side == "left" else beyond)


def digitize(x: Any, bins: Any, right: bool = False) -> Any:
    """The number of the bin of every item; an edge belongs to the bin above it, with `right` to that below.

    Edges that fall are recognised where their values are known.
    """
    side, edges = "left" if right else "right", as_tensor(bins)
    if isinstance(edges, np.ndarray) and edges.ndim == 1 and edges.size > 1 and edges[0] > edges[-1]:
        return ew.subtract(edges.size, searchsorted(edges[::-1], x, side))
    return searchsorted(edges, x, side)


# ------------------------------------------------------------------------------------------------ order statistics


def _flat_rows(a: Any, axis: Axis) -> tuple[Any, tuple[int, ...]]:
    """The reduced axes as one, which is the last, in order; and which they were."""
    x = as_tensor(a)
    axes = tuple(sorted(normalize_axes(axis, len(x.shape))))
    kept = [k for k in range(len(x.shape)) if k not in axes]
    moved = transpose(x, (*kept, *axes))
    rows = reshape(moved, (*(x.shape[k] for k in kept), volume(x.shape[k] for k in axes)))
    return ops.sort(rows, descending=False), axes


def _kept(y: Any, axes: tuple[int, ...], keepdims: bool, lead: int = 0) -> Any:
    return expand_dims(y, tuple(k + lead for k in axes)) if keepdims and axes else y


def median(a: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The item in the middle, or the mean of the two there; NaN where there is one."""
    rows, axes = _flat_rows(a, axis)
    n = static_extent(rows.shape[-1], "a median")
    if n == 0:
        return _kept(rd.mean(rows, -1), axes, keepdims)
    middle = rd.mean(getitem(rows, (..., slice((n - 1) // 2, n // 2 + 1))), -1)
    return _kept(_spoilt(middle, rows), axes, keepdims)


def _spoilt(y: Any, rows: Any) -> Any:
    """NaN where a sorted row has one, which is last."""
    if rows.dtype.kind != "f":
        return y
    last = getitem(rows, (..., -1))
    return fm.where(ew.isnan(last), last, y)


def nanmedian(a: Any, axis: Axis = None, keepdims: bool = False) -> Any:
    """The median of what is no NaN; NaN where nothing is left."""
    return (
        nanquantile(a, 0.5, axis, "linear", keepdims) if as_tensor(a).dtype.kind == "f" else median(a, axis, keepdims)
    )


METHODS = ("linear", "lower", "higher", "midpoint", "nearest")


def quantile(a: Any, q: Any, axis: Axis = None, method: str = "linear", keepdims: bool = False) -> Any:
    """The value below which lies the share q of the items; the axes of q come first.  NaN where there is one.

    `method`, for a place between two items: "linear", "lower", "higher", "midpoint" or "nearest" (the even one of two).
    Raises OptionError for another, or where q is known and outside [0, 1].
    """
    return _quantile(a, _share(a, q, 1), axis, method, keepdims, skips=False)


def percentile(a: Any, q: Any, axis: Axis = None, method: str = "linear", keepdims: bool = False) -> Any:
    """`quantile` of q / 100."""
    return _quantile(a, _share(a, q, 100), axis, method, keepdims, skips=False)


def nanquantile(a: Any, q: Any, axis: Axis = None, method: str = "linear", keepdims: bool = False) -> Any:
    """The quantile of what is no NaN; NaN where nothing is left."""
    return _quantile(a, _share(a, q, 1), axis, method, keepdims, skips=True)


def nanpercentile(a: Any, q: Any, axis: Axis = None, method: str = "linear", keepdims: bool = False) -> Any:
    """`nanquantile` of q / 100."""
    return _quantile(a, _share(a, q, 100), axis, method, keepdims, skips=True)


def _share(a: Any, q: Any, whole: int) -> Any:
    """q as a share of one, in a's type if it is a number.  Raises OptionError where it is known and no share."""
    x = as_tensor(a)
    share = as_tensor(q)
    if type(q) in (int, float) and x.dtype.kind == "f":
        share = cast_to(share, x.dtype)
    share = ew.divide(to_float(share), np.asarray(whole, to_float(share).dtype)) if whole != 1 else to_float(share)
    if isinstance(share, np.ndarray | np.generic) and not np.all((np.asarray(share) >= 0) & (np.asarray(share) <= 1)):
        raise OptionError(
            "a quantile is a share of the items", expected=f"in [0, {whole}]", got=repr(q), loc=user_location()
        )
    return share


def _quantile(a: Any, share: Any, axis: Axis, method: str, keepdims: bool, *, skips: bool) -> Any:
    if method not in METHODS:
        raise OptionError(
            "not a way to interpolate", expected=", ".join(METHODS), got=repr(method), loc=user_location()
        )
    rows, axes = _flat_rows(a, axis)
    if rows.dtype.kind == "b":
        rows = cast_to(rows, "f64")
    lead = len(share.shape)
    found = _between(rows, reshape(share, (-1,)), method, skips)
    y = moveaxis(found, -1, 0)
    y = reshape(y, (*share.shape, *y.shape[1:]))
    return _kept(y, axes, keepdims, lead)


def _between(rows: Any, shares: Any, method: str, skips: bool) -> Any:
    """[..., n] and [k] -> [..., k]"""
    last = cast_to(_last(rows, skips), shares.dtype)
    place = ew.multiply(last, shares)
    below, above = ew.floor(place), ew.ceil(place)
    if method in ("lower", "higher", "nearest"):
        chosen = {"lower": below, "higher": above, "nearest": ew.rint(place)}[method]
        y = _items(rows, chosen)
        return y if skips else _all_spoilt(y, rows)
    above = ew.minimum(ew.add(below, 1), last)
    weight = ew.subtract(place, below)
    if method == "midpoint":
        weight = cast_to(fm.where(ew.equal(weight, 0), 0.0, 0.5), weight.dtype)
    y = _lerp(_items(rows, below), _items(rows, above), weight)
    return y if skips else _all_spoilt(y, rows)


def _last(rows: Any, skips: bool) -> Any:
    """The position of the last item, or with `skips` the last that is no NaN, with an axis of 1 for shares."""
    if skips and rows.dtype.kind == "f":
        count = rd.sum(ew.invert(ew.isnan(rows)), -1, keepdims=True)
        return ew.maximum(ew.subtract(count, 1), 0)
    n = rows.shape[-1]
    return np.asarray(n - 1) if isinstance(n, int) else ew.subtract(extent(n, rows), 1)


def _items(rows: Any, place: Any) -> Any:
    """Of every row those at the same places, a row of them, or those at places of its own."""
    place, last = cast_to(place, "i64"), len(rows.shape) - 1
    return take(rows, place, last) if len(place.shape) == 1 else gather_along(rows, place, last)


def _all_spoilt(y: Any, rows: Any) -> Any:
    if rows.dtype.kind != "f":
        return y
    last = getitem(rows, (..., slice(-1, None)))
    return fm.where(ew.isnan(last), last, y)


def _lerp(low: Any, high: Any, weight: Any) -> Any:
    """From the nearer end, so that it is monotone and exact at both."""
    span = ew.subtract(high, low)
    from_low = ew.add(low, ew.multiply(span, weight))
    from_high = ew.subtract(high, ew.multiply(span, ew.subtract(1, weight)))
    return fm.where(ew.greater_equal(weight, 0.5), from_high, from_low)


__all__ = [
    "argpartition", "argsort", "digitize", "median", "nanmedian", "nanpercentile", "nanquantile", "partition",
    "percentile", "quantile", "searchsorted", "sort", "top_k", "unique",
]  # fmt: skip
