"""How the rows of a product are divided into tiles, in code: even tiles of a known number, or any number of rows."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from graphc.codegen.gemm.routine import Routine
from graphc.codegen.writer import Operand

Body = Callable[[int, Operand], None]
"""What is done for a tile: its number of rows, and its first row."""


class Rows(Protocol):
    """Tiles are numbered from the top."""

    @property
    def tiles(self) -> Operand:
        """How many there are."""

    def first(self, tile: Operand) -> Operand:
        """The first row of a tile; beyond the last tile, the number of rows."""

    def each(self, lo: Operand, hi: Operand, body: Body) -> None:
        """Do something for the tiles from lo to hi."""


class EvenRows:
    """`heights` gives (rows, count) from the top: one kind, or a second one with one row less."""

    def __init__(self, f: Routine, heights: list[tuple[int, int]]) -> None:
        self.f, self.heights = f, heights

    @property
    def tiles(self) -> Operand:
        return self.f.number(sum(count for _, count in self.heights))

    def first(self, tile: Operand) -> Operand:
        f, ((rows, count), *rest) = self.f, self.heights
        return f.add(f.mul(tile, rest[0][0]), f.least(tile, count)) if rest else f.mul(tile, rows)

    def each(self, lo: Operand, hi: Operand, body: Body) -> None:
        before = 0
        for rows, count in self.heights:
            self.same(rows, self.f.most(lo, before), self.f.least(hi, before + count), body)
            before += count

    def same(self, rows: int, lo: Operand, hi: Operand, body: Body) -> None:
        self.f.each(lo, hi, lambda t: body(rows, self.first(t)))


class AnyRows:
    """Tiles of `height` rows; what is left, the last tile, is done in parts of half the height, a quarter ..."""

    def __init__(self, f: Routine, count: Operand, height: int) -> None:
        self.f, self.count, self.height = f, count, height

    @property
    def tiles(self) -> Operand:
        return self.f.div(self.f.add(self.count, self.height - 1), self.height)

    def first(self, tile: Operand) -> Operand:
        return self.f.least(self.f.mul(tile, self.height), self.count)

    def each(self, lo: Operand, hi: Operand, body: Body) -> None:
        f, rows, end = self.f, self.height, self.first(hi)
        start = f.mul(lo, rows)
        while rows:
            self.same(rows, start, end, body)
            start = f.add(start, f.mul(f.div(f.sub(end, start), rows), rows))
            rows //= 2

    def same(self, rows: int, start: Operand, end: Operand, body: Body) -> None:
        self.f.each(start, self.f.sub(end, rows - 1), lambda row: body(rows, row), rows)
