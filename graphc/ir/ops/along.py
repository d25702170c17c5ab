"""Picking along one axis by an index per item, and its transpose: what permutations of rows need."""

from __future__ import annotations

from typing import Any

from graphc.ir.ops.index import gather, scatter_add
from graphc.ir.ops.source import iota
from graphc.ir.primitive import source_like, type_of
from graphc.ir.types import Shape


def gather_along(x: Any, index: Any, axis: int) -> Any:
    """out[i, j, k] = x[i, index[i, j, k], k] for axis 1; only the extents along the axis may differ."""
    return gather(x, *_grid(index, axis), axis=0)


def scatter_along(g: Any, index: Any, axis: int, shape: Shape) -> Any:
    """Zeros of a shape, with g added where `gather_along` would read."""
    return scatter_add(g, *_grid(index, axis), axis=0, shape=shape)


def _grid(index: Any, axis: int) -> list[Any]:
    shape = type_of(index).shape
    return [index if k == axis else position(index, k) for k in range(len(shape))]


def position(x: Any, axis: int) -> Any:
    """Where along an axis every item of x is."""
    return source_like(iota, x, shape=type_of(x).shape, axis=axis, dtype="i64")
