"""Sort keys: unsigned integers in the order of the elements, NaN last.

The bits of a float are in order once those of negative numbers are inverted and the sign of the others is set:
Terdiman, "Radix Sort Revisited" (2000).
"""

from __future__ import annotations

from graphc.codegen.gemm.routine import Routine
from graphc.codegen.llvm.writer import Operand
from graphc.codegen.nest.elements import ITEMSIZE, is_float
from graphc.records import dataclass

_INFINITY = {16: 0x7C00, 32: 0x7F80_0000, 64: 0x7FF0_0000_0000_0000}


@dataclass(frozen=True)
class Keys:
    """Of an element type.  `apart`: -0 goes before 0, so that a key stands for one value; else they are equal."""

    dtype: str
    descending: bool
    apart: bool

    @property
    def width(self) -> int:
        """Bits of a key."""
        return 8 * ITEMSIZE[self.dtype]

    @property
    def held(self) -> str:
        """The type in which keys are computed with and stored."""
        return "u64" if self.width == 64 else "u32"

    @property
    def bits(self) -> str:
        """The type of an element's bits in memory."""
        return f"u{self.width}"

    @property
    def last(self) -> int:
        """The greatest key."""
        return (1 << self.width) - 1

    def load(self, f: Routine, pointer: Operand, lanes: int = 1, mask: Operand | None = None) -> Operand:
        return self.of(f, f.b.cast(f.load(pointer, self.bits, lanes, mask), self.held))

    def of(self, f: Routine, x: Operand) -> Operand:
        """The key of an element's bits."""
        b, sign = f.b, 1 << (self.width - 1)
        if self.dtype == "bool":
            key = b.select(b.ne(x, 0), b.const(1, x), 0)
        elif self.dtype[0] == "u":
            key = x
        elif self.dtype[0] == "i":
            key = b.xor(x, sign)
        else:
            key = self._of_float(f, x, sign)
        return b.xor(key, self.last) if self.descending else key

    def _of_float(self, f: Routine, x: Operand, sign: int) -> Operand:
        b = f.b
        is_nan = b.gt(b.and_(x, sign - 1), _INFINITY[self.width])
        if not self.apart:
            x = b.select(b.eq(x, sign), b.const(0, x), x)
        key = b.xor(x, b.select(b.ge(x, sign), b.const(self.last, x), sign))
        return b.select(is_nan, b.const(self.last, x), key)

    def value(self, f: Routine, key: Operand) -> Operand:
        """The bits of the element, to be stored."""
        b, sign = f.b, 1 << (self.width - 1)
        if self.descending:
            key = b.xor(key, self.last)
        if self.dtype[0] == "i":
            key = b.xor(key, sign)
        elif is_float(self.dtype):
            key = b.xor(key, b.select(b.ge(key, sign), b.const(sign, key), self.last))
        return b.cast(key, self.bits)
