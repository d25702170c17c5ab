"""The position of the best item of a row in two stages: first the best item, then the least position that has it.

A state of value and position costs a dozen instructions per vector; a maximum, and a comparison with it, cost half of
that, and the maximum is often wanted anyway.  The row is in the first-level cache when it is looked at again; a row
that is not, and an outer axis, keep the state.
"""

from __future__ import annotations

from graphc.codegen.lower.analysis import Analysis
from graphc.codegen.lower.rewriting import Rewriting
from graphc.codegen.nest.cluster import Cluster, Operand, Reduction, Value
from graphc.codegen.nest.elements import greatest, is_float
from graphc.codegen.nest.monoids import ARGMAX, ARGMIN, MAX, MIN, Monoid
from graphc.records import dataclass, field, replace

LONGEST_ROW = 1 << 13  # items
EXTREME = {ARGMAX.name: MAX, ARGMIN.name: MIN}


def arg_rows(cluster: Cluster) -> Cluster:
    """The same cluster with the arg-reductions of the vector axis in two stages."""
    facts = Analysis(cluster)
    found = {r.id: EXTREME[r.monoid.name] for r in facts.reductions if r.monoid.name in EXTREME and _is_row(facts, r)}
    return _InTwoStages(cluster, cluster.axes, lambda p: p, found=found).run() if found else cluster


def _is_row(facts: Analysis, r: Reduction) -> bool:
    last = facts.axes[facts.last]
    return r.over == {last} and bool(r.kept) and (facts.cluster.axes[last].constant or 0) <= LONGEST_ROW


@dataclass
class _InTwoStages(Rewriting):
    """`found` gives the monoid of the first stage of each arg-reduction."""

    found: dict[int, Monoid] = field(default_factory=dict)
    best: dict[int, Value] = field(default_factory=dict)
    extra: list[Reduction] = field(default_factory=list)

    def run(self) -> Cluster:
        cluster = super().run()
        return replace(cluster, effects=[*cluster.effects, *self.extra])

    def value(self, v: Value) -> Value:
        r = v.reduction
        if r is None or r.id not in self.found:
            return super().value(v)
        if v.component == 0:
            self.best[r.id] = replace(v, reduction=self.extreme(r))
            return self.best[r.id]
        self.reductions[r.id] = self.position(r)
        return replace(v, reduction=self.reductions[r.id], component=0)

    def extreme(self, r: Reduction) -> Reduction:
        """The reduction to the best item: one that is there, or a new one."""
        monoid, item = self.found[r.id], r.args[:1]
        for e in self.cluster.effects:
            if isinstance(e, Reduction) and (e.monoid, e.args, e.over) == (monoid, item, r.over):
                return self.reduction(e)
        number = len(self.cluster.effects) + len(self.extra)
        self.extra.append(replace(r, id=number, monoid=monoid, args=self.args(item)))
        return self.extra[-1]

    def position(self, r: Reduction) -> Reduction:
        """The least position of an item that is the best, or of a NaN: if there is one, it is the best."""
        item, place = self.args(r.args)
        hit = self.new("eq", "bool", item, self.best[r.id])
        if is_float(item.dtype):
            hit = self.new("or", "bool", hit, self.new("isnan", "bool", item))
        return replace(r, monoid=MIN, args=(self.new("select", place.dtype, hit, place, greatest(place.dtype)),))

    def new(self, op: str, dtype: str, *args: Operand) -> Value:
        axes = frozenset[str]().union(*(a.axes for a in args if isinstance(a, Value)))
        number = len(self.cluster.values) + len(self.values)
        self.values[number] = Value(number, op, dtype, axes, args)
        return self.values[number]
