"""Clusters that differ only in the names of their arrays, and in where they begin, share one kernel.

The steps of an unrolled loop and the layers of a network are such clusters: step t reads its row of an array at an
offset of its own.  An array of a kernel therefore begins at the least constant that any index into it has, and whoever
calls the kernel adds that constant to the address.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator

from graphc.codegen.lower.rewriting import Rewriting
from graphc.codegen.nest.cluster import BoundCheck, Cluster, Effect, Fill, Place, Reduction, Value, Write
from graphc.ir.poly import Poly
from graphc.records import replace


def beginnings(cluster: Cluster) -> dict[str, int]:
    """For each array the least constant of its indices, in elements; 0 for one that is filled or copied as a whole."""
    least: dict[str, int] = {}
    for p in _places(cluster):
        least[p.buffer] = min(_constant(p.at), least.get(p.buffer, _constant(p.at)))
    whole = {name for f in cluster.fills for name in (f.buffer, f.value)}
    return {name: 0 if name in whole else least.get(name, 0) for name in cluster.arrays}


def rebased(cluster: Cluster, start: dict[str, int]) -> Cluster:
    """The same cluster over arrays that begin so many elements later."""
    if not any(start.values()):
        return cluster
    return _Rebasing(cluster, start).run()


def _places(cluster: Cluster) -> Iterator[Place]:
    yield from (v.place for v in cluster.values if v.place)
    yield from (e.place for e in cluster.effects if isinstance(e, Write))


def _constant(at: Poly) -> int:
    return next((c for names, c in at.terms if not names), 0)


class _Rebasing(Rewriting):
    def __init__(self, cluster: Cluster, start: dict[str, int]) -> None:
        super().__init__(cluster, cluster.axes, lambda p: p)
        self.start = start

    def place(self, p: Place) -> Place:
        return replace(p, at=p.at - self.start[p.buffer])


# ------------------------------------------------------------------------------------------------------------- form


def form(cluster: Cluster) -> Hashable:
    """Equal for clusters that are equal but for their own names and those of their arrays."""
    number = {name: n for n, name in enumerate(cluster.arrays)}
    return (
        tuple(cluster.axes.items()),
        tuple((a.dtype, a.role, a.alias and number[a.alias]) for a in cluster.arrays.values()),
        tuple(_fill(f, number) for f in cluster.fills),
        tuple(_value(v, number) for v in cluster.values),
        tuple(_effect(e, number) for e in cluster.effects),
    )


def _fill(f: Fill, number: dict[str, int]) -> Hashable:
    copied = isinstance(f.value, str)
    return number[f.buffer], f.size, copied, number[str(f.value)] if copied else repr(f.value)


def _value(v: Value, number: dict[str, int]) -> Hashable:
    args = tuple(a.id if isinstance(a, Value) else repr(a) for a in v.args)
    place, r = v.place and _place(v.place, number), v.reduction and v.reduction.id
    return v.op, v.dtype, frozenset(v.axes), args, place, repr(v.fill), v.index, r, v.component


def _effect(e: Effect, number: dict[str, int]) -> Hashable:
    args = tuple(a.id for a in e.args)
    match e:
        case Reduction():
            return "reduction", e.monoid, args, frozenset(e.over)
        case Write():
            return "write", _place(e.place, number), args, frozenset(e.axes), e.op
        case BoundCheck():
            return "check", args, e.bound, e.site


def _place(p: Place, number: dict[str, int]) -> Hashable:
    return number[p.buffer], p.at, p.guards, p.strides
