"""Einstein summation, by transpositions and matrix products: operands are taken together from left to right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.errors import ShapeError
from graphc.ir.location import user_location
from graphc.ir.poly import Size
from graphc.ir.types import volume
from graphc.numpy import elementwise as ew
from graphc.numpy import reductions as rd
from graphc.numpy.indexing import diagonal
from graphc.numpy.linear_algebra import matmul
from graphc.numpy.movement import broadcast_to, expand_dims, reshape, transpose
from graphc.numpy.promote import as_tensor, promote

_ELLIPSIS_LABELS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
Labelled = tuple[Any, str]
"""A tensor and a letter for each of its axes."""


def einsum(subscripts: str, /, *operands: Any, optimize: Any = False) -> Any:
    """Products of items, summed over every letter that the right side does not name: einsum("bij,jk->bik", a, b).

    An ellipsis stands for leading axes that broadcast.  Without `->` the result has, in alphabetical order, the letters
    that occur once.  Raises ShapeError for text that does not fit the operands.  `optimize` is accepted and not needed.
    """
    tensors = promote(*map(as_tensor, operands))
    inputs, output = _parse(subscripts, [len(t.shape) for t in tensors])
    extents = _extents(subscripts, inputs, tensors)
    parts = [_no_repeats(t, labels) for t, labels in zip(tensors, inputs, strict=True)]
    total = parts[0]
    for k, other in enumerate(parts[1:], 1):
        total = _combine(total, other, set(output).union(*(labels for _, labels in parts[k + 1 :])))
    return _finish(total, output, extents)


# -------------------------------------------------------------------------------------------------------- parsing


def _parse(subscripts: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """Plain letters for every operand and the result."""
    left, arrow, right = subscripts.replace(" ", "").partition("->")
    terms = left.split(",")
    if len(terms) != len(ranks):
        raise _unfit(subscripts, f"{len(ranks)} terms", f"{len(terms)}")
    free = [c for c in _ELLIPSIS_LABELS if c not in subscripts]
    hidden = [rank - len(t.replace("...", "")) for t, rank in zip(terms, ranks, strict=True)]
    if any(n < 0 or (n > 0 and "..." not in t) for t, n in zip(terms, hidden, strict=True)):
        raise _unfit(subscripts, "a letter per axis", f"operands with {', '.join(map(str, ranks))} axes")
    longest = "".join(free[: max(hidden, default=0)])
    inputs = [t.replace("...", longest[len(longest) - n :]) for t, n in zip(terms, hidden, strict=True)]
    output = right.replace("...", longest) if arrow else longest + _implicit(terms)
    known = set("".join(inputs))
    if len(set(output)) != len(output) or not set(output) <= known or not all(c.isalpha() for c in known):
        raise _unfit(subscripts, "result letters that are distinct and occur on the left", output)
    return inputs, output


def _implicit(terms: Sequence[str]) -> str:
    letters = "".join(terms).replace("...", "")
    return "".join(sorted(c for c in set(letters) if letters.count(c) == 1))


def _unfit(subscripts: str, expected: str, got: str) -> ShapeError:
    return ShapeError(f"einsum {subscripts!r} does not fit", expected=expected, got=got, loc=user_location())


def _extents(subscripts: str, inputs: Sequence[str], tensors: Sequence[Any]) -> dict[str, Size]:
    extents: dict[str, Size] = {}
    for labels, t in zip(inputs, tensors, strict=True):
        for c, extent in zip(labels, t.shape, strict=True):
            if extents.setdefault(c, extent) == 1:
                extents[c] = extent
            if extent not in (1, extents[c]):
                raise _unfit(subscripts, f"{c} = {extents[c]}", f"{c} = {extent}")
    return extents


# ------------------------------------------------------------------------------------------------------- products


def _no_repeats(x: Any, labels: str) -> Labelled:
    """A letter twice in one term is a diagonal."""
    for c in labels:
        while labels.count(c) > 1:
            first, second = labels.index(c), labels.rindex(c)
            x = diagonal(x, 0, first, second)
            labels = "".join(d for k, d in enumerate(labels) if k not in (first, second)) + c
    return x, labels


def _combine(left: Labelled, right: Labelled, needed: set[str]) -> Labelled:
    """One tensor of two, with the letters that are needed later."""
    (x, a), (y, b) = _drop(left, needed | set(right[1])), _drop(right, needed | set(left[1]))
    summed = [c for c in a if c in b and c not in needed]
    shared = [c for c in a if c in b and c in needed]
    rows, columns = [c for c in a if c not in b], [c for c in b if c not in a]
    if not summed or any(_extent(x, a, c) != _extent(y, b, c) for c in summed):
        return _multiply((x, a), (y, b), needed)
    sizes = [[_extent(x, a, c) for c in rows], [_extent(y, b, c) for c in columns]]
    depth = volume(_extent(x, a, c) for c in summed)
    p, q = _ordered(x, a, [*shared, *rows, *summed]), _ordered(y, b, [*shared, *summed, *columns])
    batch = len(shared)
    p = reshape(p, (*p.shape[:batch], volume(sizes[0]), depth))
    q = reshape(q, (*q.shape[:batch], depth, volume(sizes[1])))
    y = matmul(p, q)
    return reshape(y, (*y.shape[:batch], *sizes[0], *sizes[1])), "".join([*shared, *rows, *columns])


def _multiply(left: Labelled, right: Labelled, needed: set[str]) -> Labelled:
    """Nothing to contract, or an extent of 1 to repeat: multiply with broadcasting, then sum."""
    labels = left[1] + "".join(c for c in right[1] if c not in left[1])
    product = ew.multiply(_aligned(*left, labels), _aligned(*right, labels))
    return _drop((product, labels), needed)


def _drop(term: Labelled, needed: set[str]) -> Labelled:
    """Sum over letters that nothing else has."""
    x, labels = term
    axes = tuple(k for k, c in enumerate(labels) if c not in needed)
    return (rd.sum(x, axes, x.dtype) if axes else x), "".join(c for c in labels if c in needed)


def _extent(x: Any, labels: str, c: str) -> Size:
    extent: Size = x.shape[labels.index(c)]
    return extent


def _ordered(x: Any, labels: str, order: Sequence[str]) -> Any:
    return transpose(x, [labels.index(c) for c in order])


def _aligned(x: Any, labels: str, target: str) -> Any:
    """The axes in the order of `target`, with extent 1 where a letter is missing."""
    x = _ordered(x, labels, [c for c in target if c in labels])
    missing = tuple(k for k, c in enumerate(target) if c not in labels)
    return expand_dims(x, missing) if missing else x


def _finish(term: Labelled, output: str, extents: dict[str, Size]) -> Any:
    x, labels = _drop(term, set(output))
    return broadcast_to(_ordered(x, labels, output), tuple(extents[c] for c in output))


__all__ = ["einsum"]
