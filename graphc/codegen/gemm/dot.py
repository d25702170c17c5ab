"""The innermost part of a narrow product: a tile of dot products, with vectors along k.

Of a product of a few columns, or a few rows, vectors along a row of C would be almost empty.  Both operands must be
contiguous along k.  Rows and columns beyond C repeat the last one, as in `micro`.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from graphc.codegen.gemm.routine import Helper, Offset, Routine
from graphc.codegen.llvm.writer import Operand
from graphc.codegen.nest.elements import ITEMSIZE
from graphc.records import dataclass


@dataclass(frozen=True, slots=True)
class Dot:
    """C tile (+)= A rows . B columns; `again`: it may have to add to what is in C."""

    dtype: str
    lanes: int
    rows: int
    columns: int
    again: bool

    @property
    def name(self) -> str:
        return f"gemm.dot.{self.dtype}x{self.lanes}.{self.rows}x{self.columns}{'.a' * self.again}"


@cache
def dot(d: Dot, features: frozenset[str]) -> Helper:
    """`void (ptr a, ptr b, ptr c, i64 strides ..., i64 steps of k, i64 rows, i64 columns, bool add)`

    The strides, in bytes, lie between rows of A, columns of B and rows of C.
    """
    return _Writer(d, features).helper()


class _Writer:
    def __init__(self, d: Dot, features: frozenset[str]) -> None:
        self.d, self.item = d, ITEMSIZE[d.dtype]
        numbers = ("a_row", "b_column", "c_row", "steps", "rows", "columns")
        parameters = [*((n, "ptr") for n in "abc"), *((n, "i64") for n in numbers), ("add", "bool")]
        self.f = f = Routine(d.name, parameters, features)
        self.a = self.offsets("a_row", "rows", d.rows)
        self.b = self.offsets("b_column", "columns", d.columns)
        self.c = [f.add(r, c) for r in self.offsets("c_row", "rows", d.rows) for c in self.neighbours()]

    def offsets(self, stride: str, count: str, most: int) -> list[Operand]:
        """How far rows or columns are from the first one, in bytes."""
        return self.clamped(self.f.given[stride], count, most)

    def neighbours(self) -> list[Operand]:
        return self.clamped(self.item, "columns", self.d.columns)

    def clamped(self, stride: Offset, count: str, most: int) -> list[Operand]:
        f, n = self.f, self.f.given[count]
        last = f.mul(f.sub(n, 1), stride)
        return [f.number(0), *(f.b.select(f.less(k, n), f.mul(k, stride), last) for k in range(1, most))]

    def helper(self) -> Helper:
        f = self.f
        sums = self.totals(self.multiply())
        places = [f.offset(f.given["c"], d) for d in self.c]
        if self.d.again:
            sums = f.changed(f.given["add"], lambda t: self.added(t, places), sums)
        for value, place in zip(sums, places, strict=True):
            f.store(value, place)
        return f.helper()

    def multiply(self) -> list[Operand]:
        """Whole vectors of steps, then a part of one."""
        f, d, steps = self.f, self.d, self.f.given["steps"]
        zero = f.b.number(0, d.dtype, d.lanes)
        whole = f.mul(f.div(steps, d.lanes), d.lanes)
        tile = f.loop(0, whole, d.lanes, self.step, [zero] * (d.rows * d.columns))
        rest = f.first_lanes(d.lanes, f.sub(steps, whole))
        return f.changed(f.less(whole, steps), lambda t: self.step(whole, t, rest), tile)

    def step(self, k: Operand, tile: Sequence[Operand], mask: Operand | None = None) -> list[Operand]:
        left, right = self.loads("a", self.a, k, mask), self.loads("b", self.b, k, mask)
        pairs = [(x, y) for x in left for y in right]
        return [self.f.b.fma(x, y, total) for (x, y), total in zip(pairs, tile, strict=True)]

    def loads(self, name: str, offsets: Sequence[Operand], k: Operand, mask: Operand | None) -> list[Operand]:
        f, d = self.f, self.d
        start = f.offset(f.given[name], f.mul(k, self.item))
        return [f.load(f.offset(start, o), d.dtype, d.lanes, mask) for o in offsets]

    def totals(self, tile: Sequence[Operand]) -> list[Operand]:
        """The sums of the lanes, of pairs of registers together: the lanes of one end with sums of all."""
        lanes, values, half = self.d.lanes, list(tile), 1
        while half < lanes:
            pairs = zip(values[::2], values[1::2] + values[-1:], strict=False)
            values = [self.f.b.xadd(*self.f.exchange(x, y, half)) for x, y in pairs]
            half *= 2
        return [self.f.b.lane(values[n // lanes], n % lanes) for n in range(len(tile))]

    def added(self, sums: Sequence[Operand], places: Sequence[Operand]) -> list[Operand]:
        """All are read before one is written: elements may be there several times."""
        return [self.f.b.xadd(s, self.f.load(p, self.d.dtype, 1)) for s, p in zip(sums, places, strict=True)]
