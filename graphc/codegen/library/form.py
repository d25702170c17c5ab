"""Records: what a sort moves, and what is left of it in the result."""

from __future__ import annotations

from graphc.codegen.gemm.routine import Offset, Routine
from graphc.codegen.library.elements import at, lanes_of
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
    def result(self) -> str:
        """The type of a result in memory."""
        return "i64" if self.positions else self.keys.bits

    @property
    def fits(self) -> bool:
        """Records can lie where results go."""
        return self.size == ITEMSIZE[self.result]

    @property
    def title(self) -> str:
        kind = "positions" if self.positions else "values"
        return f"{self.keys.dtype}.{kind}.{'down' if self.keys.descending else 'up'}"

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

    def take(self, f: Routine, source: Operand, i: Operand, lanes: int = 1, mask: Operand | None = None) -> Operand:
        """The records, of one word, of elements from number i on."""
        key = self.keys.load(f, at(f, source, self.keys.bits, i), lanes, mask)
        places = f.b.add(f.b.spread(i, lanes), f.i.iota(lanes)) if lanes > 1 else i
        return self.record(f, key, places)[0]

    def take_all(self, f: Routine, source: Operand, target: Operand, lo: Offset, hi: Offset) -> None:
        lanes, word = lanes_of(self.words[0]), self.words[0]

        def some(i: Operand) -> None:
            mask = f.first_lanes(lanes, f.sub(hi, i))
            f.store(self.take(f, source, i, lanes, mask), at(f, target, word, i), mask)

        f.each(lo, hi, some, lanes)

    def again(self, f: Routine, source: Operand, results: Operand, k: Operand) -> Operand:
        """The record of a result."""
        if not self.positions:
            return self.take(f, results, k)
        return self.take(f, source, f.load(at(f, results, "i64", k), "i64", 1))

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

    def value(self, f: Routine, record: Operand) -> Operand:
        """What is stored for a record of one word."""
        return self.position(f, (record,)) if self.positions else self.keys.value(f, record)

    def digit(self, f: Routine, record: Record, low: int, bits: int) -> Operand:
        shifted = f.b.shr(record[0], low + (32 if self.is_packed else 0))
        return f.b.cast(f.b.and_(shifted, (1 << bits) - 1), "i64")
