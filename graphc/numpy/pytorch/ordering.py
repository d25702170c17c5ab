"""Sorting, selecting and running along an axis: values with the positions where they were found."""

from __future__ import annotations

from typing import Any, NamedTuple

from graphc.errors import ShapeError
from graphc.ir.location import user_location
from graphc.ir.ops import scan
from graphc.ir.ops.along import gather_along
from graphc.numpy import cumulative, sorting
from graphc.numpy import elementwise as ew
from graphc.numpy import formulas as fm
from graphc.numpy import reductions as rd
from graphc.numpy.axes import normalize_axis, static_extent
from graphc.numpy.movement import moveaxis, ravel, squeeze
from graphc.numpy.promote import as_tensor, cast_to


class Found(NamedTuple):
    """Values, and where they were found along the axis."""

    values: Any
    indices: Any


# ------------------------------------------------------------------------------------------------------------ sorting


def sort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Found:
    """The items in order and their positions; NaN counts as the greatest.  Equals always keep their order."""
    return _found(input, sorting.argsort(input, dim, descending=descending), dim)


def argsort(input: Any, dim: int = -1, descending: bool = False, stable: bool = False) -> Any:
    """The positions of the items in order.  Equals always keep their order."""
    return sorting.argsort(input, dim, descending=descending)


def msort(input: Any) -> Any:
    """The items in order along the first axis."""
    return sorting.sort(input, 0)


def topk(input: Any, k: int, dim: int = -1, largest: bool = True, sorted: bool = True) -> Found:
    """The k largest or smallest items and their positions, always in order."""
    return Found(*sorting.top_k(input, k, axis=dim, mode="largest" if largest else "smallest"))


def kthvalue(input: Any, k: int, dim: int = -1, keepdim: bool = False) -> Found:
    """The k-th smallest item, counted from 1, and its position.  Raises ShapeError where there is none."""
    x = as_tensor(input)
    n = static_extent(x.shape[normalize_axis(dim, len(x.shape))], "kthvalue")
    if not 1 <= k <= n:
        raise ShapeError(f"there is no item number {k}", expected=f"1 to {n}", got=str(k), loc=user_location())
    last = sorting.top_k(x, k, axis=dim, mode="smallest")[1]
    return _found(x, moveaxis(moveaxis(last, dim, -1)[..., -1:], -1, dim), dim, keepdim)


def median(input: Any, dim: int | None = None, keepdim: bool = False) -> Any:
    """The middle item, of two the lower one (np.median gives their mean); with `dim` its position too.

    NaN where there is one.
    """
    x = as_tensor(input)
    return _middle(ravel(x), 0, False).values if dim is None else _middle(x, dim, keepdim)


def quantile(
    input: Any, q: Any, dim: int | None = None, keepdim: bool = False, *, interpolation: str = "linear"
) -> Any:
    """The item below which a share q lies; of all items without `dim`."""
    return sorting.quantile(input, q, dim, interpolation, keepdim)


def unique(
    input: Any,
    sorted: bool = True,
    return_inverse: bool = False,
    return_counts: bool = False,
    dim: int | None = None,
) -> Any:
    """The different items, always in order, off the tape."""
    return sorting.unique(input, False, return_inverse, return_counts, dim)


def searchsorted(sorted_sequence: Any, input: Any, *, right: bool = False) -> Any:
    """Where to put items into a sorted vector: before equals, or behind them."""
    return sorting.searchsorted(sorted_sequence, input, "right" if right else "left")


def bucketize(input: Any, boundaries: Any, *, right: bool = False) -> Any:
    """Between which boundaries items lie."""
    return searchsorted(boundaries, input, right=right)


# -------------------------------------------------------------------------------------------------------------- scans


def cumsum(input: Any, dim: int, *, dtype: Any = None) -> Any:
    return cumulative.cumsum(input, dim, dtype)


def cumprod(input: Any, dim: int, *, dtype: Any = None) -> Any:
    return cumulative.cumprod(input, dim, dtype)


def logcumsumexp(input: Any, dim: int) -> Any:
    return cumulative.logcumsumexp(input, dim)


def cummax(input: Any, dim: int) -> Found:
    """The greatest items so far and where they were; of equals the latest."""
    return _extreme(input, cumulative.cummax(input, dim), dim)


def cummin(input: Any, dim: int) -> Found:
    """The least items so far and where they were; of equals the latest."""
    return _extreme(input, cumulative.cummin(input, dim), dim)


# ------------------------------------------------------------------------------------------------------------ helpers


def _extreme(input: Any, values: Any, dim: int) -> Found:
    x = as_tensor(input)
    x = cast_to(x, "u8") if x.dtype.kind == "b" else x
    found = scan.extreme_position(cast_to(values, x.dtype), x, axis=normalize_axis(dim, len(x.shape)), reverse=False)
    return Found(values, found)


def _found(input: Any, indices: Any, dim: int, keepdim: bool = True) -> Found:
    """The items at these positions."""
    x = as_tensor(input)
    values = gather_along(x, indices, normalize_axis(dim, len(x.shape)))
    return Found(values, indices) if keepdim else Found(squeeze(values, dim), squeeze(indices, dim))


def _middle(x: Any, dim: int, keepdim: bool) -> Found:
    """The lower middle item, or the first NaN."""
    n = x.shape[normalize_axis(dim, len(x.shape))]
    middle = kthvalue(x, (n + 1) // 2, dim, True).indices
    if x.dtype.kind == "f":
        spoilt = rd.any(ew.isnan(x), dim, True)
        middle = fm.where(spoilt, rd.argmax(x, dim, True), middle)
    return _found(x, middle, dim, keepdim)


__all__ = [
    "argsort", "bucketize", "cummax", "cummin", "cumprod", "cumsum", "kthvalue", "logcumsumexp", "median", "msort",
    "quantile", "searchsorted", "sort", "topk", "unique",
]  # fmt: skip
