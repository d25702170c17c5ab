"""How the rows of a product are divided into tiles, in code."""

from __future__ import annotations

from collections.abc import Callable

from graphc.codegen.gemm.routine import Routine
from graphc.codegen.llvm.writer import Operand
from graphc.records import dataclass


@dataclass(frozen=True)
class Tile:
    """`count` rows from `row`; tiles are numbered from the top."""

    number: Operand
    row: Operand
    count: Operand


class Rows:
    """`count` rows in tiles of `height`, the last of which may be short."""

    def __init__(self, f: Routine, count: Operand, height: int) -> None:
        self.f, self.count, self.height = f, count, height

    @property
    def tiles(self) -> Operand:
        return self.f.div(self.f.add(self.count, self.height - 1), self.height)

    def first(self, number: Operand) -> Operand:
        """The first row of a tile; beyond the last tile, the number of rows."""
        return self.f.least(self.f.mul(number, self.height), self.count)

    def each(self, lo: Operand, hi: Operand, body: Callable[[Tile], None]) -> None:
        """Do something for the tiles from lo to hi."""
        self.f.each(lo, hi, lambda number: body(self.tile(number)))

    def tile(self, number: Operand) -> Tile:
        f, row = self.f, self.f.mul(number, self.height)
        return Tile(number, row, f.least(f.sub(self.count, row), self.height))
