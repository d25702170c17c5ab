"""Shapes and axes with PyTorch's arguments; views wherever PyTorch has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.errors import ShapeError
from graphc.ir.location import user_location
from graphc.ir.ops import shape as views
from graphc.ir.types import volume
from graphc.numpy import formulas, indexing, joining, linear_algebra, movement
from graphc.numpy.axes import Axis, normalize_axes, normalize_axis, static_extent
from graphc.numpy.indexing import meshgrid as _grid
from graphc.numpy.promote import as_tensor, cast_to

Ints = Sequence[int]


def listed(given: Sequence[Any]) -> tuple[Any, ...]:
    """`f(2, 3)` and `f((2, 3))`"""
    first = given[0] if len(given) == 1 and isinstance(given[0], Sequence) else given
    return tuple(first)


# ---------------------------------------------------------------------------------------------------------- shape


def flatten(input: Any, start_dim: int = 0, end_dim: int = -1) -> Any:
    """The axes from start_dim to end_dim as one; a 0-d tensor as a vector."""
    x = as_tensor(input)
    if not x.shape:
        return movement.reshape(x, (1,))
    first, last = normalize_axis(start_dim, len(x.shape)), normalize_axis(end_dim, len(x.shape))
    if first > last:
        raise ShapeError("flatten from an axis to a later one", got=f"{start_dim} to {end_dim}", loc=user_location())
    if first == last:
        return x
    return movement.reshape(x, (*x.shape[:first], volume(x.shape[first : last + 1]), *x.shape[last + 1 :]))


def unflatten(input: Any, dim: int, sizes: Ints) -> Any:
    """One axis as several; one extent may be -1."""
    x = as_tensor(input)
    k = normalize_axis(dim, len(x.shape))
    return movement.reshape(x, (*x.shape[:k], *sizes, *x.shape[k + 1 :]))


def squeeze(input: Any, dim: Axis = None) -> Any:
    """Without axes of extent 1: all, or those of them that are named."""
    x = as_tensor(input)
    named = normalize_axes(dim, len(x.shape) or 1)
    ones = tuple(k for k in named if k < len(x.shape) and x.shape[k] == 1)
    return movement.squeeze(x, ones) if ones else x


def unsqueeze(input: Any, dim: int) -> Any:
    return movement.expand_dims(input, dim)


def expand(input: Any, *sizes: Any) -> Any:
    """Axes of extent 1 repeated, without a copy; -1 keeps an extent.  Raises ShapeError for others."""
    x, asked = as_tensor(input), listed(sizes)
    new = len(asked) - len(x.shape)
    kept = tuple(x.shape[k - new] if isinstance(e, int) and e == -1 and k >= new else e for k, e in enumerate(asked))
    return x if kept == tuple(x.shape) else views.expand(x, shape=kept)


def broadcast_tensors(*tensors: Any) -> tuple[Any, ...]:
    return movement.broadcast_arrays(*tensors)


# ----------------------------------------------------------------------------------------------------------- axes


def transpose(input: Any, dim0: int, dim1: int) -> Any:
    """Two axes exchanged."""
    return movement.swapaxes(input, dim0, dim1) if as_tensor(input).shape else as_tensor(input)


swapaxes = swapdims = transpose


def permute(input: Any, *dims: Any) -> Any:
    return movement.transpose(input, listed(dims))


def t(input: Any) -> Any:
    """A matrix transposed; a vector as it is.  Raises ShapeError for more axes."""
    x = as_tensor(input)
    if len(x.shape) > 2:
        raise ShapeError("t() is of a matrix", got=f"shape {x.shape}", fix="x.swapaxes(i, j)", loc=user_location())
    return movement.transpose(x)


def movedim(input: Any, source: Any, destination: Any) -> Any:
    return movement.moveaxis(input, source, destination)


moveaxis = movedim


def flip(input: Any, *dims: Any) -> Any:
    return movement.flip(input, listed(dims))


def roll(input: Any, shifts: Any, dims: Any = None) -> Any:
    """Shifted; what leaves at one end comes in at the other.  The flattened tensor without dims."""
    return joining.roll(input, shifts, None if dims == () else dims)


def rot90(input: Any, k: int = 1, dims: Ints = (0, 1)) -> Any:
    first, second = dims
    return movement.rot90(input, k, (first, second))


# ------------------------------------------------------------------------------------------------ joining, cutting


def cat(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Joined along an axis."""
    return joining.concatenate(tensors, dim)


concat = concatenate = cat


def stack(tensors: Sequence[Any], dim: int = 0) -> Any:
    """Joined along a new axis."""
    return joining.stack(tensors, dim)


def split(tensor: Any, split_size_or_sections: int | Ints, dim: int = 0) -> tuple[Any, ...]:
    """Parts of that extent (the last may be shorter), or of the given extents, whose sum is the axis's."""
    x = as_tensor(tensor)
    k = normalize_axis(dim, len(x.shape))
    n = static_extent(x.shape[k], "split")
    sizes = _sizes(n, split_size_or_sections)
    starts = [sum(sizes[:j]) for j in range(len(sizes))]
    return tuple(joining.part(x, k, start, size) for start, size in zip(starts, sizes, strict=True))


