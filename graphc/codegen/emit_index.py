"""Index expressions as 64-bit integer code: extents, bounds, strides, the cut of a phase into chunks."""

from __future__ import annotations

from graphc.codegen.builder import Builder
from graphc.codegen.chunk import Chunk
from graphc.codegen.writer import Operand
from graphc.ir.poly import Poly


class Indexer:
    """Evaluates polynomials over `env`, the operands of the symbols and of the variables of the open loops."""

    def __init__(self, b: Builder) -> None:
        self.b = b
        self.env: dict[str, Operand] = {}

    def number(self, value: int) -> Operand:
        return self.b.number(value, "i64")

    def value(self, p: Poly) -> Operand:
        """The value of p, summed from the outermost loops inwards: what does not vary leaves the inner loops."""
        total = self.number(0)
        for v in sorted(self.terms(p), key=lambda v: (v.is_constant, v.depth)):
            total = self.add(total, v)
        return total

    def terms(self, p: Poly) -> list[Operand]:
        return [self._term(names, c) for names, c in p.terms]

    def _term(self, names: tuple[str, ...], c: int) -> Operand:
        product = self.number(1)
        for v in sorted((self.env[n] for n in names), key=lambda v: v.depth):
            product = self.mul(product, v)
        return self.mul(product, self.number(c))

    # ------------------------------------------------------------------------- arithmetic that folds constants

    def add(self, x: Operand, y: Operand) -> Operand:
        if x.integer is not None and y.integer is not None:
            return self.number(x.integer + y.integer)
        return y if x.integer == 0 else x if y.integer == 0 else self.b.add(x, y)

    def mul(self, x: Operand, y: Operand) -> Operand:
        if x.integer is not None and y.integer is not None:
            return self.b.number(x.integer * y.integer, "i64", max(x.lanes, y.lanes))
        if x.lanes == y.lanes and 1 in (x.integer, y.integer):
            return y if x.integer == 1 else x
        return self.b.mul(x, y)

    def div(self, x: Operand, y: Operand) -> Operand:
        """Of a value that is not negative by one that is positive."""
        if x.integer is not None and y.integer is not None:
            return self.number(x.integer // y.integer)
        return x if y.integer == 1 else self.b.divide_exactly("sdiv", x, y)

    def least(self, x: Operand, y: Operand) -> Operand:
        if x.integer is not None and y.integer is not None:
            return self.number(min(x.integer, y.integer))
        return self.b.intrinsic("smin", x, y)

    def less(self, x: Operand, y: Operand) -> Operand:
        if x.integer is not None and y.integer is not None:
            return self.b.number(x.integer < y.integer, "bool")
        return self.b.lt(x, y)

    def whole(self, v: Operand) -> Operand:
        """An integer value of any type as an i64."""
        return self.b.cast(v, "i64")

    def iota(self, lanes: int, dtype: str = "i64") -> Operand:
        """0, 1, 2 ... in the lanes."""
        return self.b.vector(range(lanes), dtype)

    # ------------------------------------------------------------------------------------------------- chunks

    def units(self, chunk: Chunk) -> Operand:
        return self.div(self.value(chunk.extent + (chunk.unit - 1)), self.number(chunk.unit))

    def count(self, chunk: Chunk) -> Operand:
        """`Chunk.count` in code."""
        if chunk.extent.constant is not None and chunk.work.constant is not None:
            return self.number(chunk.count({}))
        share = self.div(self.value(chunk.work), self.number(chunk.grain))
        most = self.least(self.units(chunk), self.number(chunk.most))
        return self.b.intrinsic("smax", self.least(share, most), self.number(1))

    def bounds(self, chunk: Chunk, c: Operand, count: Operand) -> tuple[Operand, Operand]:
        """`Chunk.bounds` in code."""
        units, unit, one = self.units(chunk), self.number(chunk.unit), self.number(1)

        def start(k: Operand) -> Operand:
            return self.mul(self.div(self.mul(units, k), count), unit)

        return start(c), self.least(start(self.add(c, one)), self.value(chunk.extent))
