"""One fused cluster -> one loop nest.

The rules, in order:

1. *Space* (`axes`, `short_axes`, `guards`).  Loop order is the order of the axes, after merging what can be merged; the
   last axis is the vector axis, and short ones beside it are written out; guards that surely hold go.  Every effect
   (write, check, reduction) runs over its own axes; effects share loops.
2. *Stages* (`analysis`, `regions`).  A reduction is complete after the loop of its outermost reduced axis.
   What consumes it goes to the next stage of that loop: the loop is split there and nowhere else.
   Squared deviations along an outer axis take no stage of their own (`one_pass`), the position of the best item of a
   row takes one (`arg_rows`).
3. *Accumulators* (`regions`).  With no kept axis inside its outermost reduced axis a reduction lives in
   registers; otherwise its state is a buffer over the kept axes, so that a sum over axis 0 walks rows, not columns.
4. *Chunks* (`chunks`).  Threads share one axis; where a reduction crosses it, chunks keep private states, and a
   phase that runs once merges them in order.
5. *Crossing stages* (`regions`).  A value needed again in a later stage of the vector axis is loaded or computed
   again when cheap, and kept in a row of scratch when dear.
6. *Ahead of a loop* (`ahead`).  A dear value that an outer loop does not change is computed before it, and kept.
7. *Strips* (`strips`).  Where a value per row needs a transcendental function, rows are taken in strips.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

from graphc.codegen.lower.analysis import Analysis
from graphc.codegen.lower.arg_rows import arg_rows
from graphc.codegen.lower.axes import normalise
from graphc.codegen.lower.chunks import COLUMNS, choose_chunk, worthwhile
from graphc.codegen.lower.guards import drop_sure_guards
from graphc.codegen.lower.one_pass import one_pass
from graphc.codegen.lower.regions import Scope
from graphc.codegen.lower.short_axes import write_out
from graphc.codegen.lower.storage import Storage
from graphc.codegen.lower.strips import StripNest
from graphc.codegen.nest.chunk import Chunk
from graphc.codegen.nest.cluster import BoundCheck, Cluster, Effect, Fill, Reduction, Write
from graphc.codegen.nest.elements import register
from graphc.codegen.nest.loops import (
    ZERO,
    Buffer,
    Get,
    Init,
    Kernel,
    Let,
    Load,
    Loop,
    Merge,
    Phase,
    Put,
    Stmt,
    Store,
)
from graphc.codegen.nest.verify import verify
from graphc.ir.poly import Poly


def lower(cluster: Cluster) -> Kernel:
    """The unscheduled nest of a cluster, verified."""
    simple = normalise(write_out(normalise(drop_sure_guards(cluster))))
    return verify(_Lowering(arg_rows(one_pass(simple))).kernel())


def sizes(cluster: Cluster) -> Iterator[Poly]:
    """Every expression over symbolic dimensions."""
    yield from cluster.axes.values()
    yield from (f.size for f in cluster.fills)
    yield from (v.index for v in cluster.values)
    yield from (e.bound for e in cluster.effects if isinstance(e, BoundCheck))
    places = [v.place for v in cluster.values if v.place]
    for p in places + [e.place for e in cluster.effects if isinstance(e, Write)]:
        yield from (p.at, *p.strides)
        yield from (q for g in p.guards for q in (g.index, g.bound))


class _Lowering:
    def __init__(self, cluster: Cluster):
        self.cluster = cluster
        self.facts = Analysis(cluster)
        self.chunk = choose_chunk(cluster)
        self.storage = Storage(cluster, self.chunk)
        self.nest = StripNest(self.facts, self.storage)

    def kernel(self) -> Kernel:
        phases = [self.fill(f, f"f{n}") for n, f in enumerate(self.cluster.fills)]
        phases += self.partial_phases() if any(map(self.nest.partial, self.facts.reductions)) else self.free_phases()
        if any(isinstance(e, BoundCheck) for e in self.cluster.effects):
            self.storage.buffers.append(Buffer("status", "i64", "status"))
        dims = frozenset[str]().union(*(p.names for p in sizes(self.cluster))) - self.cluster.axes.keys()
        return Kernel(self.cluster.name, tuple(sorted(dims)), tuple(self.storage.buffers), tuple(phases))

    def fill(self, f: Fill, at: str) -> Phase:
        """Set all of an output before the first effect, in a loop over `at`."""
        chunk = worthwhile(Chunk(at, f.size, f.size, COLUMNS))
        place = Poly.of(at)
        value: Stmt = Let("%fill", "const", (f.value,), register(self.cluster.arrays[f.buffer].dtype))
        if isinstance(f.value, str):
            value = Load("%fill", f.value, place)
        lo, hi = (Poly.of(f"{at}.lo"), Poly.of(f"{at}.hi")) if chunk else (ZERO, f.size)
        return Phase(chunk, (Loop(at, lo, (hi,), (value, Store(f.buffer, place, "%fill")), "vector"),))

    # ------------------------------------------------------------------------------------------------------- phases

    def phase(self, chunked: bool, write: Callable[[], None]) -> Phase:
        self.nest.chunked = chunked
        self.nest.scopes = [Scope(-1)]
        write()
        outside = self.nest.scopes[0]
        for i, (buffers, at) in outside.states.items():
            self.nest.finished[i] = (buffers, at if chunked else at.substitute("c", ZERO))
        return Phase(self.chunk if chunked else None, tuple(outside.out))

    def free_phases(self) -> Iterator[Phase]:
        """No reduction crosses the chunked axis: one parallel phase, and one for what does not vary along it."""
        for along in (True, False):
            goals = [e for e in self.facts.writes if (self.nest.cut in e.axes) == along]
            if goals:
                yield self.phase(along, partial(self.nest.region, 0, goals))

    def partial_phases(self) -> Iterator[Phase]:
        """Each stage of the first axis is a parallel phase; partial states are merged in between, in order."""
        waiting: list[Reduction] = []
        stages = self.first_axis_stages()
        for n, group in enumerate(stages):
            once = [e for e in group if self.nest.cut not in e.axes]
            inside = [e for e in group if self.nest.cut in e.axes]
            if waiting or once:
                yield self.between(waiting, once)
            if inside:
                later = [e for g in stages[n + 1 :] for e in g]
                yield self.phase(True, partial(self.across, inside, later))
            waiting = [e for e in inside if isinstance(e, Reduction)]
        if waiting:
            yield self.between(waiting, [])

    def first_axis_stages(self) -> list[list[Effect]]:
        groups: dict[int, list[Effect]] = {}
        for e in [*self.facts.writes, *filter(self.nest.partial, self.facts.reductions)]:
            groups.setdefault(self.facts.stage(e, 0), []).append(e)
        return [groups[s] for s in sorted(groups)]

    def across(self, inside: list[Effect], later: list[Effect]) -> None:
        """One loop over the chunk's part of the first axis; what later phases need of its turns is kept."""
        every = self.facts.closure(inside, self.nest.ready)
        if constant := [e for e in every if self.nest.cut not in e.axes]:
            self.nest.region(1, constant)
        self.nest.loop(0, inside, self.nest.sums_worth_keeping(0, every, later))

    def between(self, waiting: list[Reduction], once: list[Effect]) -> Phase:
        return self.phase(False, partial(self.merge_chunks, waiting, once))

    def merge_chunks(self, waiting: list[Reduction], once: list[Effect]) -> None:
        for r in waiting:
            self.combine(r)
        if once:
            self.nest.region(0, once)

    def combine(self, r: Reduction) -> None:
        """Merge the partial states of all chunks, in order, into one state."""
        kept = self.facts.kept_inside(r)
        size, here = self.storage.volume(kept), self.storage.flat(kept)
        parts, _ = self.nest.finished[r.id]
        total = self.storage.states(f"total{r.id}", r, size)
        apart = size + self.storage.gap(*r.dtypes) if kept else size
        acc, part, q = f"t{r.id}", f"p{r.id}", f"q{r.id}"
        merge = (Get(part, r.monoid, parts, here + Poly.of(q) * apart, r.dtypes), Merge(acc, part))
        body = (Init(acc, r.monoid, r.dtypes), Loop(q, ZERO, (Poly.of("nc"),), merge), Put(acc, total, here))
        self.nest.put(*self.nest.around(kept, body))
        self.nest.finished[r.id] = (total, here)
