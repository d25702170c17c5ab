"""Index arithmetic of reshape."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from graphc.ir.poly import Poly, Size
from graphc.ir.types import Shape

_LARGE = 1009  # stands for any symbolic extent when volumes are compared by magnitude


def ravel_index(index: Sequence[Poly], shape: Sequence[Size]) -> Poly:
    """The row-major position of an index."""
    flat = Poly()
    for i, extent in zip(index, shape, strict=True):
        flat = flat * extent + i
    return flat


def reshape_index(index: Sequence[Poly], shape: Shape, into: Shape) -> list[Poly] | None:
    """`index` into `shape` as an index into `into`, or None where that needs a division.

    Both shapes are cut into runs of axes with equal volume.  A run with one axis of `into` is a sum of products.
    """
    out = [Poly()] * len(into)
    if 0 in shape:  # no element is ever asked for, but the index must say so by naming every axis
        return [*out[:-1], ravel_index(index, [1] * len(shape))]
    for here, there in _runs(shape, into):
        if len(there) != 1:
            return None
        out[there[0]] = ravel_index([index[k] for k in here], [shape[k] for k in here])
    return out


def _runs(shape: Shape, into: Shape) -> Iterator[tuple[list[int], list[int]]]:
    """Groups of axes (extents of 1 left out) with equal volumes; an empty right side where they do not meet."""
    left = [k for k, e in enumerate(shape) if e != 1]
    right = [k for k, e in enumerate(into) if e != 1]
    while left or right:
        here, there = left[:1], right[:1]
        while _volume(shape, here) != _volume(into, there):
            grow, rest = (here, left) if _magnitude(shape, here) < _magnitude(into, there) else (there, right)
            if len(grow) == len(rest):
                yield here, []
                return
            grow.append(rest[len(grow)])
        yield here, there
        left, right = left[len(here) :], right[len(there) :]


def _volume(shape: Shape, axes: Sequence[int]) -> Poly:
    total = Poly.of(1)
    for k in axes:
        total = total * shape[k]
    return total


def _magnitude(shape: Shape, axes: Sequence[int]) -> int:
    size = _volume(shape, axes)
    return size.evaluate(dict.fromkeys(size.free, _LARGE))
