"""NumPy's functions that join, cut, repeat, shift and pad."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from graphc.errors import ShapeError, UnsupportedError
from graphc.ir.location import user_location
from graphc.ir.ops import index
from graphc.ir.ops import shape as views
from graphc.ir.poly import Poly, Size, as_size
from graphc.numpy import elementwise as ew
from graphc.numpy.axes import normalize_axes, normalize_axis, static_extent
from graphc.numpy.movement import atleast_1d, atleast_2d, atleast_3d, expand_dims, ravel, reshape
from graphc.numpy.promote import as_tensor, cast_to, promote

# -------------------------------------------------------------------------------------------------------- joining


def concatenate(arrays: Sequence[Any], /, axis: int | None = 0, *, dtype: Any = None) -> Any:
    """Joined along an axis; flattened first where it is None. Raises ShapeError where other extents differ."""
    parts = _parts(arrays, "concatenate")
    if dtype is not None:
        parts = [cast_to(p, dtype) for p in parts]
    if axis is None:
        parts, axis = [ravel(p) for p in parts], 0
    axis = normalize_axis(axis, len(parts[0].shape))
    return parts[0] if len(parts) == 1 else views.concatenate(*parts, axis=axis)


concat = concatenate


def _parts(arrays: Sequence[Any], name: str) -> list[Any]:
    """The items of a sequence, or of a tensor along its first axis, in one element type."""
    parts = list(arrays)
    if not parts:
        raise ShapeError(f"{name} of no tensors", expected="one or more", loc=user_location())
    return promote(*map(as_tensor, parts))


def stack(arrays: Sequence[Any], axis: int = 0, *, dtype: Any = None) -> Any:
    """Joined along a new axis."""
    parts = _parts(arrays, "stack")
    axis = normalize_axis(axis, len(parts[0].shape) + 1)
    return concatenate([expand_dims(p, axis) for p in parts], axis, dtype=dtype)


def vstack(tup: Sequence[Any], *, dtype: Any = None) -> Any:
    """Joined as rows."""
    return concatenate([atleast_2d(a) for a in tup], 0, dtype=dtype)


def hstack(tup: Sequence[Any], *, dtype: Any = None) -> Any:
    """Joined along the second axis, vectors along their only one."""
    parts = [atleast_1d(a) for a in tup]
    return concatenate(parts, 0 if parts and len(parts[0].shape) == 1 else 1, dtype=dtype)


def dstack(tup: Sequence[Any]) -> Any:
    """Joined along the third axis."""
    return concatenate([atleast_3d(a) for a in tup], 2)


def column_stack(tup: Sequence[Any]) -> Any:
    """Joined along the second axis; vectors are columns."""
    tensors = [as_tensor(a) for a in tup]
    return concatenate([reshape(x, (-1, 1)) if len(x.shape) < 2 else x for x in tensors], 1)


# -------------------------------------------------------------------------------------------------------- cutting


def part(x: Any, axis: int, start: Size, size: Size) -> Any:
    """`size` items along one axis, from `start` on."""
    if start == 0 and size == x.shape[axis]:
        return x
    starts = tuple(start if k == axis else 0 for k in range(len(x.shape)))
    sizes = tuple(size if k == axis else e for k, e in enumerate(x.shape))
    return views.slice_(x, starts=starts, sizes=sizes, steps=(1,) * len(starts))


def array_split(ary: Any, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Any]:
    """Parts whose extents differ by 1 at most, or cut at the given positions."""
    x = as_tensor(ary)
    axis = normalize_axis(axis, len(x.shape))
    n = static_extent(x.shape[axis], "splitting")
    cuts = _cuts(n, indices_or_sections)
    return [part(x, axis, a, max(0, b - a)) for a, b in pairwise(cuts)]


def _cuts(n: int, sections: int | Sequence[int]) -> list[int]:
    if isinstance(sections, int | np.integer):
        small, larger = divmod(n, int(sections))
        return [k * small + min(k, larger) for k in range(int(sections) + 1)]
    return [0, *(slice(0, int(c)).indices(n)[1] for c in sections), n]


def split(ary: Any, indices_or_sections: int | Sequence[int], axis: int = 0) -> list[Any]:
    """Equal parts, or cut at the given positions. Raises ShapeError where parts cannot be equal."""
    x = as_tensor(ary)
    n = x.shape[normalize_axis(axis, len(x.shape))]
    if isinstance(indices_or_sections, int | np.integer) and isinstance(n, int) and n % indices_or_sections:
        raise ShapeError(
            "split makes equal parts",
            expected=f"a divisor of {n}",
            got=str(indices_or_sections),
            fix="np.array_split(x, n)",
            loc=user_location(),
        )
    return array_split(x, indices_or_sections, axis)


def hsplit(ary: Any, indices_or_sections: int | Sequence[int]) -> list[Any]:
    return split(ary, indices_or_sections, 1 if len(as_tensor(ary).shape) > 1 else 0)


def vsplit(ary: Any, indices_or_sections: int | Sequence[int]) -> list[Any]:
    return split(ary, indices_or_sections, 0)


def dsplit(ary: Any, indices_or_sections: int | Sequence[int]) -> list[Any]:
    return split(ary, indices_or_sections, 2)


def unstack(x: Any, /, *, axis: int = 0) -> tuple[Any, ...]:
    """The items along an axis."""
    x = as_tensor(x)
    axis = normalize_axis(axis, len(x.shape))
    rest = (*x.shape[:axis], *x.shape[axis + 1 :])
    return tuple(reshape(part(x, axis, k, 1), rest) for k in range(static_extent(x.shape[axis], "unstack")))


def diff(a: Any, n: int = 1, axis: int = -1) -> Any:
    """Differences of neighbours, n times; of bools, whether they differ."""
    x = as_tensor(a)
    axis = normalize_axis(axis, len(x.shape))
    for _ in range(n):
        less = as_size(Poly.of(x.shape[axis]) - 1)
        if less == -1:
            return x
        pair = part(x, axis, 1, less), part(x, axis, 0, less)
        x = ew.not_equal(*pair) if x.dtype.kind == "b" else ew.subtract(*pair)
    return x


# ------------------------------------------------------------------------------------------------------ repeating


def repeat(a: Any, repeats: int | Sequence[int], axis: int | None = None) -> Any:
    """Every item `repeats` times in a row; along one axis, or of the flattened tensor."""
    x = as_tensor(a)
    x, axis = (ravel(x), 0) if axis is None else (x, normalize_axis(axis, len(x.shape)))
    counts = np.asarray(repeats)
    if counts.size != 1:
        n = static_extent(x.shape[axis], "repeat")
        return index.gather(x, np.repeat(np.arange(n), counts), axis=axis)
    times, shape = int(counts.reshape(())), x.shape
    wide = (*shape[: axis + 1], times, *shape[axis + 1 :])
    return reshape(views.expand(expand_dims(x, axis + 1), shape=wide), _scaled(shape, axis, times))


def _scaled(shape: tuple[Size, ...], axis: int, factor: int) -> tuple[Size, ...]:
    return tuple(as_size(Poly.of(e) * factor) if n == axis else e for n, e in enumerate(shape))


def tile(A: Any, reps: int | Sequence[int]) -> Any:  # noqa: N803 - NumPy's name
    """The whole tensor `reps` times along each axis."""
    x = as_tensor(A)
    counts = tuple(reps) if isinstance(reps, Sequence) else (reps,)
    rank = max(len(counts), len(x.shape))
    counts = (1,) * (rank - len(counts)) + counts
    shape = (1,) * (rank - len(x.shape)) + tuple(x.shape)
    apart = reshape(x, tuple(e for extent in shape for e in (1, extent)))
    wide = views.expand(apart, shape=tuple(e for pair in zip(counts, shape, strict=True) for e in pair))
    return reshape(wide, tuple(as_size(Poly.of(e) * c) for e, c in zip(shape, counts, strict=True)))


def roll(a: Any, shift: int | Sequence[int], axis: int | Sequence[int] | None = None) -> Any:
    """Shifted along axes of fixed extent; what leaves at one end comes in at the other."""
    x = as_tensor(a)
    if axis is None:
        return reshape(roll(ravel(x), shift, 0), tuple(x.shape))
    axes = normalize_axes(axis, len(x.shape))
    shifts = tuple(shift) if isinstance(shift, Sequence) else (shift,) * len(axes)
    for k, s in zip(axes, shifts * len(axes) if len(shifts) == 1 else shifts, strict=False):
        x = _rolled(x, k, int(s))
    return x


def _rolled(x: Any, axis: int, shift: int) -> Any:
    n = static_extent(x.shape[axis], "roll")
    moved = shift % n if n else 0
    if not moved:
        return x
    return concatenate([part(x, axis, n - moved, moved), part(x, axis, 0, n - moved)], axis)


# -------------------------------------------------------------------------------------------------------- padding


def pad(array: Any, pad_width: Any, mode: str = "constant", constant_values: Any = 0) -> Any:
    """Wider by pad_width at both ends of each axis: an int, (before, after), or a pair per axis.

    mode: constant, edge, reflect, symmetric or wrap. Raises UnsupportedError for another, ShapeError for a negative
    width or where there is nothing to repeat.
    """
    x = as_tensor(array)
    widths = np.broadcast_to(np.asarray(pad_width), (len(x.shape), 2)).tolist()
    if any(w < 0 for pair in widths for w in pair):
        raise ShapeError("pad widths are not negative", got=str(pad_width), loc=user_location())
    if mode == "constant":
        return _pad_constant(x, widths, constant_values)
    if mode not in _MODES:
        raise UnsupportedError(
            "an unknown padding mode",
            expected=", ".join(("constant", *_MODES)),
            got=repr(mode),
            loc=user_location(),
        )
    for axis, (before, after) in enumerate(widths):
        x = _pad_axis(x, axis, before, after, mode)
    return x


def _pad_constant(x: Any, widths: list[list[int]], values: Any) -> Any:
    """One constant everywhere is one operation; else an axis after the other."""
    fills = np.broadcast_to(np.asarray(values), (len(widths), 2)).tolist()
    if len({repr(fill) for pair in fills for fill in pair}) <= 1:  # by their text NaNs are equal, and 0.0 is not -0.0
        fill = float(fills[0][0]) if fills else 0.0
        low, high = (tuple(pair[side] for pair in widths) for side in (0, 1))
        return views.pad(x, low=low, high=high, value=fill) if any(low) or any(high) else x
    for axis, (width, fill) in enumerate(zip(widths, fills, strict=True)):
        for side in (0, 1):
            only = [[0, 0] for _ in widths]
            only[axis][side] = width[side]
            x = _pad_constant(x, only, fill[side])
    return x


def _pad_axis(x: Any, axis: int, before: int, after: int, mode: str) -> Any:
    """Both ends of one axis, from slices where one period of the pattern reaches, else from as many as needed."""
    n = static_extent(x.shape[axis], f"pad with mode {mode!r}")
    if not before and not after:
        return x
    if n == 0:
        raise ShapeError(f"pad with mode {mode!r} of no items", got=f"shape {x.shape}", loc=user_location())
    if mode == "edge" or (mode == "reflect" and n == 1):
        return _pad_edge(x, axis, before, after)
    skip = 1 if mode == "reflect" else 0
    if max(before, after) > n - skip:
        return _periodic(_period(x, axis, mode, skip), axis, before, before + n + after)
    pieces = _wrap(x, axis, before, after) if mode == "wrap" else _mirror(x, axis, before, after, skip)
    return concatenate(pieces, axis)


def _pad_edge(x: Any, axis: int, before: int, after: int) -> Any:
    first, last = part(x, axis, 0, 1), part(x, axis, x.shape[axis] - 1, 1)
    return concatenate([repeat(first, before, axis), x, repeat(last, after, axis)], axis)


def _mirror(x: Any, axis: int, before: int, after: int, skip: int) -> list[Any]:
    """`skip`: 1 where the outermost item is the mirror and not repeated."""
    n = x.shape[axis]
    first = views.flip(part(x, axis, skip, before), axes=(axis,))
    last = views.flip(part(x, axis, n - skip - after, after), axes=(axis,))
    return [first, x, last]


def _wrap(x: Any, axis: int, before: int, after: int) -> list[Any]:
    n = x.shape[axis]
    return [part(x, axis, n - before, before), x, part(x, axis, 0, after)]


def _period(x: Any, axis: int, mode: str, skip: int) -> Any:
    """What repeats in both directions for ever."""
    if mode == "wrap":
        return x
    back = part(x, axis, skip, x.shape[axis] - 2 * skip)
    return concatenate([x, views.flip(back, axes=(axis,))], axis)


def _periodic(period: Any, axis: int, before: int, total: int) -> Any:
    start = -before % period.shape[axis]
    times = -(-(start + total) // period.shape[axis])
    return part(concatenate([period] * times, axis), axis, start, total)


_MODES = ("edge", "reflect", "symmetric", "wrap")

__all__ = [
    "array_split", "column_stack", "concat", "concatenate", "diff", "dsplit", "dstack", "hsplit", "hstack", "pad",
    "repeat", "roll", "split", "stack", "tile", "unstack", "vsplit", "vstack",
]  # fmt: skip
