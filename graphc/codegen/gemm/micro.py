"""The innermost part of a product: a tile of C in registers while k passes by.

Each step of k loads one row of the panel of B, `vectors` registers, and multiplies it by `rows` elements of A, each
spread over a register.  A tile that reaches beyond the last row of C has that row several times instead: all of them
hold the same numbers, so it does no harm to store them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

from graphc.codegen.gemm.routine import Helper, Offset, Routine
from graphc.codegen.llvm.writer import Operand
from graphc.codegen.nest.elements import ITEMSIZE
from graphc.records import dataclass

LINE = 64  # bytes of a cache line


@dataclass(frozen=True, slots=True)
class Micro:
    """C tile (+)= A tile @ B panel; strides in elements.

    `sure`: how many rows are always inside C.  `edge`: the last vector may reach beyond C.  `again`: it may have to add
    to what is in C.
    """

    dtype: str
    lanes: int
    rows: int
    vectors: int
    sure: int
    edge: bool
    a_row: int
    a_step: int
    b_step: int
    padded: bool  # B may be read beyond the edge
    unroll: int
    odd: bool  # steps may be left over by the unrolled loop
    ahead: int
    touch: bool
    again: bool
    across: bool  # rows of A are neighbours in memory: those of the next tile are asked for

    @property
    def name(self) -> str:
        flags = {"o": self.odd, "e": self.edge, "p": self.padded, "c": self.touch, "a": self.again, "n": self.across}
        strides = "_".join(str(s).replace("-", "m") for s in (self.a_row, self.a_step, self.b_step))
        tile = f"{self.dtype}x{self.lanes}.{self.rows}x{self.vectors}.r{self.sure}"
        marks = (f for f, on in flags.items() if on)
        return ".".join(["gemm.micro", tile, strides, f"u{self.unroll}", f"h{self.ahead}", *marks])


@cache
def micro(m: Micro, features: frozenset[str]) -> Helper:
    """`void (ptr a, ptr b, ptr c, i64 bytes between rows of c, i64 steps of k, i64 rows, i64 columns, bool add)`"""
    return _Writer(m, features).helper()


class _Writer:
    def __init__(self, m: Micro, features: frozenset[str]) -> None:
        self.m, self.item = m, ITEMSIZE[m.dtype]
        numbers = ("stride", "steps", "rows", "columns")
        parameters = [*((n, "ptr") for n in "abc"), *((n, "i64") for n in numbers), ("add", "bool")]
        self.f = f = Routine(m.name, parameters, features)
        self.mask = f.first_lanes(m.lanes, f.sub(f.given["columns"], (m.vectors - 1) * m.lanes)) if m.edge else None
        self.a_rows = self.row_offsets(m.a_row * self.item)

    def helper(self) -> Helper:
        c = [self.f.offset(self.f.given["c"], d) for d in self.row_offsets(self.f.given["stride"])]
        if self.m.touch:
            self.touch(c)
        tile = self.multiply()
        if self.m.again:
            tile = self.f.changed(self.f.given["add"], lambda t: self.sums(t, c), tile)
        self.write(tile, c)
        return self.f.helper()

    def row_offsets(self, stride: Offset) -> list[Operand]:
        """How far every row is from the first one, in bytes; rows that are missing are the last one."""
        f, rows = self.f, self.f.given["rows"]
        last = f.mul(f.sub(rows, 1), stride)
        places = [f.mul(r, stride) for r in range(self.m.rows)]
        return [p if r < self.m.sure else f.b.select(f.less(r, rows), p, last) for r, p in enumerate(places)]

    def touch(self, c: Sequence[Operand]) -> None:
        """Ask for the tile of C, which is needed last."""
        for row in c:
            for line in range(0, self.m.vectors * self.m.lanes * self.item, LINE):
                self.f.prefetch(self.f.offset(row, line), write=True)

    # ------------------------------------------------------------------------------------------ multiplication

    def multiply(self) -> list[Operand]:
        f, m, steps = self.f, self.m, self.f.given["steps"]
        zero = f.b.number(0, m.dtype, m.lanes)
        carried = [f.given["a"], f.given["b"], *[zero] * (m.rows * m.vectors)]
        done = f.mul(f.div(steps, m.unroll), m.unroll) if m.odd else steps
        carried = f.loop(0, done, m.unroll, lambda _, v: self.steps(v, m.unroll), carried)
        if m.odd:
            carried = f.loop(done, steps, 1, lambda _, v: self.steps(v, 1), carried)
        return carried[2:]

    def steps(self, carried: Sequence[Operand], count: int) -> list[Operand]:
        a, b, *tile = carried
        f, a_bytes, b_bytes = self.f, self.m.a_step * self.item, self.m.b_step * self.item
        for u in range(count):
            tile = self.step(f.offset(a, u * a_bytes), f.offset(b, u * b_bytes), tile)
        return [f.offset(a, count * a_bytes), f.offset(b, count * b_bytes), *tile]

    def step(self, a: Operand, b: Operand, tile: Sequence[Operand]) -> list[Operand]:
        f, m = self.f, self.m
        right = [self.load_b(b, v) for v in range(m.vectors)]
        if m.ahead:
            for line in range(0, m.vectors * m.lanes * self.item, LINE):
                f.prefetch(f.offset(b, m.ahead * m.b_step * self.item + line))
        if m.across:
            f.prefetch(f.offset(a, LINE))
        out: list[Operand] = []
        for r in range(m.rows):
            left = f.b.spread(f.load(f.offset(a, self.a_rows[r]), m.dtype, 1), m.lanes)
            out += [f.b.fma(left, right[v], tile[r * m.vectors + v]) for v in range(m.vectors)]
        return out

    def load_b(self, b: Operand, v: int) -> Operand:
        mask = None if self.m.padded else self.mask_of(v)
        return self.f.load(self.f.offset(b, v * self.m.lanes * self.item), self.m.dtype, self.m.lanes, mask)

    def mask_of(self, v: int) -> Operand | None:
        return self.mask if v == self.m.vectors - 1 else None

    # -------------------------------------------------------------------------------------------------- result

    def places(self, c: Sequence[Operand]) -> list[tuple[Operand, Operand | None]]:
        """Where the vectors of the tile belong, and the lanes that are inside."""
        vector = self.m.lanes * self.item
        return [(self.f.offset(row, v * vector), self.mask_of(v)) for row in c for v in range(self.m.vectors)]

    def sums(self, tile: Sequence[Operand], c: Sequence[Operand]) -> list[Operand]:
        """All are read before one is written: rows may be there several times."""
        f, m = self.f, self.m
        return [
            f.b.xadd(v, f.load(p, m.dtype, m.lanes, mask)) for v, (p, mask) in zip(tile, self.places(c), strict=True)
        ]

    def write(self, tile: Sequence[Operand], c: Sequence[Operand]) -> None:
        for value, (place, mask) in zip(tile, self.places(c), strict=True):
            self.f.store(value, place, mask)
