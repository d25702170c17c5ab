"""The innermost part of a product: a tile of C in registers while k passes by.

Each step of k loads one row of the panel of B, `vectors` registers, and multiplies it by `rows` elements of A, each
spread over a register.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from graphc.codegen.elements import ITEMSIZE
from graphc.codegen.gemm.routine import Helper, Routine
from graphc.codegen.writer import Operand

LINE = 64  # bytes of a cache line


@dataclass(frozen=True, slots=True)
class Micro:
    """C tile (+)= A tile @ B panel; strides in elements.

    `tail`: how many lanes of the last vector are inside C, 0 for all.  `again`: it may have to add to what is in C.
    """

    dtype: str
    lanes: int
    rows: int
    vectors: int
    tail: int
    a_row: int
    a_step: int
    b_step: int
    padded: bool  # B may be read beyond the tail
    unroll: int
    ahead: int
    touch: bool
    again: bool

    @property
    def name(self) -> str:
        marks = [f"t{self.tail}"] * bool(self.tail) + ["p"] * self.padded + ["c"] * self.touch + ["a"] * self.again
        strides = "_".join(str(s).replace("-", "m") for s in (self.a_row, self.a_step, self.b_step))
        shape = f"{self.dtype}x{self.lanes}.{self.rows}x{self.vectors}"
        return ".".join(["gemm.micro", shape, strides, f"u{self.unroll}", f"h{self.ahead}", *marks])


@cache
def micro(m: Micro, features: frozenset[str]) -> Helper:
    """`void (ptr a, ptr b, ptr c, i64 bytes between rows of c, i64 steps of k, bool add)`"""
    return _Writer(m, features).helper()


class _Writer:
    def __init__(self, m: Micro, features: frozenset[str]) -> None:
        self.m, self.item = m, ITEMSIZE[m.dtype]
        parameters = [("a", "ptr"), ("b", "ptr"), ("c", "ptr"), ("stride", "i64"), ("steps", "i64"), ("add", "bool")]
        self.f = Routine(m.name, parameters, features)
        self.mask = self.f.first_lanes(m.lanes, m.tail) if m.tail else None

    def helper(self) -> Helper:
        f = self.f
        if self.m.touch:
            self.touch()
        tile = self.multiply()
        if self.m.again:
            f.when(f.given["add"], lambda: self.write(tile, True))
            f.when(f.b.not_(f.given["add"]), lambda: self.write(tile, False))
        else:
            self.write(tile, False)
        return f.helper()

    def touch(self) -> None:
        """Ask for the tile of C, which is needed last."""
        row = self.f.given["c"]
        for r in range(self.m.rows):
            for line in range(0, self.m.vectors * self.m.lanes * self.item, LINE):
                self.f.prefetch(self.f.offset(row, line), write=True)
            if r < self.m.rows - 1:
                row = self.f.offset(row, self.f.given["stride"])

    # ------------------------------------------------------------------------------------------ multiplication

    def multiply(self) -> list[Operand]:
        f, m, steps = self.f, self.m, self.f.given["steps"]
        zero = f.b.number(0, m.dtype, m.lanes)
        carried = [f.given["a"], f.given["b"], *[zero] * (m.rows * m.vectors)]
        done = f.mul(f.div(steps, m.unroll), m.unroll)
        if m.unroll > 1:
            carried = f.loop(0, done, m.unroll, lambda _, v: self.steps(v, m.unroll), carried)
            return f.loop(done, steps, 1, lambda _, v: self.steps(v, 1), carried)[2:]
        return f.loop(0, steps, 1, lambda _, v: self.steps(v, 1), carried)[2:]

    def steps(self, carried: Sequence[Operand], count: int) -> list[Operand]:
        a, b, *tile = carried
        for u in range(count):
            tile = self.step(self.f.offset(a, u * self.a_bytes), self.f.offset(b, u * self.b_bytes), tile)
        return [self.f.offset(a, count * self.a_bytes), self.f.offset(b, count * self.b_bytes), *tile]

    @property
    def a_bytes(self) -> int:
        return self.m.a_step * self.item

    @property
    def b_bytes(self) -> int:
        return self.m.b_step * self.item

    def step(self, a: Operand, b: Operand, tile: Sequence[Operand]) -> list[Operand]:
        f, m = self.f, self.m
        right = [self.load_b(b, v) for v in range(m.vectors)]
        if m.ahead:
            for line in range(0, m.vectors * m.lanes * self.item, LINE):
                f.prefetch(f.offset(b, m.ahead * self.b_bytes + line))
        out: list[Operand] = []
        for r in range(m.rows):
            left = f.b.spread(f.load(f.offset(a, r * m.a_row * self.item), m.dtype, 1), m.lanes)
            out += [f.b.fma(left, right[v], tile[r * m.vectors + v]) for v in range(m.vectors)]
        return out

    def load_b(self, b: Operand, v: int) -> Operand:
        mask = None if self.m.padded else self.mask_of(v)
        return self.f.load(self.f.offset(b, v * self.m.lanes * self.item), self.m.dtype, self.m.lanes, mask)

    def mask_of(self, v: int) -> Operand | None:
        return self.mask if v == self.m.vectors - 1 else None

    # -------------------------------------------------------------------------------------------------- result

    def write(self, tile: Sequence[Operand], add: bool) -> None:
        f, m = self.f, self.m
        row = f.given["c"]
        for r in range(m.rows):
            for v in range(m.vectors):
                place, mask, value = f.offset(row, v * m.lanes * self.item), self.mask_of(v), tile[r * m.vectors + v]
                if add:
                    value = f.b.xadd(value, f.load(place, m.dtype, m.lanes, mask))
                f.store(value, place, mask)
            if r < m.rows - 1:
                row = f.offset(row, f.given["stride"])
