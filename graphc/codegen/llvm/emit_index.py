"""Index expressions as 64-bit integer code: extents, bounds, strides, the cut of a phase into chunks."""

from __future__ import annotations

from graphc.codegen.llvm.builder import Builder
from graphc.codegen.llvm.writer import Operand
from graphc.codegen.nest.chunk import Chunk
from graphc.ir.poly import Poly


class Indexer:
    """Evaluates polynomials over `env`, the operands of the symbols and of the variables of the open loops."""

    def __init__(self, b: Builder) -> None:
        self.b = b
        self.env: dict[str, Operand] = {}
        self._iotas: dict[tuple[int, str], Operand] = {}

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
        product: Operand | None = None
        for v in sorted((self.env[n] for n in names), key=lambda v: v.depth):
            known = v.integer
            if known is not None:
                c *= known
            else:
                product = v if product is None else self.b.mul(product, v)
        return self.number(c) if product is None else self.mul(product, self.number(c))

    # ------------------------------------------------------------------------- arithmetic that folds constants

    def add(self, x: Operand, y: Operand) -> Operand:
        a, b = x.integer, y.integer
        if a is not None and b is not None:
            return self.number(a + b)
        return y if a == 0 else x if b == 0 else self.b.add(x, y)

    def mul(self, x: Operand, y: Operand) -> Operand:
        a, b = x.integer, y.integer
        if a is not None and b is not None:
            return self.b.number(a * b, "i64", max(x.lanes, y.lanes))
        if x.lanes == y.lanes and 1 in (a, b):
            return y if a == 1 else x
        return self.b.mul(x, y)

    def div(self, x: Operand, y: Operand) -> Operand:
        """Of a value that is not negative by one that is positive."""
        a, b = x.integer, y.integer
        if a is not None and b is not None:
            return self.number(a // b)
        return x if b == 1 else self.b.divide_exactly("sdiv", x, y)

    def least(self, x: Operand, y: Operand) -> Operand:
        a, b = x.integer, y.integer
        if a is not None and b is not None:
            return self.number(min(a, b))
        return self.b.intrinsic("smin", x, y)

    def less(self, x: Operand, y: Operand) -> Operand:
        a, b = x.integer, y.integer
        if a is not None and b is not None:
            return self.b.number(a < b, "bool")
        return self.b.lt(x, y)

    def whole(self, v: Operand) -> Operand:
        """An integer value of any type as an i64."""
        return self.b.cast(v, "i64")

    def iota(self, lanes: int, dtype: str = "i64") -> Operand:
        """0, 1, 2 ... in the lanes."""
        key = lanes, dtype
        if key not in self._iotas:
            self._iotas[key] = self.b.vector(range(lanes), dtype)
        return self._iotas[key]

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
