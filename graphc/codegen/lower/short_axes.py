"""Short axes are written out: every point of an axis of a few points gets values of its own.

Vectors run along a long axis.  A loop over three coordinates around it would compute what the coordinates share once
for each of them, and keep a sum over them in memory; written out they meet in registers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from graphc.codegen.lower.axes import places, runs_over_tuples
from graphc.codegen.nest.cluster import BoundCheck, Cluster, Effect, Operand, Place, Reduction, Value, Write
from graphc.codegen.nest.loops import Guard
from graphc.ir.costs import HEAVY, cost
from graphc.ir.poly import Poly
from graphc.records import dataclass, field, replace

LONGEST = 8  # points of an axis that is written out
MOST = 96  # values and effects of all the points of an axis: bounds code and registers


def write_out(cluster: Cluster) -> Cluster:
    """The same cluster without the short axes that are better written out; the last axis stays, for vectors."""
    for axis in list(cluster.axes)[:-1]:
        if _is_short(cluster, axis) and _pays(cluster, axis):
            cluster = _WritingOut(cluster, axis).run()
    return cluster


def _is_short(cluster: Cluster, axis: str) -> bool:
    points = cluster.axes[axis].constant
    if points is None or not 2 <= points <= LONGEST:
        return False
    varying = sum(axis in x.axes for x in (*cluster.values, *cluster.effects))
    return points * varying <= MOST and all(map(_may_be_written_out, cluster.effects))


def _may_be_written_out(e: Effect) -> bool:
    """Additions to one place keep their order; the blocks of a composite state are lifted by its own loop."""
    return (isinstance(e, Write) and e.op is None) or isinstance(e, BoundCheck) or _folds_its_state(e)


def _folds_its_state(e: Effect) -> bool:
    """Is the state of a reduction of the kind of its arguments, so that it can be folded again?"""
    return isinstance(e, Reduction) and len(e.monoid.state) == len(e.args)


def _pays(cluster: Cluster, axis: str) -> bool:
    """Is the axis reduced, does it run over tuples, choose among parts, or share something dear among its points?"""
    last = list(cluster.axes)[-1]
    if any(runs_over_tuples(p, axis, cluster.axes[axis], last) for p in places(cluster)):
        return True
    if any(isinstance(e, Reduction) and axis in e.over for e in cluster.effects):
        return True
    if any(axis in g.index.names for v in cluster.values if v.place for g in v.place.guards):
        return True
    shared = {a.id: a for v in cluster.values if axis in v.axes for a in v.inputs if axis not in a.axes}
    return any(cost(v.op) >= HEAVY and last in v.axes for v in shared.values())


@dataclass
class _WritingOut:
    """Copies of what varies along an axis, one per point."""

    cluster: Cluster
    axis: str
    values: list[Value] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    copies: dict[int, list[Value]] = field(default_factory=dict)
    reductions: dict[int, list[Reduction]] = field(default_factory=dict)
    blocks: dict[int, tuple[Value, ...]] = field(default_factory=dict)  # by reduction: the joined points

    def run(self) -> Cluster:
        for v in self.cluster.values:
            self.copies[v.id] = self.value(v)
        for e in self.cluster.effects:
            self.effect(e)
        axes = {a: n for a, n in self.cluster.axes.items() if a != self.axis}
        return replace(self.cluster, axes=axes, values=self.values, effects=self.effects)

    @property
    def points(self) -> range:
        return range(self.cluster.axes[self.axis].constant or 0)

    def value(self, v: Value) -> list[Value]:
        """The copies of a value, a single one where it does not vary."""
        if v.reduction:
            return self.result(v, v.reduction)
        if self.axis not in v.axes:
            return [self.add(v, self.operands(v.args, 0))]
        return [self.add(self.at(v, k), self.operands(v.args, k)) for k in self.points]

    def at(self, v: Value, k: int) -> Value:
        place = self.place(v.place, k) if v.place else None
        return replace(v, axes=v.axes - {self.axis}, place=place, index=self.index(v.index, k))

    def add(self, v: Value, args: tuple[Operand, ...]) -> Value:
        self.values.append(replace(v, id=len(self.values), args=args))
        return self.values[-1]

    def operands(self, args: Sequence[Operand], k: int) -> tuple[Operand, ...]:
        return tuple(self.copy(a, k) if isinstance(a, Value) else a for a in args)

    def copy(self, v: Value, k: int) -> Value:
        copies = self.copies[v.id]
        return copies[k] if len(copies) > 1 else copies[0]

    def index(self, p: Poly, k: int) -> Poly:
        return p.substitute(self.axis, Poly.of(k))

    def place(self, p: Place, k: int) -> Place:
        guards = tuple(Guard(self.index(g.index, k), g.bound) for g in p.guards)
        return replace(p, at=self.index(p.at, k), guards=guards)

    # --------------------------------------------------------------------------------------------------- reductions

    def result(self, v: Value, r: Reduction) -> list[Value]:
        if r.over == {self.axis}:
            return [self.joined(r)[v.component]]
        self.reduce(r)
        return [self.add(replace(v, axes=made.kept, reduction=made), ()) for made in self.reductions[r.id]]

    def reduce(self, r: Reduction) -> None:
        """One reduction for each point of a kept axis; along a reduced one, the points are joined first."""
        if r.id in self.reductions:
            return
        if self.axis in r.over:
            every = [self.joined(r)]
        else:
            every = [tuple(self.copy(a, k) for a in r.args) for k in (self.points if self.axis in r.axes else [0])]
        self.reductions[r.id] = []
        for args in every:
            made = replace(r, id=len(self.effects), args=args, over=r.over - {self.axis})
            self.effects.append(made)
            self.reductions[r.id].append(made)

    def joined(self, r: Reduction) -> tuple[Value, ...]:
        """The points of a reduced axis as one block."""
        if r.id not in self.blocks:
            items = [tuple(self.copy(a, k) for a in r.args) for k in self.points]
            self.blocks[r.id] = r.monoid.lift(_Scalars(self), items)
        return self.blocks[r.id]

    # ------------------------------------------------------------------------------------------------------ effects

    def effect(self, e: Effect) -> None:
        if isinstance(e, Reduction):
            return
        for k in self.points if self.axis in e.axes else [0]:
            args = tuple(self.copy(a, k) for a in e.args)
            number = len(self.effects)
            if isinstance(e, BoundCheck):
                self.effects.append(replace(e, id=number, args=(args[0],)))
            else:
                axes = e.axes - {self.axis}
                self.effects.append(replace(e, id=number, args=args, axes=axes, place=self.place(e.place, k)))


@dataclass(frozen=True)
class _Scalars:
    """The part of the builder protocol that monoids are written in, as values of a cluster."""

    making: _WritingOut

    def __getattr__(self, op: str) -> Callable[..., Value]:
        is_test = op in ("lt", "gt", "eq", "isnan")
        return lambda *args: self._value(op.rstrip("_"), "bool" if is_test else args[-1].dtype, args)

    def _value(self, op: str, dtype: str, args: tuple[Value, ...]) -> Value:
        axes = frozenset[str]().union(*(a.axes for a in args))
        return self.making.add(Value(0, op, dtype, axes), args)
