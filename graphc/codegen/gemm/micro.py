"""The innermost part of a product: a tile of C in registers while k passes by.

Each step of k loads one row of the panel of B, `vectors` registers, and multiplies it by `rows` elements of A, each
spread over a register.  A tile that reaches beyond the last row of C has that row several times instead: all of them
hold the same numbers, so it does no harm to store them all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from graphc.codegen.elements import ITEMSIZE
from graphc.codegen.gemm.routine import Helper, Offset, Routine
from graphc.codegen.writer import Operand

LINE = 64  # bytes of a cache line


@dataclass(frozen=True, slots=True)
class Micro:
    """C tile (+)= A tile @ B panel.

    `sure`: how many rows are always inside C.  `edge`: the last vector may reach beyond C.  `again`: it may have to add
    to what is in C.  All strides are parameters, but those of a packed A: then the rows lie together.
    """

    dtype: str
    lanes: int
    rows: int
    vectors: int
    sure: int
    edge: bool
    packed_a: bool
    packed_b: bool  # B may be read beyond the edge
    unroll: int
    ahead: int
    touch: bool
    again: bool

    @property
    def name(self) -> str:
        flags = {"e": self.edge, "a": self.packed_a, "b": self.packed_b, "c": self.touch, "s": self.again}
        tile = f"{self.dtype}x{self.lanes}.{self.rows}x{self.vectors}.r{self.sure}.u{self.unroll}.h{self.ahead}"
        return ".".join(["gemm.micro", tile, *(f for f, on in flags.items() if on)])


STRIDES = ("a_row", "a_step", "b_step", "c_row")


@cache
def micro(m: Micro, features: frozenset[str]) -> Helper:
    """`void (ptr a, ptr b, ptr c, i64 strides ... in bytes, i64 steps of k, i64 rows, i64 columns, bool add)`"""
    return _Writer(m, features).helper()


class _Writer:
    def __init__(self, m: Micro, features: frozenset[str]) -> None:
        self.m, self.item = m, ITEMSIZE[m.dtype]
        numbers = (*STRIDES, "steps", "rows", "columns")
        parameters = [*((n, "ptr") for n in "abc"), *((n, "i64") for n in numbers), ("add", "bool")]
        self.f = f = Routine(m.name, parameters, features)
        self.mask = f.first_lanes(m.lanes, f.sub(f.given["columns"], (m.vectors - 1) * m.lanes)) if m.edge else None
        self.a_step: Offset = m.rows * self.item if m.packed_a else f.given["a_step"]
        self.a_rows = [r * self.item for r in range(m.rows)] if m.packed_a else self.row_offsets("a_row")

    def helper(self) -> Helper:
        c = [self.f.offset(self.f.given["c"], d) for d in self.row_offsets("c_row")]
        if self.m.touch:
            self.touch(c)
        tile = self.multiply()
        if self.m.again:
            tile = self.f.changed(self.f.given["add"], lambda t: self.sums(t, c), tile)
        self.write(tile, c)
        return self.f.helper()

    def row_offsets(self, stride: str) -> list[Offset]:
        """How far every row is from the first one, in bytes; rows that are missing are the last one."""
        f, m = self.f, self.m
        offsets: list[Offset] = [f.mul(f.given[stride], r) for r in range(m.sure)]
        for r in range(m.sure, m.rows):
            offsets.append(f.add(offsets[-1], f.b.select(f.less(r, f.given["rows"]), f.given[stride], 0)))
        return offsets

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
        done = f.mul(f.div(steps, m.unroll), m.unroll) if m.unroll > 1 else f.number(0)
        if m.unroll > 1:
            carried = f.loop(0, done, m.unroll, lambda _, v: self.steps(v, m.unroll), carried)
        return f.loop(done, steps, 1, lambda _, v: self.steps(v, 1), carried)[2:]

    def steps(self, carried: Sequence[Operand], count: int) -> list[Operand]:
        a, b, *tile = carried
        for _ in range(count):
            tile = self.step(a, b, tile)
            a, b = self.f.offset(a, self.a_step), self.f.offset(b, self.f.given["b_step"])
        return [a, b, *tile]

    def step(self, a: Operand, b: Operand, tile: Sequence[Operand]) -> list[Operand]:
        f, m = self.f, self.m
        right = [self.load_b(b, v) for v in range(m.vectors)]
        if m.ahead:
            coming = f.offset(b, f.mul(f.given["b_step"], m.ahead))
            for line in range(0, m.vectors * m.lanes * self.item, LINE):
                f.prefetch(f.offset(coming, line))
        out: list[Operand] = []
        for r in range(m.rows):
            left = f.b.spread(f.load(f.offset(a, self.a_rows[r]), m.dtype, 1), m.lanes)
            out += [f.b.fma(left, right[v], tile[r * m.vectors + v]) for v in range(m.vectors)]
        return out

    def load_b(self, b: Operand, v: int) -> Operand:
        mask = None if self.m.packed_b else self.mask_of(v)
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