def _sizes(n: int, given: int | Ints) -> list[int]:
    if isinstance(given, int):
        if given < 1:
            raise ShapeError("split into parts of 1 or more", got=str(given), loc=user_location())
        return [min(given, n - start) for start in range(0, n, given)] or [0]
    if sum(given) != n:
        raise ShapeError(
            "split into parts of these extents", expected=f"a sum of {n}", got=str(list(given)), loc=user_location()
        )
    return list(given)


def chunk(input: Any, chunks: int, dim: int = 0) -> tuple[Any, ...]:
    """That many equal parts; the last may be shorter, and there may be fewer."""
    x = as_tensor(input)
    n = static_extent(x.shape[normalize_axis(dim, len(x.shape))], "chunk")
    if chunks < 1:
        raise ShapeError("chunk into 1 part or more", got=str(chunks), loc=user_location())
    return split(x, max(1, -(-n // chunks)), dim)


def tensor_split(input: Any, indices_or_sections: int | Ints, dim: int = 0) -> tuple[Any, ...]:
    return tuple(joining.array_split(input, indices_or_sections, dim))


def unbind(input: Any, dim: int = 0) -> tuple[Any, ...]:
    """The items along an axis."""
    return joining.unstack(input, axis=dim)


def narrow(input: Any, dim: int, start: int, length: int) -> Any:
    """`length` items along an axis, from `start` on."""
    x = as_tensor(input)
    k = normalize_axis(dim, len(x.shape))
    first = start + x.shape[k] if start < 0 else start
    if not 0 <= first <= first + length <= x.shape[k]:
        raise ShapeError(
            f"narrow stays inside of an axis of {x.shape[k]}", got=f"{length} from {start} on", loc=user_location()
        )
    return joining.part(x, k, first, length)


def select(input: Any, dim: int, index: int) -> Any:
    """The item at a position along an axis, as a view."""
    x = as_tensor(input)
    k = normalize_axis(dim, len(x.shape))
    return indexing.getitem(x, (*(slice(None),) * k, index))


# ------------------------------------------------------------------------------------------------------ repeating


def repeat(input: Any, *sizes: Any) -> Any:
    """The whole tensor that many times along each axis: NumPy's tile."""
    counts = listed(sizes)
    if len(counts) < len(as_tensor(input).shape):
        raise ShapeError("repeat: a number per axis, or more", got=str(counts), loc=user_location())
    return joining.tile(input, counts)


def repeat_interleave(input: Any, repeats: Any, dim: int | None = None) -> Any:
    """Every item that many times in a row: NumPy's repeat."""
    counts = repeats if isinstance(repeats, int) else [int(r) for r in repeats]
    return joining.repeat(input, counts, dim)


# ------------------------------------------------------------------------------------------ diagonals, triangles


def diag(input: Any, diagonal: int = 0) -> Any:
    """A diagonal of a matrix, or the matrix with that diagonal."""
    return linear_algebra.diag(input, diagonal)


def diagonal(input: Any, offset: int = 0, dim1: int = 0, dim2: int = 1) -> Any:
    return indexing.diagonal(input, offset, dim1, dim2)


def diag_embed(input: Any, offset: int = 0) -> Any:
    """Matrices whose diagonals are the rows of the last axis."""
    x = as_tensor(input)
    n = x.shape[-1]
    on = linear_algebra.triangle(x, (n, n), "eq", 0)
    square = formulas.where(on, movement.expand_dims(x, -1), cast_to(as_tensor(0), x.dtype))
    widths = [(0, 0)] * (len(x.shape) - 1) + [(max(-offset, 0), max(offset, 0)), (max(offset, 0), max(-offset, 0))]
    return joining.pad(square, widths) if offset else square


def tril(input: Any, diagonal: int = 0) -> Any:
    return linear_algebra.tril(input, diagonal)


def triu(input: Any, diagonal: int = 0) -> Any:
    return linear_algebra.triu(input, diagonal)


def trace(input: Any) -> Any:
    return linear_algebra.trace(input)


def meshgrid(*tensors: Any, indexing: str = "ij") -> tuple[Any, ...]:
    """The coordinates of a grid; the first vector runs along the first axis."""
    return _grid(*listed(tensors), indexing=indexing)


_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def pad(input: Any, pad: Ints, mode: str = "constant", value: float | None = None) -> Any:
    """Widths before and after, of the last axis first; a negative width cuts.  Modes by PyTorch's names."""
    x = as_tensor(input)
    pairs = list(zip(pad[::2], pad[1::2], strict=True))[::-1]
    widths = [(0, 0)] * (len(x.shape) - len(pairs)) + pairs
    for k, (before, after) in enumerate(widths):
        cut = x.shape[k] + min(before, 0) + min(after, 0)
        x = joining.part(x, k, max(-before, 0), cut)
    wide = [(max(before, 0), max(after, 0)) for before, after in widths]
    return joining.pad(x, wide, _MODES.get(mode, mode), value or 0)


__all__ = [
    "broadcast_tensors", "cat", "chunk", "concat", "concatenate", "diag", "diag_embed", "diagonal", "expand",
    "flatten", "flip", "meshgrid", "moveaxis", "movedim", "narrow", "pad", "permute", "repeat", "repeat_interleave",
    "roll", "rot90", "select", "split", "squeeze", "stack", "swapaxes", "swapdims", "t", "tensor_split", "trace",
    "transpose", "tril", "triu", "unbind", "unflatten", "unsqueeze",
]  # fmt: skip
