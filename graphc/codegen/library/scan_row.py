"""The scan of a row of neighbours, within vectors.

Each vector is scanned in log2(lanes) shifts (Hillis and Steele, "Data Parallel Algorithms", 1986), and several vectors
at a time get what lies before them: only one operation a block waits for the block before.

A long row is scanned in pieces.  What goes before a piece is the fold of the totals of those ahead of it, each folded
by itself: that can be known before any of them is scanned, and is the same if they are scanned in turn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

from graphc.codegen.gemm.routine import Helper, Offset, Routine
from graphc.codegen.library.elements import at, read, write
from graphc.codegen.library.fold import Fold
from graphc.codegen.llvm.writer import Operand
from graphc.records import dataclass

VECTORS = 4  # scanned together

Some = Callable[..., list[Operand]]
"""(where, how many vectors, what is carried, how many items if fewer): what is carried then."""

Ends = tuple[Offset, Offset]


def name(fold: Fold) -> str:
    return f"graphc.{fold.title}"


def function(fold: Fold, features: frozenset[str]) -> Helper:
    """`void @name(source, target, count, lo, hi, states)`: scan items lo .. hi - 1 of a row.

    The first of the states, 64 bits each, is what goes before them; the second becomes their total.
    """
    parameters = [(n, "i64" if n in ("count", "lo", "hi") else "ptr") for n in PARAMETERS]
    f = Routine(name(fold), parameters, features)
    g = f.given
    row, states = RowScan(f, fold, g["source"], g["target"], g["count"]), g["states"]
    carry = f.b.spread(f.load(states, fold.held, 1), fold.lanes)
    totals = row.scan((g["lo"], g["hi"]), carry, row.nothing)
    f.store(row.total(totals), f.offset(states, 8))
    return f.helper()


PARAMETERS = ("source", "target", "count", "lo", "hi", "states")


@dataclass(frozen=True)
class RowScan:
    """Of `count` items at `source`."""

    f: Routine
    fold: Fold
    source: Operand
    target: Operand
    count: Operand

    @property
    def lanes(self) -> int:
        return self.fold.lanes

    @property
    def empty(self) -> Operand:
        return self.f.b.number(self.fold.identity, self.fold.held, self.lanes)

    def apply(self, x: Operand, y: Operand) -> Operand:
        return self.fold.apply(self.f, x, y)

    def scan(self, ends: Ends, carry: Operand, totals: list[Operand]) -> list[Operand]:
        """Scan some items; gives the totals with the items folded into them, if any are given."""

        def some(i: Operand, vectors: int, carried: list[Operand], rest: Offset | None = None) -> list[Operand]:
            items = self.items(i, vectors, rest)
            after = self.block(i, items, carried[0], rest)
            return [after, *(self.folded(carried[1:], items) if totals else ())]

        return self.walk(ends, some, [carry, *totals])[1:]

    def sum_up(self, ends: Ends) -> Operand:
        """The total of some items."""
        f, (lo, hi), lanes = self.f, ends, self.lanes

        def items(start: Operand) -> Operand:
            (x,) = self.items(start, 1, f.least(f.most(f.sub(hi, start), 0), lanes))
            return x

        def block(i: Operand, totals: list[Operand]) -> list[Operand]:
            return self.folded(totals, [items(f.add(i, v * lanes)) for v in range(VECTORS)])

        return self.total(f.loop(lo, hi, lanes * VECTORS, block, self.nothing))

    # ------------------------------------------------------------------------------------------------- totals

    @property
    def nothing(self) -> list[Operand]:
        return [self.empty] * VECTORS

    def folded(self, totals: list[Operand], items: Sequence[Operand]) -> list[Operand]:
        return [self.apply(t, x) for t, x in zip(totals, items, strict=False)] + totals[len(items) :]

    def total(self, totals: Sequence[Operand]) -> Operand:
        total = reduce(self.apply, totals)
        half = self.lanes // 2
        while half:
            total = self.apply(total, self.f.b.shuffle(total, [k ^ half for k in range(self.lanes)]))
            half //= 2
        return self.f.b.lane(total, 0)

    # ------------------------------------------------------------------------------------------------- the vectors

    def walk(self, ends: Ends, some: Some, carried: list[Operand]) -> list[Operand]:
        """Blocks of vectors, then vectors, then a part of one."""
        f, (lo, hi), step = self.f, ends, self.lanes * VECTORS
        size = f.sub(hi, lo)
        blocks = f.add(lo, f.mul(f.div(size, step), step))
        vectors = f.add(lo, f.mul(f.div(size, self.lanes), self.lanes))
        carried = f.loop(lo, blocks, step, lambda i, c: some(i, VECTORS, c), carried)
        carried = f.loop(blocks, vectors, self.lanes, lambda i, c: some(i, 1, c), carried)
        rest = f.sub(hi, vectors)
        return f.changed(f.less(0, rest), lambda c: some(vectors, 1, c, rest), carried)

    def items(self, done: Operand, vectors: int, rest: Offset | None) -> list[Operand]:
        """The vectors that come next, with identities in lanes behind the end."""
        f, mask, dtype = self.f, self.mask(rest), self.fold.dtype
        places = [self.place(done, v, rest) for v in range(vectors)]
        items = [read(f, at(f, self.source, dtype, p), dtype, self.lanes, mask) for p in places]
        return items if mask is None else [f.b.select(mask, x, self.empty) for x in items]

    def mask(self, rest: Offset | None) -> Operand | None:
        return None if rest is None else self.f.first_lanes(self.lanes, rest)

    def block(self, done: Operand, items: Sequence[Operand], carry: Operand, rest: Offset | None) -> Operand:
        """Write the scan of vectors; gives the state after them, in all lanes."""
        f, mask, dtype = self.f, self.mask(rest), self.fold.dtype
        scanned = [self.prefix(x) for x in items]
        before, total = [carry], None
        for s in scanned:
            last = f.blend(s, s, [0 if self.fold.reverse else self.lanes - 1] * self.lanes)
            total = last if total is None else self.apply(total, last)
            before.append(self.apply(carry, total))
        for v, (state, s) in enumerate(zip(before, scanned, strict=False)):
            s = self.shift(s, 1) if self.fold.exclusive else s
            write(f, self.apply(state, s), at(f, self.target, dtype, self.place(done, v, rest)), dtype, mask)
        return before[-1]

    def place(self, done: Operand, vector: int, rest: Offset | None) -> Operand:
        """Where a vector begins; of a reverse scan the first one is at the end of the row."""
        f, passed = self.f, self.f.add(done, vector * self.lanes)
        if not self.fold.reverse:
            return passed
        width = self.lanes if rest is None else rest
        return f.sub(self.count, f.add(passed, width))

    def prefix(self, x: Operand) -> Operand:
        """The scan of the lanes."""
        distance = 1
        while distance < self.lanes:
            x = self.apply(self.shift(x, distance), x)
            distance *= 2
        return x

    def shift(self, x: Operand, distance: int) -> Operand:
        """Lanes moved on, identities behind them."""
        n = self.lanes
        if self.fold.reverse:
            picks = [k + distance if k + distance < n else n for k in range(n)]
        else:
            picks = [k - distance if k >= distance else n for k in range(n)]
        return self.f.blend(x, self.empty, picks)
