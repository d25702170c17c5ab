"""Before lowering: fewer and longer axes, the best one for vectors last.

An axis of extent 1 goes.  Two neighbours become one where every index moves through both as through one.  The vector
axis is the one along which the accesses are contiguous and vectors are full.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from graphc.codegen.lower.rewriting import Rewriting
from graphc.codegen.nest.cluster import Cluster, Place, Reduction, Value, Write
from graphc.codegen.nest.loops import ZERO
from graphc.ir.costs import LONGEST_TUPLE, cost, shuffles
from graphc.ir.poly import Poly
from graphc.records import replace

LANES = 16  # of the vectors that the choice of the last axis reckons with
USUAL = 256  # length of an axis that is not known
INTERLEAVED = 4  # the longest stride at which whole vectors and a choice of lanes make up a load
NEAR, FAR = 1.0, 2.0  # vector instructions per item of an access with a short stride, and of any other that has one
SCATTER, ACCUMULATE = 1.5, 4.0  # how much dearer that is for a write
GUARD = 2.0  # vector instructions of a guard that varies: a comparison, and a load or store with a mask
BETTER = 0.8  # another axis must be that much cheaper than the last
TIE = 1.02  # of axes as cheap as that beside the cheapest it is the innermost


def normalise(cluster: Cluster) -> Cluster:
    """The same cluster over a simpler iteration space; axes keep their names."""
    cluster = _collapse(_drop_units(cluster))
    best = _vector_axis(cluster)
    if best is not None:
        cluster = _collapse(_moved_to_end(cluster, [best]))
    across = _axis_across(cluster)
    return cluster if across is None else _moved_to_end(cluster, [across, list(cluster.axes)[-1]])


def _moved_to_end(cluster: Cluster, last: list[str]) -> Cluster:
    order = [a for a in cluster.axes if a not in last] + last
    return replace(cluster, axes={a: cluster.axes[a] for a in order})


def _axis_across(cluster: Cluster) -> str | None:
    """Along which an array lies that the vectors run across, where it does not stand beside their axis: see `tile`."""
    if len(cluster.axes) < 3 or any(
        isinstance(e, Reduction) or (isinstance(e, Write) and e.op) for e in cluster.effects
    ):
        return None
    *outer, last = cluster.axes
    apart = [p for p in places(cluster) if p.at.coefficient(last).constant not in (-1, 0, 1)]
    along = [a for a in outer if any(p.at.coefficient(a).constant in (-1, 1) for p in apart)]
    return along[0] if along and outer[-1] not in along else None


def _drop_units(cluster: Cluster) -> Cluster:
    for a in [a for a, n in cluster.axes.items() if n.constant == 1]:
        if not any(isinstance(e, Reduction) and e.over == {a} for e in cluster.effects):
            cluster = _drop(cluster, a)
    return cluster


def _drop(cluster: Cluster, axis: str) -> Cluster:
    axes = {a: n for a, n in cluster.axes.items() if a != axis}
    return Rewriting(cluster, axes, lambda p: p.substitute(axis, ZERO)).run()


def _collapse(cluster: Cluster) -> Cluster:
    """Merge neighbours from the innermost axis outwards."""
    names = list(cluster.axes)
    for outer, inner in zip(names[-2::-1], names[:0:-1], strict=True):
        if _one_walk(cluster, outer, inner):
            cluster = _merge(cluster, outer, inner)
    return cluster


def _merge(cluster: Cluster, outer: str, inner: str) -> Cluster:
    """One axis, under the name of the outer, with the strides of the inner."""
    axes = {a: n for a, n in cluster.axes.items() if a != inner}
    axes[outer] = cluster.axes[outer] * cluster.axes[inner]
    return Rewriting(cluster, axes, lambda p: p.substitute(outer, ZERO).substitute(inner, Poly.of(outer))).run()


def _one_walk(cluster: Cluster, outer: str, inner: str) -> bool:
    """Do both axes together act as one axis that is `extent of inner` times as long as outer?"""
    pairs = [v.axes for v in cluster.values] + [e.axes for e in cluster.effects]
    pairs += [e.over for e in cluster.effects if isinstance(e, Reduction)]
    if any((outer in axes) != (inner in axes) for axes in pairs):
        return False
    n = cluster.axes[inner]
    return all(p.coefficient(outer) == p.coefficient(inner) * n for p in _indices(cluster))


def _indices(cluster: Cluster) -> Iterator[Poly]:
    """Every index expression over the axes."""
    for place in places(cluster):
        yield place.at
        yield from (g.index for g in place.guards)
    yield from (v.index for v in cluster.values)


def places(cluster: Cluster) -> Iterator[Place]:
    yield from (v.place for v in cluster.values if v.place)
    yield from (e.place for e in cluster.effects if isinstance(e, Write))


# ------------------------------------------------------------------------------------------------------ vector axis


def _vector_axis(cluster: Cluster) -> str | None:
    """The axis to be moved to the end; None where the last one is as good as any."""
    if len(cluster.axes) < 2:
        return None
    price = {a: _price(cluster, a) for a in cluster.axes}
    last = list(cluster.axes)[-1]
    best = next(a for a in reversed(price) if price[a] <= TIE * min(price.values()))
    return best if price[best] < BETTER * price[last] else None


def _price(cluster: Cluster, axis: str) -> float:
    """Vector instructions per point of the whole space with vectors along an axis.

    What does not vary with the axis is computed without vectors; partly filled vectors share their cost among fewer.
    """
    n = cluster.axes[axis].constant
    filled = n / -(-n // LANES) if n else LANES
    total = 0.0
    for v in cluster.values:
        part = 1 / filled if axis in v.axes else 1.0
        total += _share(cluster, v.axes) * (part * cost(v.op) if v.place is None else 0.0)
    for axes, place, indices, writes in _accesses(cluster):
        guards = sum(axis in g.index.names for g in place.guards) * GUARD / filled
        together = _tuple(cluster, place, axis) if not (indices or place.guards) else None
        access = (1 + shuffles(together)) / filled if together else _access(place, indices, axis, filled, writes)
        total += _share(cluster, axes) * (access + guards)
    return total


def _tuple(cluster: Cluster, place: Place, axis: str) -> int | None:
    """How many neighbours there are at each point of an axis, where a short axis runs over them."""
    inner = next((a for a, n in cluster.axes.items() if runs_over_tuples(place, a, n, axis)), None)
    return cluster.axes[inner].constant if inner else None


def runs_over_tuples(place: Place, inner: str, extent: Poly, axis: str) -> bool:
    """Does an axis run over all the neighbours at a point of another axis?  They are moved together then."""
    step, near = place.at.coefficient(axis), place.at.coefficient(inner).constant
    return near == 1 and step == extent and 2 <= (extent.constant or 0) <= LONGEST_TUPLE


def _share(cluster: Cluster, axes: frozenset[str]) -> float:
    """The part of the points at which something is computed that varies with some axes only."""
    return math.prod(1 / max(1, n.constant or USUAL) for a, n in cluster.axes.items() if a not in axes)


def _accesses(cluster: Cluster) -> Iterator[tuple[frozenset[str], Place, Sequence[Value], float]]:
    yield from ((v.axes, v.place, v.inputs, 1.0) for v in cluster.values if v.place)
    for e in cluster.effects:
        if isinstance(e, Write):
            yield e.axes, e.place, e.indices, ACCUMULATE if e.op else SCATTER


def _access(place: Place, indices: Sequence[Value], axis: str, filled: float, writes: float) -> float:
    """One instruction per vector where it is contiguous; far apart, every item may be a cache line of its own."""
    slope = place.at.coefficient(axis).constant
    if any(axis in i.axes for i in indices) or slope is None:
        return FAR * writes
    if abs(slope) <= 1:
        return 1 / filled
    if writes == 1.0 and 0 < slope <= INTERLEAVED:
        return 2 * slope / filled
    return writes * (NEAR if abs(slope) <= LANES else FAR)
