"""Accumulators of a loop nest as SSA values: every lane of a vector loop keeps its own state until they are merged."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice

from graphc.codegen.llvm.builder import Builder
from graphc.codegen.llvm.emit_memory import Vector
from graphc.codegen.llvm.writer import Operand
from graphc.codegen.nest.loops import Body, Fold, Get, Init, Loop, Merge, parts
from graphc.codegen.nest.monoids import Monoid, State
from graphc.records import dataclass


def widths(body: Body, width: int = 1) -> dict[str, int]:
    """The lanes that a body folds into each accumulator: the width of the widest vector loop that does."""
    need: dict[str, int] = {}
    for s in body:
        if isinstance(s, Loop):
            for part in parts(s):
                _widen(need, widths(part.body, max(width, part.width)))
        elif isinstance(s, Fold):
            _widen(need, {s.acc: width})
        elif isinstance(s, Merge):
            _widen(need, {s.acc: need.get(s.other, width)})
    return need


def _widen(need: dict[str, int], more: dict[str, int]) -> None:
    need.update((acc, max(n, need.get(acc, 1))) for acc, n in more.items())


def changed(body: Body) -> list[str]:
    """Accumulators that a body folds into and does not open itself, in the order of their first change."""
    own = {s.acc for s in body if isinstance(s, Init | Get)}
    found: dict[str, None] = {}
    for s in body:
        if isinstance(s, Fold | Merge):
            found[s.acc] = None
        elif isinstance(s, Loop):
            found.update(dict.fromkeys(a for part in parts(s) for a in changed(part.body)))
    return [a for a in found if a not in own]


@dataclass(slots=True)
class Accumulator:
    """`state` has one operand per component, all of the same lanes."""

    monoid: Monoid
    dtypes: tuple[str, ...]
    state: tuple[Operand, ...]

    @property
    def lanes(self) -> int:
        return self.state[0].lanes


class Accumulators:
    """The open accumulators of a phase, by name."""

    def __init__(self, b: Builder) -> None:
        self.b = b
        self.open: dict[str, Accumulator] = {}
        self.pending: dict[str, list[State]] | None = None  # folds of the copies of an unroll loop

    def init(self, name: str, monoid: Monoid, dtypes: tuple[str, ...], lanes: int) -> None:
        self.open[name] = Accumulator(monoid, dtypes, self._identity(monoid, dtypes, lanes))

    def get(self, name: str, monoid: Monoid, dtypes: tuple[str, ...], state: tuple[Operand, ...]) -> None:
        lanes = max(v.lanes for v in state)
        self.open[name] = Accumulator(monoid, dtypes, tuple(self.b.spread(v, lanes) for v in state))

    def fold(self, name: str, item: State, vector: Vector) -> None:
        """Fold an item now or, between the copies of an unroll loop, later together with the others."""
        if self.pending is None:
            self._fold(name, [item], vector)
        else:
            self.pending.setdefault(name, []).append(item)

    def flush(self, names: Iterable[str], vector: Vector) -> None:
        """Lift the pending items of the copies together: one merge for all of them."""
        for name in names:
            if self.pending and name in self.pending:
                self._fold(name, self.pending.pop(name), vector)

    def merge(self, name: str, other: str, vector: Vector) -> None:
        self._join(name, self.open[other].state, vector)

    def finish(self, name: str, lanes: bool) -> State:
        acc = self.open[name]
        if lanes:
            acc.state = self._collapse(acc.monoid, acc.state, 1)
        return acc.state

    def widen(self, name: str, lanes: int) -> None:
        """The state in the first lanes, the identity in the new ones."""
        acc = self.open[name]
        if lanes > acc.lanes:
            empty = self._identity(acc.monoid, acc.dtypes, lanes)
            acc.state = tuple(self._pad(v, e) for v, e in zip(acc.state, empty, strict=True))

    def states(self, names: Iterable[str]) -> list[Operand]:
        """The components of several accumulators in a row."""
        return [v for name in names for v in self.open[name].state]

    def restate(self, names: Iterable[str], values: Iterable[Operand]) -> None:
        """The inverse of `states`."""
        left = iter(values)
        for name in names:
            self.open[name].state = tuple(islice(left, len(self.open[name].state)))

    # ------------------------------------------------------------------------------------------------ merging

    def _identity(self, monoid: Monoid, dtypes: tuple[str, ...], lanes: int) -> tuple[Operand, ...]:
        return tuple(self.b.number(v, t, lanes) for v, t in zip(monoid.identity(dtypes), dtypes, strict=True))

    def _fold(self, name: str, items: list[State], vector: Vector) -> None:
        acc = self.open[name]
        self._join(name, acc.monoid.lift(self.b, [tuple(self._typed(acc, item)) for item in items]), vector)

    def _typed(self, acc: Accumulator, item: State) -> list[Operand]:
        """The arguments of a fold, of equal lanes."""
        lanes = max(v.lanes for v in item)
        return [self.b.spread(v, lanes) for v in item]

    def _join(self, name: str, other: State, vector: Vector) -> None:
        """Merge a state into an accumulator; lanes that are masked off or that `other` lacks stay as they are."""
        acc = self.open[name]
        other = tuple(self.b.spread(v, vector.width) if v.lanes == 1 else v for v in other)
        other = self._collapse(acc.monoid, other, acc.lanes)
        mask, lanes = vector.mask, other[0].lanes
        if lanes < acc.lanes:
            mask = self._first(mask, lanes, acc.lanes)
            other = tuple(self._stretch(v, acc.lanes) for v in other)
        new = acc.monoid.merge(self.b, acc.state, other)
        if mask is not None:
            new = tuple(self.b.select(mask, n, old) for n, old in zip(new, acc.state, strict=True))
        acc.state = new

    def _collapse(self, monoid: Monoid, state: State, lanes: int) -> State:
        """Merge the two halves of the lanes until `lanes` are left."""
        have = state[0].lanes
        while have > lanes:
            have //= 2
            low, high = (tuple(self.b.part(v, first, have) for v in state) for first in (0, have))
            state = monoid.merge(self.b, low, high)
        return state

    def _first(self, mask: Operand | None, lanes: int, of: int) -> Operand:
        """A mask of the first lanes, and of those only where `mask` holds."""
        first = self.b.vector([n < lanes for n in range(of)], "bool")
        if mask is None:
            return first
        return self.b.and_(self.b.shuffle(mask, [n % mask.lanes for n in range(of)]), first)

    def _pad(self, v: Operand, empty: Operand) -> Operand:
        """v in the first lanes of `empty`."""
        return self.b.select(self._first(None, v.lanes, empty.lanes), self._stretch(v, empty.lanes), empty)

    def _stretch(self, v: Operand, lanes: int) -> Operand:
        """v in the first lanes of a wider vector, anything in the others."""
        if v.lanes == 1:
            return self.b.spread(v, lanes)
        return self.b.shuffle(v, [n if n < v.lanes else -1 for n in range(lanes)])
