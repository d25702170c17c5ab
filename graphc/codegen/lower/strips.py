"""Strips: when a value per row needs a transcendental function, rows are taken a strip at a time.

The row reductions of a strip come first, then the row values of the whole strip as vectors over its rows, then what
needs them: three loops over the rows of a strip that stays in the first-level cache.
"""

from __future__ import annotations

from collections.abc import Iterable

from graphc.codegen.lower.regions import Nest
from graphc.codegen.nest.cluster import Effect, Value
from graphc.codegen.nest.elements import ITEMSIZE
from graphc.codegen.nest.loops import Loop
from graphc.ir.costs import HEAVY, cost
from graphc.ir.poly import Poly

STRIP_BYTES = 1 << 15
USUAL_ROW = 512  # items, where the length of a row is not known
SHORTEST, LONGEST = 16, 128  # rows of a strip


class StripNest(Nest):
    """A nest that cuts the axis around the vector axis into strips where that pays; of these, sums are not kept."""

    def iterate(self, k: int, effects: list[Effect], keep: list[Value]) -> Loop:
        if k == self.facts.last - 1:
            every = self.facts.closure(effects, self.ready)
            batches = _Batches(self, k, every)
            if batches.worthwhile():
                return self.strips(k, every, batches)
        return super().iterate(k, effects, keep)

    def strips(self, k: int, effects: list[Effect], batches: _Batches) -> Loop:
        axis, length = self.facts.axes[k], self.strip_length()
        start = Poly.of(f"{axis}.s")
        lo, hi = self.range(axis)
        kept = dict(self.kept)
        with self.scope(k - 1) as strip:
            for n in batches.order():
                now = [e for e in effects if batches.effects[e.id] == n]
                places = [(v, self.strip_place(v, length, start, axis)) for v in batches.crossing(n)]
                self.put(self.rows(k, now, places, start, (start + length, hi)))
        self.kept = kept
        return Loop(f"{axis}.s", lo, (hi,), tuple(strip.out), step=length)

    def strip_length(self) -> int:
        last = self.facts.axes[-1]
        row = self.storage.extents[last].constant or USUAL_ROW
        items = [ITEMSIZE[v.dtype] for v in self.facts.cluster.values if v.place and last in v.axes]
        fitting = STRIP_BYTES // (row * max(items, default=4)) // SHORTEST * SHORTEST
        return max(SHORTEST, min(LONGEST, fitting))

    def strip_place(self, v: Value, length: int, start: Poly, axis: str) -> tuple[str, Poly]:
        size, piece = self.storage.private(Poly.of(length), v.dtype)
        return self.storage.work(f"strip{v.id}", v.dtype, size, piece), piece + Poly.of(axis) - start


class _Batches:
    """Numbers for values and effects of the rows: even batches loop over the vector axis and odd ones do not."""

    def __init__(self, nest: Nest, k: int, effects: list[Effect]):
        self.nest, self.facts, self.k = nest, nest.facts, k
        self.every = effects
        self.inner = frozenset(self.facts.axes[k + 1 :])
        self.number: dict[int, int] = {}
        self.tied: set[int] = set()  # values that depend on a reduction of the inner axes
        for v in self.facts.cluster.values:
            self.visit(v)
        self.effects = {e.id: self.batch(e.axes, e.args) for e in effects}

    def visit(self, v: Value) -> None:
        r = v.reduction
        if self.nest.ready(v) or (r and self.facts.first(r) <= self.k):
            self.number[v.id] = 0
            return
        args = r.args if r else v.inputs
        self.number[v.id] = self.batch(r.axes if r else v.axes, args)
        if r or any(a.id in self.tied for a in args):
            self.tied.add(v.id)

    def batch(self, axes: frozenset[str], args: Iterable[Value]) -> int:
        n = max((self.number[a.id] for a in args), default=0)
        flat = not axes & self.inner
        return n + (n % 2 != flat) if any(a.id in self.tied for a in args) else n

    def worthwhile(self) -> bool:
        last = self.facts.axes[-1]
        values = self.facts.reached(self.every, self.nest.ready).values()
        return any(v.id in self.tied and cost(v.op) >= HEAVY and last not in v.axes for v in values)

    def order(self) -> list[int]:
        return sorted(set(self.effects.values()) | {self.number[i] for i in self.tied})

    def crossing(self, n: int) -> list[Value]:
        """Values per row of batch n that a later batch uses."""
        later = self.facts.reached([e for e in self.every if self.effects[e.id] > n], self.nest.ready)
        used = {a.id for e in self.every if self.effects[e.id] > n for a in e.args}
        for u in later.values():
            if u.id in self.tied and self.number[u.id] > n:
                used.update(a.id for a in (u.reduction.args if u.reduction else u.inputs))
        last = self.facts.axes[-1]
        mine = [v for i, v in later.items() if i in self.tied and self.number[i] == n]
        return [v for v in mine if last not in v.axes and v.id in used]
