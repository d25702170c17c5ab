"""What lowering knows about a cluster before it writes any statement: levels, stages, costs, needs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cached_property

from graphc.codegen.nest.cluster import Cluster, Effect, Reduction, Value, Write
from graphc.ir.costs import cost

DEAR = 1 << 40  # costs of shared values are counted once per use: kept from growing without limit


class Analysis:
    """Facts about one cluster, by axis position (`level`): 0 is the outermost loop, `last` the vector axis."""

    def __init__(self, cluster: Cluster):
        self.cluster = cluster
        self.axes = list(cluster.axes)
        self.last = len(self.axes) - 1
        self.position = {a: k for k, a in enumerate(self.axes)}
        self.reductions = [e for e in cluster.effects if isinstance(e, Reduction)]
        self.writes: list[Effect] = [e for e in cluster.effects if not isinstance(e, Reduction)]
        self.results: dict[int, list[Value]] = {r.id: [] for r in self.reductions}
        for v in cluster.values:
            if v.reduction:
                self.results[v.reduction.id].append(v)

    def level(self, v: Value) -> int:
        """The innermost loop that a value varies with; -1 for none."""
        return max((self.position[a] for a in v.axes), default=-1)

    def first(self, r: Reduction) -> int:
        """The outermost reduced axis: the reduction is complete after its loop."""
        return min(self.position[a] for a in r.over)

    def kept_inside(self, r: Reduction, k: int = -1) -> list[str]:
        """The kept axes inside axis k, in loop order."""
        return [a for a in self.axes[k + 1 :] if a in r.kept]

    def in_buffer(self, r: Reduction) -> bool:
        """With a kept axis inside its outermost reduced one a reduction has one state per point, in memory."""
        return bool(self.kept_inside(r, self.first(r)))

    def opens(self, r: Reduction, k: int) -> bool:
        """Is this the loop of its outermost reduced axis, or of the first one inside all its kept axes?"""
        kept = [self.position[a] for a in r.kept]
        inner = [self.position[a] for a in r.over if self.position[a] > max(kept, default=-1)]
        return k == self.first(r) or (bool(inner) and k == min(inner))

    @cached_property
    def costs(self) -> dict[int, int]:
        """What computing a value again takes."""
        total: dict[int, int] = {}
        for v in self.cluster.values:
            total[v.id] = min(DEAR, cost(v.op) + sum(total[a.id] for a in v.inputs))
        return total

    @cached_property
    def _stages(self) -> list[dict[int, int]]:
        return [self._stage_table(k) for k in range(len(self.axes))]

    def _stage_table(self, k: int) -> dict[int, int]:
        """How many reductions over the loop of axis k have to be complete, one after the other, before each value."""
        table: dict[int, int] = {}
        for v in self.cluster.values:
            if v.reduction:
                table[v.id] = max(table[a.id] for a in v.reduction.args) + (self.first(v.reduction) == k)
            else:
                table[v.id] = max((table[a.id] for a in v.inputs), default=0)
        return table

    def stage(self, e: Effect, k: int) -> int:
        """Which of the successive loops over axis k an effect belongs to."""
        return max(self._stages[k][a.id] for a in e.args)

    def closure(self, goals: Iterable[Effect], ready: Callable[[Value], bool]) -> list[Effect]:
        """Some effects, and the reductions that they need, in program order; nothing is needed for a ready value."""
        need = {e.id: e for e in goals}
        stack, seen = [a for e in need.values() for a in e.args], set[int]()
        while stack:
            v = stack.pop()
            if v.id in seen or ready(v):
                continue
            seen.add(v.id)
            stack += v.inputs
            if v.reduction and v.reduction.id not in need:
                need[v.reduction.id] = v.reduction
                stack += v.reduction.args
        return [need[i] for i in sorted(need)]

    def reached(self, effects: Iterable[Effect], ready: Callable[[Value], bool]) -> dict[int, Value]:
        """The values to be computed for some effects, short of results of reductions and of ready values."""
        seen: dict[int, Value] = {}
        stack = [a for e in effects for a in e.args]
        while stack:
            v = stack.pop()
            if v.id not in seen and not ready(v):
                seen[v.id] = v
                stack += v.inputs
        return seen

    def lanes_apart(self, e: Effect, axis: str) -> bool:
        """May a vector loop over the axis hold the effect?  An accumulation needs a place of its own in every lane."""
        if not isinstance(e, Write) or e.op is None:
            return True
        slope = e.place.at.coefficient(axis).constant
        return bool(slope) and not any(axis in i.axes for i in e.indices)
