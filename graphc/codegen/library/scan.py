"""Prefix scans: along a contiguous axis within vectors, along any other with a vector of columns as the state.

Along a contiguous axis each vector is scanned in log2(lanes) shifts (Hillis and Steele, "Data Parallel Algorithms",
1986), and several vectors at a time get what lies before them: only one operation a block waits for the block before.

A recurrence is not split so: products of its factors may overflow where the sequence itself does not.  Its states are
numbers, several rows at a time.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.codegen.gemm.routine import Helper, Offset, Routine
from graphc.codegen.library.elements import at, lanes_of, read, write
from graphc.codegen.library.split import Split
from graphc.codegen.llvm.writer import Operand
from graphc.codegen.nest.chunk import Chunk
from graphc.codegen.nest.elements import greatest, is_float, least, register
from graphc.codegen.nest.loops import ZERO
from graphc.ir.node import Node
from graphc.ir.poly import Poly
from graphc.ir.types import volume
from graphc.records import dataclass

VECTORS = 4  # scanned together, or columns of vectors at a time
ROWS = 8  # of a recurrence at a time

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
    def split(self) -> Split | None:
        return None

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
    """Rows of neighbours."""

    def __init__(self, f: Routine, scan: Scan, arrays: Sequence[Operand]) -> None:
        self.f, self.scan, (self.source, self.target) = f, scan, arrays
        self.dtype, self.lanes = scan.dtype, scan.lanes
        self.held = register(scan.dtype)
        self.count = f.i.value(scan.count)
        self.empty = f.b.number(identity(scan.op, self.held), self.held, self.lanes)

    def apply(self, x: Operand, y: Operand) -> Operand:
        result: Operand = getattr(self.f.b, _OPERATIONS[self.scan.op])(x, y)
        return result

    def unit(self, row: Operand) -> None:
        """Blocks of vectors, then vectors, then a part of one."""
        f, step = self.f, self.lanes * VECTORS
        start = f.mul(row, self.count)
        blocks = f.mul(f.div(self.count, step), step)
        vectors = f.mul(f.div(self.count, self.lanes), self.lanes)
        carry = [f.b.number(first(self.scan, self.held), self.held, self.lanes)]
        carry = f.loop(0, blocks, step, lambda i, c: [self.block(start, i, VECTORS, c[0])], carry)
        carry = f.loop(blocks, vectors, self.lanes, lambda i, c: [self.block(start, i, 1, c[0])], carry)
        rest = f.sub(self.count, vectors)

        def part() -> None:
            self.block(start, vectors, 1, carry[0], rest)

        f.when(f.less(0, rest), part)

    def block(self, row: Operand, done: Operand, vectors: int, carry: Operand, rest: Offset | None = None) -> Operand:
        """Scan the vectors that come next; gives the state after them, in all lanes."""
        f = self.f
        mask = None if rest is None else f.first_lanes(self.lanes, rest)
        places = [self.place(row, done, v, rest) for v in range(vectors)]
        items = [read(f, at(f, self.source, self.dtype, p), self.dtype, self.lanes, mask) for p in places]
        if mask is not None:
            items = [f.b.select(mask, x, self.empty) for x in items]
        scanned = [self.prefix(x) for x in items]
        before, total = [carry], None
        for s in scanned:
            last = f.blend(s, s, [0 if self.scan.reverse else self.lanes - 1] * self.lanes)
            total = last if total is None else self.apply(total, last)
            before.append(self.apply(carry, total))
        for p, state, s in zip(places, before, scanned, strict=False):
            s = self.shift(s, 1) if self.scan.exclusive else s
            write(f, self.apply(state, s), at(f, self.target, self.dtype, p), self.dtype, mask)
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
