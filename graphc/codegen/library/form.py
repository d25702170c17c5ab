"""Records: what a sort moves, and what is left of it in the result."""

from __future__ import annotations

from graphc.codegen.gemm.routine import Routine
from graphc.codegen.library.keys import Keys
from graphc.codegen.llvm.writer import Operand
from graphc.codegen.nest.elements import ITEMSIZE
from graphc.records import dataclass

Record = tuple[Operand, ...]


@dataclass(frozen=True)
class Form:
    """What is moved: keys alone, or with positions; where both fit one word, the key is its upper half."""

    keys: Keys
    positions: bool

    @property
    def words(self) -> tuple[str, ...]:
        if not self.positions:
            return (self.keys.held,)
        return ("u64",) if self.is_packed else ("u64", "u64")

    @property
    def is_packed(self) -> bool:
        return self.positions and self.keys.width <= 32

    @property
    def size(self) -> int:
        """Bytes of a record."""
        return sum(ITEMSIZE[w] for w in self.words)

    def record(self, f: Routine, key: Operand, position: Operand) -> Record:
        if not self.positions:
            return (key,)
        if self.is_packed:
            return (f.b.or_(f.b.shl(f.b.cast(key, "u64"), 32), f.b.cast(position, "u64")),)
        return key, f.b.cast(position, "u64")

    def load(self, f: Routine, base: Operand, i: Operand) -> Record:
        start, out, offset = f.offset(base, f.mul(i, self.size)), [], 0
        for w in self.words:
            out.append(f.load(f.offset(start, offset), w, 1))
            offset += ITEMSIZE[w]
        return tuple(out)

    def store(self, f: Routine, record: Record, base: Operand, i: Operand) -> None:
        start, offset = f.offset(base, f.mul(i, self.size)), 0
        for w, x in zip(self.words, record, strict=True):
            f.store(x, f.offset(start, offset))
            offset += ITEMSIZE[w]

    def position(self, f: Routine, record: Record) -> Operand:
        whole = f.b.and_(record[0], 0xFFFF_FFFF) if self.is_packed else record[1]
        return f.b.cast(whole, "i64")

    def digit(self, f: Routine, record: Record, low: int, bits: int) -> Operand:
        shifted = f.b.shr(record[0], low + (32 if self.is_packed else 0))
        return f.b.cast(f.b.and_(shifted, (1 << bits) - 1), "i64")
