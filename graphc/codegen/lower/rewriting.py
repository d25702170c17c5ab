"""A cluster made anew: the same values and effects with other axes, index expressions or reductions."""

from __future__ import annotations

from collections.abc import Callable

from graphc.codegen.nest.cluster import BoundCheck, Cluster, Effect, Place, Reduction, Value
from graphc.codegen.nest.loops import Guard
from graphc.ir.poly import Poly
from graphc.records import dataclass, field, replace


@dataclass
class Rewriting:
    """The same values and effects with other axes and index expressions; identities are kept."""

    cluster: Cluster
    axes: dict[str, Poly]
    index: Callable[[Poly], Poly]
    values: dict[int, Value] = field(default_factory=dict)
    reductions: dict[int, Reduction] = field(default_factory=dict)

    def run(self) -> Cluster:
        for v in self.cluster.values:
            self.values[v.id] = self.value(v)
        effects = [self.effect(e) for e in self.cluster.effects]
        return replace(self.cluster, axes=self.axes, values=list(self.values.values()), effects=effects)

    def value(self, v: Value) -> Value:
        return replace(
            v,
            axes=v.axes.intersection(self.axes),
            args=tuple(self.values[a.id] if isinstance(a, Value) else a for a in v.args),
            place=self.place(v.place) if v.place else None,
            index=self.index(v.index),
            reduction=self.reduction(v.reduction) if v.reduction else None,
        )

    def reduction(self, r: Reduction) -> Reduction:
        if r.id not in self.reductions:
            self.reductions[r.id] = replace(r, args=self.args(r.args), over=r.over.intersection(self.axes))
        return self.reductions[r.id]

    def effect(self, e: Effect) -> Effect:
        if isinstance(e, Reduction):
            return self.reduction(e)
        if isinstance(e, BoundCheck):
            return replace(e, args=(self.values[e.args[0].id],))
        return replace(e, args=self.args(e.args), axes=e.axes.intersection(self.axes), place=self.place(e.place))

    def args(self, old: tuple[Value, ...]) -> tuple[Value, ...]:
        return tuple(self.values[a.id] for a in old)

    def place(self, p: Place) -> Place:
        guards = tuple(Guard(self.index(g.index), g.bound) for g in p.guards)
        return replace(p, at=self.index(p.at), guards=guards)
