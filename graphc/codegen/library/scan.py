"""Prefix scans: along a contiguous axis within vectors, along any other with a vector of columns as the state.

Along a contiguous axis each vector is scanned in log2(lanes) shifts (Hillis and Steele, "Data Parallel Algorithms",
1986), and several vectors at a time get what lies before them: only one operation a block waits for the block before.

A recurrence is not split so: products of its factors may overflow where the sequence itself does not.  Its states are
numbers, several rows at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

from graphc.codegen.gemm.routine import Helper, Offset, Routine
from graphc.codegen.library.elements import at, lanes_of, read, write
from graphc.codegen.library.split import FEW, Part, Split, Stage
from graphc.codegen.llvm.writer import Operand
from graphc.codegen.nest.chunk import Chunk
from graphc.codegen.nest.elements import greatest, is_float, least, register
from graphc.codegen.nest.loops import ZERO
from graphc.ir.node import Node
from graphc.ir.poly import Poly
from graphc.ir.types import volume
from graphc.records import dataclass

VECTORS = 4  # scanned together, or columns of vectors at a time
PIECE = 1 << 15  # items of a piece of a long row, where there are not too many
MOST = 64  # pieces
ROWS = 8  # of a recurrence at a time

Some = Callable[..., list[Operand]]
"""(where, how many vectors, what is carried, how many items if fewer): what is carried then."""

_OPERATIONS = {"cumsum": "add", "cumprod": "mul", "cummax": "maximum", "cummin": "minimum"}


@dataclass(frozen=True)
class Scan:
    """The operand seen as [outer, count, inner], scanned along the middle axis."""

    op: str
    dtype: str
    outer: Poly
    count: Poly
    inner: Poly
    reverse: bool
    exclusive: bool

    @staticmethod
    def of(node: Node, features: frozenset[str]) -> Scan:
        shape, axis = node.inputs[0].shape, node.attrs["axis"]
        outer, count, inner = (Poly.of(volume(s)) for s in (shape[:axis], shape[axis : axis + 1], shape[axis + 1 :]))
        exclusive = node.attrs.get("exclusive", False)
        return Scan(node.op.name, node.out.dtype, outer, count, inner, node.attrs["reverse"], exclusive)

    def __str__(self) -> str:
        how = "within vectors" if self.is_within else "by columns" if self.lanes > 1 else f"{ROWS} rows at a time"
        return f"scanned {how}"

    # --------------------------------------------------------------------------------------------------- shape

    @property
    def is_row(self) -> bool:
        return self.inner.constant == 1

    @property
    def is_within(self) -> bool:
        return self.is_row and self.op != "recurrence"

    @property
    def lanes(self) -> int:
        return 1 if self.is_row and not self.is_within else lanes_of(self.dtype)

    @property
    def chunk(self) -> Chunk:
        cost = 8 if self.op == "recurrence" else 4
        return Chunk("rows", self._units, self.outer * self.count * self.inner * cost)

    @property
    def _units(self) -> Poly:
        """Rows, groups of rows, or for each matrix its blocks of columns."""
        if self.is_within:
            return self.outer
        if self.is_row:
            return (self.outer + (ROWS - 1)) // ROWS
        width = self.lanes * VECTORS
        return self.outer * ((self.inner + (width - 1)) // width)

    @property
    def scratch(self) -> Poly:
        return ZERO

    @property
    def helpers(self) -> Sequence[Helper]:
        return ()

    @property
    def split(self) -> Split:
        """Where the axis is contiguous."""
        chunk = Chunk("items", self.count, self.count, unit=self.lanes * VECTORS, grain=PIECE, most=MOST)
        stages = Stage(self.sum_up), Stage(self.scan_piece)
        rows = self.outer if self.is_within else Poly.of(FEW)
        return Split(rows, chunk, Poly.of(MOST), stages)

    def sum_up(self, f: Routine, part: Part) -> None:
        _Within(f, self, part.arrays).sum_up(part)

    def scan_piece(self, f: Routine, part: Part) -> None:
        _Within(f, self, part.arrays).scan_piece(part)

    def write(self, f: Routine, rows: tuple[Operand, Operand], arrays: Sequence[Operand], scratch: Operand) -> None:
        writer = _Within(f, self, arrays) if self.is_within else _Streams(f, self, arrays)
        f.each(*rows, writer.unit)


def identity(op: str, dtype: str) -> float:
    """That of sums is -0, which leaves every number as it is."""
    if op in ("cummax", "cummin"):
        return (least if op == "cummax" else greatest)(dtype)
    return 1 if op == "cumprod" else -0.0 if is_float(dtype) else 0


def first(scan: Scan, dtype: str) -> float:
    """The state before the first item, which an exclusive scan shows."""
    shows_zero = scan.op == "recurrence" or (scan.op == "cumsum" and scan.exclusive)
    return 0 if shows_zero else identity(scan.op, dtype)


class _Within:
    """Rows of neighbours.

    A long row is scanned in pieces.  What goes before a piece is the fold of the totals of those ahead of it, each
    folded by itself: that can be known before any of them is scanned, and is the same if they are scanned in turn.
    """

    def __init__(self, f: Routine, scan: Scan, arrays: Sequence[Operand]) -> None:
        self.f, self.scan, (self.source, self.target) = f, scan, arrays
        self.dtype, self.lanes = scan.dtype, scan.lanes
        self.held = register(scan.dtype)
        self.count = f.i.value(scan.count)
        self.empty = f.b.number(identity(scan.op, self.held), self.held, self.lanes)
        self.first = f.b.number(first(scan, self.held), self.held, self.lanes)

    def apply(self, x: Operand, y: Operand) -> Operand:
        result: Operand = getattr(self.f.b, _OPERATIONS[self.scan.op])(x, y)
        return result

    def unit(self, row: Operand) -> None:
        """A row, piece by piece."""
        f, split, start = self.f, self.scan.split, self.f.mul(row, self.count)
        if not split.is_possible:
            self.piece(start, (f.number(0), self.count), self.first, [])
            return
        pieces = f.b.select(split.applies(f), f.i.count(split.chunk), f.number(1))

        def piece(c: Operand, carry: list[Operand]) -> list[Operand]:
            totals = self.piece(start, f.i.bounds(split.chunk, c, pieces), carry[0], self.nothing)
            return [self.apply(carry[0], self.total(totals))]

        f.loop(0, pieces, 1, piece, [self.first])

    # ------------------------------------------------------------------------------------------------- a piece alone

    def sum_up(self, part: Part) -> None:
        """The total of a piece, for those that come after it."""
        f, start = self.f, self.f.mul(part.row, self.count)
        lo, hi = f.i.bounds(self.scan.split.chunk, part.piece, part.pieces)

        def some(i: Operand, vectors: int, totals: list[Operand], rest: Offset | None = None) -> list[Operand]:
            return self.folded(totals, self.items(start, i, vectors, rest))

        totals = self.walk(lo, hi, some, self.nothing)
        f.store(self.f.b.lane(self.total(totals), 0), self.told(part, part.piece))

    def scan_piece(self, part: Part) -> None:
        f = self.f

        def fold(c: Operand, carry: list[Operand]) -> list[Operand]:
            total = f.b.spread(f.load(self.told(part, c), self.held, 1), self.lanes)
            return [self.apply(carry[0], total)]

        (carry,) = f.loop(0, part.piece, 1, fold, [self.first])
        ends = f.i.bounds(self.scan.split.chunk, part.piece, part.pieces)
        self.piece(f.mul(part.row, self.count), ends, carry, [])

    def told(self, part: Part, piece: Operand) -> Operand:
        """Where a total is kept; 64 bits each."""
        return at(self.f, part.shared, "u64", piece)

    @property
    def nothing(self) -> list[Operand]:
        return [self.empty] * VECTORS

    def folded(self, totals: list[Operand], items: Sequence[Operand]) -> list[Operand]:
        return [self.apply(t, x) for t, x in zip(totals, items, strict=False)] + totals[len(items) :]

    def total(self, totals: Sequence[Operand]) -> Operand:
        """In all lanes."""
        total = reduce(self.apply, totals)
        half = self.lanes // 2
        while half:
            total = self.apply(total, self.f.b.shuffle(total, [k ^ half for k in range(self.lanes)]))
            half //= 2
        return total

    # ------------------------------------------------------------------------------------------------- the vectors

    def walk(self, lo: Offset, hi: Offset, some: Some, carried: list[Operand]) -> list[Operand]:
        """Blocks of vectors, then vectors, then a part of one; `lo` begins a block."""
        f, step, size = self.f, self.lanes * VECTORS, self.f.sub(hi, lo)
        blocks = f.add(lo, f.mul(f.div(size, step), step))
        vectors = f.add(lo, f.mul(f.div(size, self.lanes), self.lanes))
        carried = f.loop(lo, blocks, step, lambda i, c: some(i, VECTORS, c), carried)
        carried = f.loop(blocks, vectors, self.lanes, lambda i, c: some(i, 1, c), carried)
        rest = f.sub(hi, vectors)
        return f.changed(f.less(0, rest), lambda c: some(vectors, 1, c, rest), carried)

    def piece(
        self, row: Operand, ends: tuple[Offset, Offset], carry: Operand, totals: list[Operand]
    ) -> list[Operand]:  # fmt: skip
        """Scan items lo .. hi - 1; gives the totals with the items folded into them, if any are given."""

        def some(i: Operand, vectors: int, carried: list[Operand], rest: Offset | None = None) -> list[Operand]:
            items = self.items(row, i, vectors, rest)
            after = self.block(row, i, items, carried[0], rest)
            return [after, *(self.folded(carried[1:], items) if totals else ())]

        return self.walk(*ends, some, [carry, *totals])[1:]

    def items(self, row: Operand, done: Operand, vectors: int, rest: Offset | None) -> list[Operand]:
        """The vectors that come next, with identities in lanes behind the end."""
        f, mask = self.f, self.mask(rest)
        places = [self.place(row, done, v, rest) for v in range(vectors)]
        items = [read(f, at(f, self.source, self.dtype, p), self.dtype, self.lanes, mask) for p in places]
        return items if mask is None else [f.b.select(mask, x, self.empty) for x in items]

    def mask(self, rest: Offset | None) -> Operand | None:
        return None if rest is None else self.f.first_lanes(self.lanes, rest)

    def block(
        self, row: Operand, done: Operand, items: Sequence[Operand], carry: Operand, rest: Offset | None
    ) -> Operand:  # fmt: skip
        """Write the scan of vectors; gives the state after them, in all lanes."""
        f, mask = self.f, self.mask(rest)
        scanned = [self.prefix(x) for x in items]
        before, total = [carry], None
        for s in scanned:
            last = f.blend(s, s, [0 if self.scan.reverse else self.lanes - 1] * self.lanes)
            total = last if total is None else self.apply(total, last)
            before.append(self.apply(carry, total))
        for v, (state, s) in enumerate(zip(before, scanned, strict=False)):
            s = self.shift(s, 1) if self.scan.exclusive else s
            place = at(f, self.target, self.dtype, self.place(row, done, v, rest))
            write(f, self.apply(state, s), place, self.dtype, mask)
        return before[-1]

    def place(self, row: Operand, done: Operand, vector: int, rest: Offset | None) -> Operand:
        """Where in the array a vector begins; of a reverse scan the first one is at the end of the row."""
        f, passed = self.f, self.f.add(done, vector * self.lanes)
        if not self.scan.reverse:
            return f.add(row, passed)
        width = self.lanes if rest is None else rest
        return f.add(row, f.sub(self.count, f.add(passed, width)))

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
        if self.scan.reverse:
            picks = [k + distance if k + distance < n else n for k in range(n)]
        else:
            picks = [k - distance if k >= distance else n for k in range(n)]
        return self.f.blend(x, self.empty, picks)


class _Streams:
    """States that do not touch: vectors of columns, or rows of a recurrence."""

    def __init__(self, f: Routine, scan: Scan, arrays: Sequence[Operand]) -> None:
        self.f, self.scan, self.arrays = f, scan, arrays
        self.dtype, self.lanes = scan.dtype, scan.lanes
        self.held = register(scan.dtype)
        self.count, self.inner = f.i.value(scan.count), f.i.value(scan.inner)

    def unit(self, unit: Operand) -> None:
        if self.scan.is_row:
            self.rows(self.f.mul(unit, ROWS))
        else:
            self.columns(unit)

    def rows(self, first: Operand) -> None:
        """A whole group, or the last rows one by one."""
        f = self.f
        end = f.least(f.add(first, ROWS), f.i.value(self.scan.outer))
        whole = f.less(f.add(first, ROWS - 1), end)
        f.when(whole, lambda: self.run(f.mul(first, self.count), ROWS, self.count))
        f.when(f.b.not_(whole), lambda: f.each(first, end, lambda r: self.run(f.mul(r, self.count), 1, self.count)))

    def columns(self, unit: Operand) -> None:
        f, width = self.f, self.lanes * VECTORS
        blocks = f.div(f.add(self.inner, width - 1), width)
        matrix = f.div(unit, blocks)
        first = f.mul(f.sub(unit, f.mul(matrix, blocks)), width)
        end = f.least(f.add(first, width), self.inner)
        base = f.mul(matrix, f.mul(self.count, self.inner))
        whole = f.less(f.add(first, width - 1), end)
        f.when(whole, lambda: self.run(f.add(base, first), VECTORS, self.lanes))

        def part(column: Operand) -> None:
            mask = f.b.lt(f.i.iota(self.lanes), f.b.spread(f.sub(end, column), self.lanes))
            self.run(f.add(base, column), 1, self.lanes, mask)

        f.when(f.b.not_(whole), lambda: f.each(first, end, part, self.lanes))

    def run(self, start: Operand, streams: int, apart: Offset, mask: Operand | None = None) -> None:
        """Along the axis, with one state for each stream; they are so many elements apart."""
        f = self.f

        def step(k: Operand, states: list[Operand]) -> list[Operand]:
            k = f.sub(f.sub(self.count, 1), k) if self.scan.reverse else k
            here = f.add(start, f.mul(k, self.inner))
            places = [f.add(here, f.mul(apart, n)) for n in range(streams)]
            items = [[read(f, at(f, a, self.dtype, p), self.dtype, self.lanes, mask) for a in self.arrays[:-1]]
                     for p in places]  # fmt: skip
            after = [self.apply(s, x) for s, x in zip(states, items, strict=True)]
            for p, value in zip(places, states if self.scan.exclusive else after, strict=True):
                write(f, value, at(f, self.arrays[-1], self.dtype, p), self.dtype, mask)
            return after

        empty = f.b.number(first(self.scan, self.held), self.held, self.lanes)
        f.loop(0, self.count, 1, step, [empty] * streams)

    def apply(self, state: Operand, items: Sequence[Operand]) -> Operand:
        if self.scan.op == "recurrence":
            return self.f.b.fma(items[0], state, items[1])
        result: Operand = getattr(self.f.b, _OPERATIONS[self.scan.op])(state, items[0])
        return result
