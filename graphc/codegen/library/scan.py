"""Prefix scans: along a contiguous axis within vectors, along any other with a vector of columns as the state.

A recurrence is not split in lanes: products of its factors may overflow where the sequence itself does not.  Its states
are numbers, several rows at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.codegen.gemm.routine import Helper, Offset, Routine
from graphc.codegen.library import scan_row
from graphc.codegen.library.elements import at, read, write
from graphc.codegen.library.fold import Fold
from graphc.codegen.library.scan_row import RowScan
from graphc.codegen.library.split import Part, Split, Stage
from graphc.codegen.llvm.writer import Operand
from graphc.codegen.nest.chunk import Chunk
from graphc.codegen.nest.loops import ZERO
from graphc.ir.node import Node
from graphc.ir.poly import Poly
from graphc.ir.types import volume
from graphc.records import dataclass

VECTORS = 4  # of columns at a time
PIECE = 1 << 15  # items of a piece of a long row, where there are not too many
MOST = 64  # pieces
ROWS = 8  # of a recurrence at a time


@dataclass(frozen=True)
class Scan:
    """The operand seen as [outer, count, inner], scanned along the middle axis."""

    fold: Fold
    outer: Poly
    count: Poly
    inner: Poly
    features: frozenset[str]

    @staticmethod
    def of(node: Node, features: frozenset[str]) -> Scan:
        shape, axis, attrs = node.inputs[0].shape, node.attrs["axis"], node.attrs
        outer, count, inner = (Poly.of(volume(s)) for s in (shape[:axis], shape[axis : axis + 1], shape[axis + 1 :]))
        fold = Fold(node.op.name, node.out.dtype, attrs["reverse"], attrs.get("exclusive", False))
        return Scan(fold, outer, count, inner, features)

    def __str__(self) -> str:
        how = "within vectors" if self.is_within else "by columns" if self.lanes > 1 else f"{ROWS} rows at a time"
        return f"scanned {how}"

    # --------------------------------------------------------------------------------------------------- shape

    @property
    def is_row(self) -> bool:
        return self.inner.constant == 1

    @property
    def is_within(self) -> bool:
        return self.is_row and self.fold.op != "recurrence"

    @property
    def lanes(self) -> int:
        return 1 if self.is_row and not self.is_within else self.fold.lanes

    @property
    def chunk(self) -> Chunk:
        cost = 8 if self.fold.op == "recurrence" else 4
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
        return [scan_row.function(self.fold, self.features)] if self.split else []

    @property
    def split(self) -> Split | None:
        """Of rows of neighbours; totals of pieces are shared."""
        if not self.is_within:
            return None
        block = self.lanes * scan_row.VECTORS
        chunk = Chunk("items", self.count, self.count, unit=block, grain=PIECE, most=MOST)
        split = Split(self.outer, chunk, Poly.of(MOST), (Stage(self.sum_up), Stage(self.scan_piece)))
        return split if split.is_possible else None

    # ---------------------------------------------------------------------------------------------------- code

    def write(self, f: Routine, rows: tuple[Operand, Operand], arrays: Sequence[Operand], scratch: Operand) -> None:
        if not self.is_within:
            f.each(*rows, _Streams(f, self, arrays).unit)
        elif split := self.split:
            states = f.b.ordered("ptr", 1, "alloca [2 x i64], align 8")
            f.each(*rows, lambda row: self.in_turn(f, split, self.row(f, row, arrays), states))
        else:
            f.each(*rows, lambda row: self.whole(f, self.row(f, row, arrays)))

    def row(self, f: Routine, row: Operand, arrays: Sequence[Operand]) -> RowScan:
        count = f.i.value(self.count)
        source, target = (at(f, a, self.fold.dtype, f.mul(row, count)) for a in arrays)
        return RowScan(f, self.fold, source, target, count)

    def whole(self, f: Routine, row: RowScan) -> None:
        first = f.b.number(self.fold.first, self.fold.held, self.lanes)
        row.scan((f.number(0), row.count), first, [])

    def in_turn(self, f: Routine, split: Split, row: RowScan, states: Operand) -> None:
        """A row on one thread, with the sums that it has on several."""
        pieces = f.b.select(split.applies(f), f.i.count(split.chunk), f.number(1))

        def piece(c: Operand, carry: list[Operand]) -> list[Operand]:
            self.call(f, row, f.i.bounds(split.chunk, c, pieces), carry[0], states)
            return [self.fold.apply(f, carry[0], f.load(f.offset(states, 8), self.fold.held, 1))]

        f.loop(0, pieces, 1, piece, [f.b.number(self.fold.first, self.fold.held)])

    def call(
        self, f: Routine, row: RowScan, ends: tuple[Operand, Operand], carry: Operand, states: Operand
    ) -> None:  # fmt: skip
        f.store(carry, states)
        f.call(scan_row.name(self.fold), row.source, row.target, row.count, *ends, states)

    def sum_up(self, f: Routine, part: Part) -> None:
        """The total of a piece, for those that come after it."""
        total = self.row(f, part.row, part.arrays).sum_up(self.ends(f, part))
        f.store(total, at(f, part.shared, "u64", part.piece))

    def scan_piece(self, f: Routine, part: Part) -> None:
        held = self.fold.held

        def fold(c: Operand, carry: list[Operand]) -> list[Operand]:
            return [self.fold.apply(f, carry[0], f.load(at(f, part.shared, "u64", c), held, 1))]

        (carry,) = f.loop(0, part.piece, 1, fold, [f.b.number(self.fold.first, held)])
        states = f.b.ordered("ptr", 1, "alloca [2 x i64], align 8")
        self.call(f, self.row(f, part.row, part.arrays), self.ends(f, part), carry, states)

    def ends(self, f: Routine, part: Part) -> tuple[Operand, Operand]:
        assert self.split
        return f.i.bounds(self.split.chunk, part.piece, part.pieces)


class _Streams:
    """States that do not touch: vectors of columns, or rows of a recurrence."""

    def __init__(self, f: Routine, scan: Scan, arrays: Sequence[Operand]) -> None:
        self.f, self.scan, self.arrays, self.fold = f, scan, arrays, scan.fold
        self.dtype, self.held, self.lanes = self.fold.dtype, self.fold.held, scan.lanes
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
            k = f.sub(f.sub(self.count, 1), k) if self.fold.reverse else k
            here = f.add(start, f.mul(k, self.inner))
            places = [f.add(here, f.mul(apart, n)) for n in range(streams)]
            items = [[read(f, at(f, a, self.dtype, p), self.dtype, self.lanes, mask) for a in self.arrays[:-1]]
                     for p in places]  # fmt: skip
            after = [self.apply(s, x) for s, x in zip(states, items, strict=True)]
            for p, value in zip(places, states if self.fold.exclusive else after, strict=True):
                write(f, value, at(f, self.arrays[-1], self.dtype, p), self.dtype, mask)
            return after

        empty = f.b.number(self.fold.first, self.held, self.lanes)
        f.loop(0, self.count, 1, step, [empty] * streams)

    def apply(self, state: Operand, items: Sequence[Operand]) -> Operand:
        if self.fold.op == "recurrence":
            return self.f.b.fma(items[0], state, items[1])
        return self.fold.apply(self.f, state, items[0])
