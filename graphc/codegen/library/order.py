"""Which of two keys goes first: the least work for each type, and a permutation of its operands always.

The numbers of floats are compared, none of which is NaN.  Where zeros of both signs meet, the instructions give their
second operand; as the lower is looked for among (x, y) and the higher among (y, x), both zeros are kept.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.codegen.llvm.builder import Builder
from graphc.codegen.llvm.writer import Operand
from graphc.codegen.nest.elements import ITEMSIZE, is_float
from graphc.records import dataclass


@dataclass(frozen=True)
class Order:
    """Of vectors of unsigned integers or floats that fill a 512-bit register."""

    b: Builder

    def pair(self, x: Operand, y: Operand) -> tuple[Operand, Operand]:
        """The lower ones, and the higher ones."""
        if self.is_compared(x):
            is_lower = self.is_lower(x, y)
            return self.b.select(is_lower, x, y), self.b.select(is_lower, y, x)
        return self.lower(x, y), self.higher(y, x)

    def either(self, x: Operand, y: Operand, lower: Sequence[bool]) -> Operand:
        """The lower ones in the lanes that are told, the higher ones in the others."""
        b, told = self.b, self.b.vector(lower, "bool")
        if self.is_compared(x):
            others = b.vector([not k for k in lower], "bool")
            return b.select(b.xor(self.is_lower(x, y), others), x, y)
        return b.select(told, self.lower(x, y), self.higher(x, y))

    def is_compared(self, x: Operand) -> bool:
        """Wide integers: their minimum takes longer than a comparison and a choice."""
        return not is_float(x.dtype) and ITEMSIZE[x.dtype] == 8

    def is_lower(self, x: Operand, y: Operand) -> Operand:
        """Frozen, lest LLVM makes a minimum of it again."""
        lower = self.b.lt(x, y)
        return self.b.emit("bool", x.lanes, f"freeze {lower}", lower)

    def lower(self, x: Operand, y: Operand) -> Operand:
        return self.b.minps(x, y) if is_float(x.dtype) else self.b.minimum(x, y)

    def higher(self, x: Operand, y: Operand) -> Operand:
        return self.b.maxps(x, y) if is_float(x.dtype) else self.b.maximum(x, y)
