"""Which axis threads share, and into how many pieces.

Threads share the first long axis that no reduction crosses; where an array lies along it, neighbours stay together.  If
there is none the first axis is cut, each chunk keeps private partial states, and a phase that runs once merges them in
order.  Writes at run-time positions allow a cut only along an axis whose values write to different places.
"""

from __future__ import annotations

import math
from collections.abc import Iterable

from graphc.codegen.nest.chunk import Chunk
from graphc.codegen.nest.cluster import Cluster, Place, Reduction, Value, Write
from graphc.ir.costs import cost
from graphc.ir.poly import Poly

LONG = 256  # shortest vector axis worth cutting into chunks
MANY = 16  # an axis this long feeds every thread
COLUMNS = 512  # chunks of the vector axis are multiples of this
NEIGHBOURS = 32  # of an axis that an array lies along in memory, while vectors run across: they share cache lines


def choose_chunk(cluster: Cluster) -> Chunk | None:
    """None where the shape is known and makes one piece, or where no axis may be cut."""
    axis = _axis(cluster)
    if axis is None:
        return None
    return worthwhile(Chunk(axis, cluster.axes[axis], _work(cluster), _unit(cluster, axis)))


def worthwhile(chunk: Chunk) -> Chunk | None:
    return chunk if chunk.pieces > 1 else None


def _work(cluster: Cluster) -> Poly:
    """Every operation at each point of its own axes, and one for each point of the space."""
    points = {axes: _volume(cluster, axes) for axes in {v.axes for v in cluster.values}}
    return sum((points[v.axes] * cost(v.op) for v in cluster.values), _volume(cluster, cluster.axes))


def _volume(cluster: Cluster, axes: Iterable[str]) -> Poly:
    return math.prod((Poly.of(cluster.axes[a]) for a in axes), start=Poly.of(1))


def _axis(cluster: Cluster) -> str | None:
    crossed = frozenset[str]().union(*(e.over for e in cluster.effects if isinstance(e, Reduction)))
    scattered = [e for e in cluster.effects if isinstance(e, Write) and (e.op or e.indices)]
    apart = [a for a in cluster.axes if all(writes_apart(cluster, e, a) for e in scattered)]
    free = [a for a in apart if a not in crossed and _length(cluster, a) >= _enough(cluster, a)]
    if free:
        pieces = {a: _length(cluster, a) / (_unit(cluster, a) if a != list(cluster.axes)[-1] else 1) for a in free}
        return next((a for a in free if pieces[a] >= MANY), max(free, key=lambda a: pieces[a]))
    return next(iter(cluster.axes), None) if not scattered else None


def _unit(cluster: Cluster, axis: str) -> int:
    """What chunks of an axis are multiples of."""
    last = list(cluster.axes)[-1]
    if axis == last:
        return COLUMNS
    places = [v.place for v in cluster.values if v.place] + [e.place for e in cluster.effects if isinstance(e, Write)]
    return NEIGHBOURS if any(_runs_across(p, axis, last) for p in places) else 1


def _runs_across(p: Place, axis: str, last: str) -> bool:
    """Contiguous along an axis, and not along the vector axis."""
    step = p.at.coefficient(last)
    return p.at.coefficient(axis).constant in (-1, 1) and bool(step.terms) and step.constant not in (-1, 1)


def _enough(cluster: Cluster, axis: str) -> int:
    return LONG if len(cluster.axes) > 1 and axis == list(cluster.axes)[-1] else 2


def _length(cluster: Cluster, axis: str) -> float:
    n = cluster.axes[axis].constant
    return float("inf") if n is None else n


def writes_apart(cluster: Cluster, e: Write, axis: str) -> bool:
    """Do different values of an axis surely write to different places, whatever the other axes and indices are?

    Every other part of the address must be a multiple of what the axis spans, or all of them together less than one
    step of the axis.  A write that does not iterate over the axis is not repeated along it.
    """
    if axis not in e.axes:
        return True
    step = e.place.at.coefficient(axis)
    if not _positive(step) or any(axis in i.axes for i in e.indices):
        return False
    others: list[tuple[Poly, Poly | None]]
    others = [(e.place.at.coefficient(a), n) for a, n in cluster.axes.items() if a != axis and a in e.axes]
    others += [(s, _bound(i)) for i, s in zip(e.indices, e.place.strides, strict=True)]
    room = step
    for stride, n in others:
        if not _multiple(stride, step * cluster.axes[axis]):
            if n is None or not _positive(stride):
                return False
            room = room - stride * (n - 1)
    return room == step or (room.constant is not None and room.constant > 0)


def _positive(p: Poly) -> bool:
    """Surely, for positive symbols."""
    return bool(p.terms) and all(c > 0 for _, c in p.terms)


def _bound(index: Value) -> Poly | None:
    """How many values a checked index may have."""
    if index.op != "wrap":
        return None
    bound = index.args[1]
    return bound.index if isinstance(bound, Value) else Poly.of(int(bound))


def _multiple(p: Poly, of: Poly) -> bool:
    """Is p certainly a multiple of a polynomial of one term?"""
    if len(of.terms) != 1:
        return not p.terms
    names, c = of.terms[0]
    return all(d % c == 0 and all(have.count(n) >= names.count(n) for n in names) for have, d in p.terms)
