"""The loops of a nest: regions of statements, opened axis by axis, filled effect by effect.

A *region* at axis k writes the loops of axes k, k+1, ... for some goals: one loop of axis k for each stage, in order.
A *scope* is an open loop body; a value is placed once, in the outermost scope where all of its axes are defined.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import count

from graphc.codegen.lower.ahead import ahead_of
from graphc.codegen.lower.analysis import Analysis
from graphc.codegen.lower.storage import Storage
from graphc.codegen.nest.cluster import BoundCheck, Effect, Place, Reduction, Value
from graphc.codegen.nest.loops import (
    ZERO,
    Accumulate,
    Body,
    Check,
    Finish,
    Fold,
    Get,
    Index,
    Indices,
    Init,
    Let,
    Load,
    Loop,
    Merge,
    Put,
    Stmt,
    Store,
)
from graphc.ir.costs import HEAVY
from graphc.ir.poly import Poly
from graphc.records import dataclass, field

StatePlace = tuple[tuple[str, ...], Poly]


@dataclass
class Scope:
    """An open loop body (level -1: outside all loops), the names of the values placed in it, the states it opened."""

    level: int
    out: list[Stmt] = field(default_factory=list)
    memo: dict[int, str] = field(default_factory=dict)
    states: dict[int, StatePlace] = field(default_factory=dict)


class Nest:
    """Writes statements; `lower` drives it, one phase at a time."""

    def __init__(self, facts: Analysis, storage: Storage):
        self.facts, self.storage = facts, storage
        self.cut = storage.chunk.axis if storage.chunk else None
        self.chunked = False  # is the phase one that threads share?
        self.scopes: list[Scope] = []
        self.accs: dict[int, str] = {}  # open register accumulator of a reduction
        self.finished: dict[int, StatePlace] = {}  # states that earlier phases left
        self.kept: dict[int, tuple[str, Poly]] = {}  # scratch that holds a value of an earlier stage
        self._fresh = count()

    def name(self, letter: str = "%") -> str:
        return f"{letter}{next(self._fresh)}"

    def put(self, *statements: Stmt) -> None:
        self.scopes[-1].out.extend(statements)

    @contextmanager
    def scope(self, level: int) -> Iterator[Scope]:
        self.scopes.append(Scope(level))
        yield self.scopes[-1]
        self.scopes.pop()

    def partial(self, r: Reduction) -> bool:
        """Does every chunk see only a part of what is reduced?"""
        return self.cut in r.over

    def range(self, axis: str) -> tuple[Poly, Poly]:
        if self.chunked and axis == self.cut:
            return Poly.of(f"{axis}.lo"), Poly.of(f"{axis}.hi")
        return ZERO, self.storage.extents[axis]

    # ------------------------------------------------------------------------------------------------------ regions

    def region(self, k: int, goals: list[Effect]) -> None:
        """Write the loops of axes k, k+1, ... for some effects, and for the reductions that they wait for."""
        if k > self.facts.last:
            return self.leaf(goals)
        kept = dict(self.kept)
        groups = self.stages(k, goals)
        for n, group in enumerate(groups):
            later = [e for g in groups[n + 1 :] for e in g]
            self.one_stage(k, group, later)
        self.kept = kept
        return None

    def stages(self, k: int, goals: list[Effect]) -> list[list[Effect]]:
        """The effects that end with a loop of axis k, by stage."""
        axis, ids = self.facts.axes[k], {e.id for e in goals}
        groups: dict[int, list[Effect]] = {}
        for e in self.facts.closure(goals, self.ready):
            if e.id in ids or (isinstance(e, Reduction) and axis not in e.kept):
                groups.setdefault(self.facts.stage(e, k), []).append(e)
        return [groups[s] for s in sorted(groups)]

    def one_stage(self, k: int, group: list[Effect], later: list[Effect]) -> None:
        axis = self.facts.axes[k]
        here = self.facts.closure(group, self.ready)
        keep = self.worth_keeping(here, later) if k == self.facts.last else self.sums_worth_keeping(k, here, later)
        if constant := [e for e in here if axis not in e.axes]:
            self.region(k + 1, constant)
        for inside in self.loops_apart(k, [e for e in group if axis in e.axes]):
            self.loop(k, inside, keep)
            keep = []

    def loops_apart(self, k: int, inside: list[Effect]) -> list[list[Effect]]:
        """An accumulation that forbids vectors has a vector axis loop of its own."""
        if k < self.facts.last:
            return [inside] if inside else []
        split = [
            [e for e in inside if self.facts.lanes_apart(e, self.facts.axes[k]) == apart] for apart in (True, False)
        ]
        return [effects for effects in split if effects]

    def worth_keeping(self, now: list[Effect], later: list[Effect]) -> list[Value]:
        """Costly values of the vector axis that are computed now and needed later, only the outermost ones."""
        done = {e.id for e in now}
        rest = [e for e in self.facts.closure(later, self.ready) if e.id not in done]
        here, there = self.facts.reached(now, self.ready), self.facts.reached(rest, self.ready)
        last = self.facts.axes[-1]
        both = [v for i, v in here.items() if i in there and self.facts.costs[i] >= HEAVY and last in v.axes]
        inner = {a.id for v in both for a in v.inputs}
        return [v for v in both if v.id not in inner and v.op not in ("load", "result")]

    def sums_worth_keeping(self, k: int, now: list[Effect], later: list[Effect]) -> list[Value]:
        """Results of reductions inside the loop of axis k, one for each turn of it, that are needed again later."""
        done = {e.id for e in now}
        again = [e for e in self.facts.closure(later, self.ready) if isinstance(e, Reduction) and e.id in done]
        inner = [r for r in again if self.facts.first(r) > k]
        return [v for r in inner for v in self.facts.results[r.id] if self.facts.level(v) == k]

    def loop(self, k: int, effects: list[Effect], keep: list[Value]) -> None:
        """One loop of axis k: compute what it does not change, open accumulators, fill the body, close them."""
        early = ahead_of(self.facts, k, effects, self.ready)
        for v in early:
            self.compute_ahead(v, k)
        opened = [e for e in effects if isinstance(e, Reduction) and self.facts.opens(e, k)]
        for r in opened:
            self.open(r, k)
        self.put(self.iterate(k, effects, keep))
        for r in opened:
            self.close(r, k)
        for v in early:
            del self.kept[v.id]

    def compute_ahead(self, v: Value, k: int) -> None:
        """Keep a value that the loop of axis k does not change, for all points of the axes inside."""
        inner = [a for a in self.facts.axes[k + 1 :] if a in v.axes]
        size, start = self.storage.volume(inner), ZERO
        if self.cut not in inner:
            size, start = self.storage.private(size, v.dtype)
        place = self.storage.work(f"ahead{v.id}", v.dtype, size, start), self.storage.flat(inner) + start
        self.put(self.filling(inner, v, place))
        self.kept[v.id] = place

    def filling(self, axes: list[str], v: Value, place: tuple[str, Poly]) -> Loop:
        """Loops over some axes that store a value at every point."""
        axis, *inner = axes
        with self.scope(self.facts.position[axis]) as scope:
            self.put(self.filling(inner, v, place) if inner else Store(*place, self.compute(v)))
        lo, hi = self.range(axis)
        return Loop(axis, lo, (hi,), tuple(scope.out), "serial" if inner else "vector")

    def iterate(self, k: int, effects: list[Effect], keep: list[Value]) -> Loop:
        lo, hi = self.range(self.facts.axes[k])
        places = [(v, self.storage.row(f"row{v.id}", v.dtype, self.facts.axes[k])) for v in keep]
        return self.rows(k, effects, places, lo, (hi,))

    def rows(
        self, k: int, effects: list[Effect], keep: list[tuple[Value, tuple[str, Poly]]], lo: Poly, hi: tuple[Poly, ...]
    ) -> Loop:
        """A loop of axis k that also stores the values to keep."""
        axis = self.facts.axes[k]
        with self.scope(k) as scope:
            self.region(k + 1, effects)
            self.put(*[Store(buffer, at, self.compute(v)) for v, (buffer, at) in keep])
        self.kept.update((v.id, place) for v, place in keep)
        straight = not any(isinstance(s, Loop) for s in scope.out)
        vector = straight and all(self.facts.lanes_apart(e, axis) for e in effects)
        return Loop(axis, lo, hi, tuple(scope.out), "vector" if vector else "serial")

    def around(self, axes: list[str], body: Body) -> Body:
        """Loops over some axes, the last one a vector loop."""
        for n, a in enumerate(reversed(axes)):
            lo, hi = self.range(a)
            body = (Loop(a, lo, (hi,), body, "serial" if n else "vector"),)
        return body

    # ------------------------------------------------------------------------------------------------- accumulators

    def open(self, r: Reduction, k: int) -> None:
        if not (self.facts.in_buffer(r) and k == self.facts.first(r)):
            self.accs[r.id] = self.name("a")
            return self.put(Init(self.accs[r.id], r.monoid, r.dtypes))
        kept = self.facts.kept_inside(r, k)
        size, start = self.storage.volume(kept), ZERO
        if self.cut not in kept:  # a partial state, or one inside a loop over the chunked axis
            size, start = self.storage.private(size, *r.dtypes)
        place = self.storage.states(f"part{r.id}", r, size, start), self.storage.flat(kept) + start
        self.scopes[-1].states[r.id] = place
        acc = self.name("z")
        return self.put(*self.around(kept, (Init(acc, r.monoid, r.dtypes), Put(acc, *place))))

    def close(self, r: Reduction, k: int) -> None:
        if self.facts.in_buffer(r) and k == self.facts.first(r):
            return
        acc = self.accs.pop(r.id)
        names = tuple(self.name() for _ in r.dtypes)
        self.put(Finish(names, acc))
        if self.facts.in_buffer(r):
            self.into_buffer(r, acc)
        elif self.partial(r):
            place = self.storage.states(f"part{r.id}", r, Poly.of(1), Poly.of("c")), Poly.of("c")
            self.scopes[-1].states[r.id] = place
            self.put(Put(acc, *place))
        else:
            self.scopes[-1].memo.update((v.id, names[v.component]) for v in self.facts.results[r.id])

    def into_buffer(self, r: Reduction, acc: str) -> None:
        """The inner part of a reduction is complete: add it to the state of its point."""
        place, old = self.state(r), self.name("a")
        self.put(Get(old, r.monoid, *place, r.dtypes), Merge(old, acc), Put(old, *place))

    def state(self, r: Reduction) -> StatePlace:
        return next((s.states[r.id] for s in reversed(self.scopes) if r.id in s.states), None) or self.finished[r.id]

    def fold(self, r: Reduction) -> Body:
        args = tuple(self.compute(a) for a in r.args)
        if r.id in self.accs:
            return (Fold(self.accs[r.id], args),)
        acc, place = self.name("a"), self.state(r)
        return Get(acc, r.monoid, *place, r.dtypes), Fold(acc, args), Put(acc, *place)

    # ------------------------------------------------------------------------------------------------------- values

    def leaf(self, effects: Iterable[Effect]) -> None:
        """All loads come before the first store: an output may share storage with an input."""
        made = [self.effect(e) for e in effects]
        self.put(*[s for body in made for s in body])

    def effect(self, e: Effect) -> Body:
        if isinstance(e, Reduction):
            return self.fold(e)
        args = [self.compute(a) for a in e.args]
        if isinstance(e, BoundCheck):
            return (Check(args[0], e.bound, e.site),)
        where = self.indices(e.place, args[1:])
        if e.op is None:
            return (Store(e.place.buffer, e.place.at, args[0], where, e.place.guards),)
        return (Accumulate(e.place.buffer, e.place.at, args[0], where, e.op, e.place.guards),)

    @staticmethod
    def indices(place: Place, names: Iterable[str]) -> Indices:
        return tuple(zip(names, place.strides, strict=True))

    def known(self, v: Value) -> str | None:
        """The name of a value that some open scope holds."""
        return next((s.memo[v.id] for s in reversed(self.scopes) if v.id in s.memo), None)

    def ready(self, v: Value) -> bool:
        """Is a value there, or to be read from where it is kept?"""
        if v.id in self.kept or self.known(v):
            return True
        r = v.reduction
        return r is not None and (r.id in self.finished or any(r.id in s.states for s in self.scopes))

    def compute(self, value: Value) -> str:
        """The name of a value, after placing it and all that it needs; without recursion, as chains may be long."""
        stack = [value]
        while stack:
            v = stack[-1]
            needs = [] if self.ready(v) else [a for a in reversed(v.inputs) if not self.known(a)]
            if needs:
                stack += needs
            elif self.known(stack.pop()) is None:
                self.place(v)
        return self.known(value) or ""

    def place(self, v: Value) -> None:
        """Put the statement of a value in the outermost open scope where all its axes are defined."""
        level = self.facts.level(v)
        home = [s for s in self.scopes if s.level <= level][-1]
        if v.reduction and v.id not in self.kept:
            return self.read_state(v.reduction, home)
        name = home.memo[v.id] = self.name()
        return home.out.append(self.statement(v, name))

    def statement(self, v: Value, name: str) -> Stmt:
        args = [(self.known(a) or "") if isinstance(a, Value) else a for a in v.args]
        if v.id in self.kept:
            return Load(name, *self.kept[v.id])
        if v.place:
            where = self.indices(v.place, map(str, args))
            return Load(name, v.place.buffer, v.place.at, v.place.guards, v.fill, where)
        if v.op == "index":
            return Index(name, v.index, v.dtype)
        return Let(name, v.op, tuple(args), v.dtype)

    def read_state(self, r: Reduction, home: Scope) -> None:
        """Name the components of a finished state that is kept in buffers."""
        acc = self.name("a")
        names = tuple(self.name() for _ in r.dtypes)
        home.out += [Get(acc, r.monoid, *self.state(r), r.dtypes), Finish(names, acc, lanes=False)]
        home.memo.update((v.id, names[v.component]) for v in self.facts.results[r.id])
