"""Indexing: `x[...]` in NumPy's full grammar but for traced masks, and the functions that pick by index.

A tuple of indices is taken in three steps: slices, integers and new axes are views; arrays are broadcast against each
other; then one gather.  Integers known while tracing are checked at once, traced ones when the code runs.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from types import EllipsisType
from typing import Any

import numpy as np

from graphc.errors import ConcretizationError, DimensionError, IndexingError, UnsupportedError
from graphc.ir.location import user_location
from graphc.ir.ops import index as picks
from graphc.ir.ops import shape as views
from graphc.ir.ops.source import iota
from graphc.ir.poly import Poly, Size, as_size
from graphc.ir.primitive import source_like
from graphc.ir.types import Shape, broadcast_shapes
from graphc.numpy import elementwise as ew
from graphc.numpy.axes import normalize_axis
from graphc.numpy.movement import broadcast_arrays, broadcast_to, ravel, reshape, swapaxes, transpose
from graphc.numpy.promote import as_tensor
from graphc.records import dataclass

# ------------------------------------------------------------------------------------------------ the index tuple


@dataclass(frozen=True, slots=True)
class Cut:
    """A slice of an axis: `size` items from `start`, `step` > 0 apart, read backwards where `flipped`."""

    start: Size
    size: Size
    step: int = 1
    flipped: bool = False


@dataclass(frozen=True, slots=True)
class Picked:
    """An axis indexed by a tensor of integers."""

    items: Any


@dataclass(frozen=True, slots=True)
class Found:
    """Where a known mask is True along an axis, which must be as long as the mask."""

    where: np.ndarray[Any, Any]
    extent: int


Item = Cut | Picked | int | None
"""A slice, an array, an integer position, or None for a new axis."""


def getitem(x: Any, key: Any) -> Any:
    """x[key]. Raises IndexingError for what is out of range, too much, or no index; views share no copy."""
    items = _items(x.shape, key if isinstance(key, tuple) else (key,))
    arrays = [i for i in items if isinstance(i, Picked)]
    return _advanced(x, items) if arrays else _basic(x, items)


def _items(shape: Shape, key: tuple[Any, ...]) -> list[Item]:
    """One item per axis of x, and None for each new one."""
    parts = [p for k in key for p in _unmask(k)]
    used = sum(p is not None and p is not ... for p in parts)
    if used > len(shape):
        raise IndexingError(
            "too many indices",
            expected=f"at most {len(shape)} for shape {_show(shape)}",
            got=str(used),
            loc=user_location(),
        )
    full, axes, out = _filled(parts, len(shape) - used), iter(shape), list[Item]()
    for p in full:
        out.append(None if p is None else _item(p, next(axes)))
    return out


def _filled(parts: list[Any], missing: int) -> list[Any]:
    """The ellipsis, or the end where there is none, replaced by full slices."""
    dots = [k for k, p in enumerate(parts) if isinstance(p, EllipsisType)]
    if len(dots) > 1:
        raise IndexingError("an index has one ellipsis at most", got=f"{len(dots)} of them", loc=user_location())
    where = dots[0] if dots else len(parts)
    return parts[:where] + [slice(None)] * missing + parts[where + len(dots) :]


def _unmask(k: Any) -> list[Any]:
    """A mask whose values are known counts as the positions of its True items; others are handed on."""
    if k is None or (isinstance(k, slice | EllipsisType | int | Poly) and not isinstance(k, bool)):
        return [k]
    array = as_tensor(k)
    if array.dtype.kind != "b":
        return [array.astype(np.int64) if isinstance(k, list) and not k else array]
    if not array.shape:
        raise IndexingError("a single bool is no index", got=repr(k), fix="np.where(k, x, 0)", loc=user_location())
    try:
        mask = np.asarray(array)
        return [Found(where, n) for where, n in zip(np.nonzero(mask), mask.shape, strict=True)]
    except ConcretizationError:
        raise IndexingError(
            "a traced mask selects a number of items that depends on data",
            expected="integers, slices, None, ... or integer tensors",
            got=repr(k),
            fix="np.where(mask, x, 0), which keeps the shape",
            loc=user_location(),
        ) from None


def _item(p: Any, extent: Size) -> Item:
    if isinstance(p, slice):
        return _cut(p, extent)
    if isinstance(p, Poly):
        raise DimensionError("a symbolic extent is no index", got=str(p), loc=user_location())
    if isinstance(p, int):
        return _position(p, extent)
    if isinstance(p, Found):
        return _found(p, extent)
    if p.dtype.kind not in "iu":
        raise IndexingError(
            "an index is an integer, a slice, None, ... or a tensor of integers", got=f"{p.dtype}", loc=user_location()
        )
    known = isinstance(p, np.ndarray | np.generic)
    if known and not p.shape:
        return _position(int(p), extent)
    if known and isinstance(extent, int) and p.size and not -extent <= p.min() <= p.max() < extent:
        raise _out_of_range(int(p.max()) if p.max() >= extent else int(p.min()), extent)
    return Picked(p)


def _found(mask: Found, extent: Size) -> Picked:
    if mask.extent != extent:
        raise IndexingError(
            "a mask has the extent of the axis it selects from",
            expected=str(extent),
            got=str(mask.extent),
            loc=user_location(),
        )
    return Picked(mask.where)


def _position(k: int, extent: Size) -> Item:
    """A checked position; along a symbolic axis the check waits for the run, as that of an array does."""
    if not isinstance(extent, int):
        return Picked(np.asarray(k))
    if not -extent <= k < extent:
        raise _out_of_range(k, extent)
    return k % extent


def _out_of_range(k: int, extent: int) -> IndexingError:
    return IndexingError(
        f"index {k} is outside of an axis of {extent}",
        expected=f"an index in [-{extent}, {extent})",
        got=str(k),
        loc=user_location(),
    )


def _show(shape: Shape) -> str:
    return f"({', '.join(map(str, shape))})"


# --------------------------------------------------------------------------------------------------------- slices


def _cut(s: slice, extent: Size) -> Cut | Picked:
    start, stop, step = (None if v is None else _bound(v) for v in (s.start, s.stop, s.step))
    if step == 0:
        raise IndexingError("a slice step is not zero", got=str(s), loc=user_location())
    if not isinstance(extent, int):
        return _symbolic_cut(start, stop, step, extent)
    chosen = range(*slice(start, stop, step).indices(extent))
    if not chosen:
        return Cut(0, 0)
    return Cut(min(chosen[0], chosen[-1]), len(chosen), abs(chosen.step), chosen.step < 0)


def _bound(v: Any) -> Any:
    if isinstance(v, Poly):
        return as_size(v)
    try:
        return operator.index(v)
    except ConcretizationError:
        raise IndexingError(
            "a slice bound is known while tracing: it decides the shape of the result",
            expected="an integer",
            got=repr(v),
            fix="np.take(x, start + np.arange(size), axis=0) for a traced start",
            loc=user_location(),
        ) from None


def _symbolic_cut(start: Any, stop: Any, step: int | None, extent: Poly) -> Cut | Picked:
    """Bounds on an axis of unknown extent: from a fixed start, or to a fixed distance from the end.

    A fixed number of items (`x[:3]`, `x[-3:]`) is picked by position, so that a shorter axis is an error of the run.
    """
    count = abs(step or 1)
    backwards = step is not None and step < 0
    if not backwards and isinstance(stop, int) and stop >= 0 and (start is None or start >= 0):
        return Picked(np.arange(start or 0, stop, step))
    if not backwards and stop is None and isinstance(start, int) and start < 0:
        return Picked(np.arange(start, 0, step))
    first: Size = 0 if start is None else start
    last: Size = extent if stop is None else stop
    if (backwards and (start is not None or stop is not None)) or (isinstance(first, int) and first < 0):
        raise DimensionError(
            "this slice of a symbolic extent has no known size",
            expected="x[a:], x[:-b], x[a:-b], x[::-1], x[:k] or x[-k:]",
            got=f"[{start}:{stop}:{step}] of {extent}",
            loc=user_location(),
        )
    end = Poly.of(last) if not isinstance(last, int) or last >= 0 else extent + last
    size = (end - first + (count - 1)) // count
    begin = (Poly.of(extent) - 1) - (size - 1) * count if backwards else Poly.of(first)
    return Cut(as_size(begin), as_size(size), count, backwards)


# ---------------------------------------------------------------------------------------------------------- views


def _basic(x: Any, items: Sequence[Item]) -> Any:
    """Slices, then dropped and new axes."""
    x = _sliced(x, [i for i in items if i is not None])
    extents = iter(x.shape)
    shape: list[Size] = []
    for item in items:
        extent = 1 if item is None else next(extents)
        if not isinstance(item, int):
            shape.append(extent)
    return x if tuple(shape) == tuple(x.shape) else views.reshape(x, shape=tuple(shape))


def _sliced(x: Any, items: Sequence[Item]) -> Any:
    cuts = [_as_cut(i, e) for i, e in zip(items, x.shape, strict=True)]
    sizes = tuple(c.size for c in cuts)
    steps = tuple(c.step for c in cuts)
    if sizes != tuple(x.shape):
        x = views.slice_(x, starts=tuple(c.start for c in cuts), sizes=sizes, steps=steps)
    flipped = tuple(k for k, c in enumerate(cuts) if c.flipped)
    return views.flip(x, axes=flipped) if flipped else x


def _as_cut(item: Item, extent: Size) -> Cut:
    if isinstance(item, Cut):
        return item
    return Cut(item, 1) if isinstance(item, int) else Cut(0, extent)


# --------------------------------------------------------------------------------------------------------- arrays


def _advanced(x: Any, items: list[Item]) -> Any:
    """Integers count as arrays here; where something stands between the arrays, their axes go first."""
    items = [Picked(np.asarray(i)) if isinstance(i, int) else i for i in items]
    x = _basic(x, items)
    where = [k for k, i in enumerate(items) if isinstance(i, Picked)]
    arrays = _broadcast([i.items for i in items if isinstance(i, Picked)])
    if where[-1] - where[0] + 1 == len(where):
        return picks.gather(x, *arrays, axis=where[0])
    rest = [k for k in range(len(items)) if k not in where]
    return picks.gather(transpose(x, where + rest), *arrays, axis=0)


def _broadcast(arrays: list[Any]) -> list[Any]:
    shape = broadcast_shapes("indexing", [tuple(a.shape) for a in arrays])
    return [broadcast_to(a, shape) for a in arrays]


# ------------------------------------------------------------------------------------------------------ functions


def take(a: Any, indices: Any, axis: int | None = None, mode: str = "raise") -> Any:
    """Items along an axis, of the flattened tensor where it is None; negative indices count from the end.

    mode: "raise" (an index outside raises) or "clip". Raises UnsupportedError for another.
    """
    x, where = as_tensor(a), as_tensor(indices)
    x, axis = (ravel(x), 0) if axis is None else (x, normalize_axis(axis, len(x.shape)))
    if mode == "clip":
        where = ew.minimum(ew.maximum(where, 0), as_size(Poly.of(x.shape[axis]) - 1))
    item = _item(where, x.shape[axis])
    chosen = np.asarray(item) if isinstance(item, int) else item.items if isinstance(item, Picked) else where
    return picks.gather(x, chosen, axis=axis)


def take_along_axis(arr: Any, indices: Any, axis: int | None = -1) -> Any:
    """out[i, j, k] = arr[i, indices[i, j, k], k] for axis 1; other extents broadcast."""
    x, where = as_tensor(arr), as_tensor(indices)
    x, axis = (ravel(x), 0) if axis is None else (x, normalize_axis(axis, len(x.shape)))
    others = broadcast_shapes("take_along_axis", [_at(x.shape, axis, 1), _at(where.shape, axis, 1)])
    shape = _at(others, axis, where.shape[axis])
    x, where = broadcast_to(x, _at(others, axis, x.shape[axis])), broadcast_to(where, shape)
    grid = [where if k == axis else position(x, shape, k) for k in range(len(shape))]
    return picks.gather(x, *grid, axis=0)


def _at(shape: Shape, axis: int, extent: Size) -> Shape:
    return (*shape[:axis], extent, *shape[axis + 1 :])


def position(like: Any, shape: Shape, axis: int, dtype: str = "i64") -> Any:
    """The index along one axis, for every item of a shape, in the world of `like`."""
    return source_like(iota, like, shape=tuple(shape), axis=axis, dtype=dtype)


def diagonal(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
    """The items whose indices along two axes differ by the offset; their axis is the last."""
    x = as_tensor(a)
    n = len(x.shape)
    first, second = normalize_axis(axis1, n), normalize_axis(axis2, n)
    rest = [k for k in range(n) if k not in (first, second)]
    x = transpose(x, [*rest, first, second])
    rows, columns = x.shape[-2:]
    length = _diagonal_length(rows, columns, offset)
    step = np.arange(length)
    return picks.gather(x, step + max(-offset, 0), step + max(offset, 0), axis=n - 2)


def _diagonal_length(rows: Size, columns: Size, offset: int) -> int:
    if not isinstance(rows, int) or not isinstance(columns, int):
        raise DimensionError("a diagonal needs fixed extents", got=f"{rows} by {columns}", loc=user_location())
    return max(0, min(rows - max(-offset, 0), columns - max(offset, 0)))


def ix_(*args: Any) -> tuple[Any, ...]:
    """Index arrays shaped so that together they select a grid."""
    n = len(args)
    return tuple(reshape(a, (1,) * k + (-1,) + (1,) * (n - k - 1)) for k, a in enumerate(args))


def meshgrid(*xi: Any, indexing: str = "xy") -> tuple[Any, ...]:
    """The coordinates of a grid, a tensor per vector; with "xy" the first vector runs along the second axis."""
    if indexing not in ("xy", "ij"):
        raise UnsupportedError("meshgrid", expected='indexing "xy" or "ij"', got=repr(indexing), loc=user_location())
    grid = broadcast_arrays(*ix_(*xi))
    return tuple(swapaxes(g, 0, 1) for g in grid) if indexing == "xy" and len(grid) > 1 else grid


__all__ = ["diagonal", "ix_", "meshgrid", "take", "take_along_axis"]
