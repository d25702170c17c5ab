"""Vectors of tuples: a, b, c in registers lie in memory as a0 b0 c0 a1 b1 c1 ..., and their lanes change places.

A number of items that is no prime is done factor by factor, which takes fewer instructions: 8 for four vectors, not 12.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.codegen.llvm.builder import Builder
from graphc.codegen.llvm.writer import Operand

Vectors = Sequence[Operand]
"""Of one length: the items of one after those of another."""


def interleave(b: Builder, streams: Sequence[Vectors]) -> Vectors:
    """The first items of all streams, then their second ones, and so on."""
    count, factor = len(streams), _factor(len(streams))
    if factor < count:
        apart = count // factor
        return interleave(b, [interleave(b, streams[j::apart]) for j in range(apart)])
    return [v for parts in zip(*streams, strict=True) for v in _braided(b, parts)]


def deinterleave(b: Builder, vectors: Vectors, count: int) -> list[Vectors]:
    """The streams that `interleave` makes these vectors of."""
    factor = _factor(count)
    if factor < count:
        apart = count // factor
        streams = [deinterleave(b, v, factor) for v in deinterleave(b, vectors, apart)]
        return [streams[k % apart][k // apart] for k in range(count)]
    blocks = [vectors[k : k + count] for k in range(0, len(vectors), count)]
    return [[every(b, block, count, first) for block in blocks] for first in range(count)]


def every(b: Builder, parts: Vectors, step: int, first: int, starts: Sequence[int] = ()) -> Operand:
    """Each `step`-th item from `first` on, out of vectors whose first items are `starts`, or follow one another."""
    lanes = parts[0].lanes
    begins = starts or range(0, len(parts) * lanes, lanes)
    holder = {s + n: (k, n) for k, s in reversed([*enumerate(begins)]) for n in range(lanes)}
    return _chosen(b, parts, [holder[first + step * n] for n in range(lanes)])


def joined(b: Builder, parts: Vectors, lanes: int) -> Vectors:
    """Parts one after the other in vectors of `lanes`, a multiple of theirs by a power of two."""
    while parts[0].lanes < lanes:
        whole = range(2 * parts[0].lanes)
        parts = [b.blend(v, w, whole) for v, w in zip(parts[::2], parts[1::2], strict=True)]
    return parts


def apart(b: Builder, vectors: Vectors, lanes: int) -> Vectors:
    """The parts, of `lanes` each, that the vectors consist of."""
    return [v if v.lanes == lanes else b.part(v, k, lanes) for v in vectors for k in range(0, v.lanes, lanes)]


def _braided(b: Builder, parts: Vectors) -> Vectors:
    count, lanes = len(parts), parts[0].lanes
    wanted = [(k % count, k // count) for k in range(count * lanes)]
    return [_chosen(b, parts, wanted[k : k + lanes]) for k in range(0, count * lanes, lanes)]


def _chosen(b: Builder, parts: Vectors, wanted: Sequence[tuple[int, int]]) -> Operand:
    """The lanes (part, lane): those of two parts, then those of each further part beside what is there."""
    used = sorted({k for k, _ in wanted})
    if len(used) == 1:
        return b.shuffle(parts[used[0]], [n for _, n in wanted])
    lanes = parts[0].lanes
    chosen = parts[used[0]]
    for k in used[1:]:
        held = [n if k == used[1] else place for place, (_, n) in enumerate(wanted)]  # lanes of parts before k
        picks = [lanes + n if own == k else h if own < k else -1 for h, (own, n) in zip(held, wanted, strict=True)]
        chosen = b.blend(chosen, parts[k], picks)
    return chosen


def _factor(count: int) -> int:
    """The smallest prime factor, 1 of 1."""
    return next((p for p in range(2, count + 1) if count % p == 0), 1)
