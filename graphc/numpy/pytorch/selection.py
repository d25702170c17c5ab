"""Choosing and collecting items with PyTorch's arguments."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.errors import ShapeError, UnsupportedError
from graphc.ir.location import user_location
from graphc.ir.ops import index as picks
from graphc.numpy import elementwise as ew
from graphc.numpy import formulas as fm
from graphc.numpy import indexing
from graphc.numpy.axes import normalize_axis
from graphc.numpy.joining import part
from graphc.numpy.movement import broadcast_arrays, broadcast_to, ravel
from graphc.numpy.promote import as_tensor, cast_to, to_bool
from graphc.numpy.special import one_hot as _one_hot


def where(condition: Any, input: Any = None, other: Any = None) -> Any:
    """`input` where the condition holds, else `other`; with a condition alone, `nonzero(condition, as_tuple=True)`."""
    return nonzero(condition, as_tuple=True) if input is None else fm.where(condition, input, other)


def masked_fill(input: Any, mask: Any, value: Any) -> Any:
    """`value`, in the tensor's element type, where the mask is True."""
    x = as_tensor(input)
    return fm.where(mask, cast_to(as_tensor(value), x.dtype), x)


def masked_select(input: Any, mask: Any) -> Any:
    """The items where the mask is True: a vector.  Raises IndexingError for a traced mask."""
    x, chosen = broadcast_arrays(input, mask)
    return indexing.getitem(x, to_bool(chosen))


def nonzero(input: Any, *, as_tuple: bool = False) -> Any:
    """Where a tensor is not zero: a row per item, or with `as_tuple` a vector per axis.

    Raises UnsupportedError for a traced tensor: the shape of the result depends on data.
    """
    x = as_tensor(input)
    if not isinstance(x, np.ndarray) and not hasattr(x, "array"):
        raise UnsupportedError(
            "the positions of items that are not zero: their number depends on data",
            fix="where(condition, a, b), which keeps the shape",
            loc=user_location(),
        )
    make = getattr(type(x), "__graphc_constant__", lambda _, array: array)
    found = np.nonzero(np.atleast_1d(getattr(x, "array", x)))
    if as_tuple:
        return tuple(make(x, where) for where in found)
    return make(x, np.stack(found[: len(x.shape)], axis=1) if x.shape else np.zeros((len(found[0]), 0), np.int64))


argwhere = nonzero


# --------------------------------------------------------------------------------------------------- along an axis


def index_select(input: Any, dim: int, index: Any) -> Any:
    """The items that a vector of positions names."""
    return indexing.take(input, index, dim)


def gather(input: Any, dim: int, index: Any) -> Any:
    """out[i, j] = input[i, index[i, j]] for dim 1: of index's shape, which is no larger elsewhere."""
    x, where = as_tensor(input), as_tensor(index)
    k = normalize_axis(dim, len(x.shape) or 1)
    return indexing.take_along_axis(_corner(x, where.shape, k), where, k)


def _corner(x: Any, shape: Any, axis: int) -> Any:
    """The first items of every other axis, as many as the index has."""
    if len(shape) != len(x.shape):
        raise ShapeError(
            "an index has as many axes as its tensor",
            expected=str(len(x.shape)),
            got=str(len(shape)),
            loc=user_location(),
        )
    for k, extent in enumerate(shape):
        x = x if k == axis else part(x, k, 0, extent)
    return x


def take_along_dim(input: Any, indices: Any, dim: int | None = None) -> Any:
    """As `gather`, where other extents broadcast; of the flattened tensor without dim."""
    return indexing.take_along_axis(input, ravel(indices) if dim is None else indices, dim)


def take(input: Any, index: Any) -> Any:
    """Items of the flattened tensor."""
    return indexing.take(input, index)


def scatter_add(input: Any, dim: int, index: Any, src: Any) -> Any:
    """input with src[i, j] added at [i, index[i, j]] for dim 1; repeated places add up."""
    x, where = as_tensor(input), as_tensor(index)
    k = normalize_axis(dim, len(x.shape) or 1)
    updates = cast_to(_first(src, where.shape), x.dtype)
    grid = [where if n == k else indexing.position(x, where.shape, n) for n in range(len(where.shape))]
    return ew.add(x, picks.scatter_add(updates, *grid, axis=0, shape=tuple(x.shape)))


def _first(src: Any, shape: Any) -> Any:
    x = as_tensor(src)
    if not x.shape:
        return broadcast_to(x, shape)
    for k, extent in enumerate(shape):
        x = part(x, k, 0, extent)
    return x


def index_add(input: Any, dim: int, index: Any, source: Any, *, alpha: float = 1) -> Any:
    """input with alpha * source added at the positions along an axis; repeated ones add up."""
    x, added = as_tensor(input), as_tensor(source)
    k = normalize_axis(dim, len(x.shape))
    scaled = added if alpha == 1 else ew.multiply(added, alpha)
    return ew.add(x, picks.scatter_add(scaled, as_tensor(index), axis=k, shape=tuple(x.shape)))


def one_hot(tensor: Any, num_classes: int) -> Any:
    """A new last axis that is 1 at the position the tensor names, int64."""
    return _one_hot(tensor, num_classes, dtype="i64")


def embedding(input: Any, weight: Any) -> Any:
    """The rows of `weight` that `input` names."""
    return indexing.take(weight, input, 0)


__all__ = [
    "argwhere", "embedding", "gather", "index_add", "index_select", "masked_fill", "masked_select", "nonzero",
    "one_hot", "scatter_add", "take", "take_along_dim", "where",
]  # fmt: skip
