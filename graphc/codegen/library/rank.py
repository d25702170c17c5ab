"""Ranks by counting: of each key, how many go before it.  For short rows nothing is faster, and it is stable."""

from __future__ import annotations

from collections.abc import Callable

from graphc.codegen.gemm.routine import Offset, Routine
from graphc.codegen.library.elements import at
from graphc.codegen.llvm.types import suffix
from graphc.codegen.llvm.writer import Operand
from graphc.codegen.nest.elements import ITEMSIZE
from graphc.records import dataclass


@dataclass(frozen=True)
class Ranks:
    """Keys in memory, followed by a vector of greatest keys."""

    f: Routine
    keys: Operand
    held: str
    lanes: int

    def finish(self, count: Offset, last: int) -> None:
        """Write what has to follow the keys."""
        self.f.store(self.f.b.number(last, self.held, self.lanes), at(self.f, self.keys, self.held, count))

    def each(self, count: Offset, take: Callable[[Operand, Operand, Operand], None]) -> None:
        """take(index, key, rank) for vectors of keys; past the end the rank is not below any count."""

        def block(i: Operand) -> None:
            f, key = self.f, self.f.load(at(self.f, self.keys, self.held, i), self.held, self.lanes)
            rank = self.rank(i, key, count)
            lane = f.i.iota(self.lanes, self.held)
            inside = f.b.lt(lane, f.b.spread(f.b.cast(f.least(f.sub(count, i), self.lanes), self.held), self.lanes))
            take(i, key, f.b.select(inside, rank, f.b.const(-1, rank)))

        self.f.each(0, count, block, self.lanes)

    def rank(self, i: Operand, key: Operand, count: Offset) -> Operand:
        """Before the vector equals count too; in it, those in lanes further left."""
        f, b = self.f, self.f.b
        zero = b.number(0, self.held, self.lanes)

        def counted(total: Operand, before: Operand) -> Operand:
            return b.add(total, b.cast(before, self.held))

        (rank,) = f.loop(0, i, 1, lambda j, r: [counted(r[0], b.le(self.one(j), key))], [zero])
        for lane in range(self.lanes):
            left = b.vector([lane < n for n in range(self.lanes)], "bool")
            other = b.shuffle(key, [lane] * self.lanes)
            rank = counted(rank, b.select(left, b.le(other, key), b.lt(other, key)))
        (rank,) = f.loop(f.add(i, self.lanes), count, 1, lambda j, r: [counted(r[0], b.lt(self.one(j), key))], [rank])
        return rank

    def one(self, j: Operand) -> Operand:
        """A key in all lanes."""
        return self.f.b.spread(self.f.load(at(self.f, self.keys, self.held, j), self.held, 1), self.lanes)


def scatter(f: Routine, value: Operand, base: Operand, index: Operand, mask: Operand) -> None:
    """base[index] = value, in the lanes of the mask."""
    item = value.type.split("x ")[1].rstrip(">")
    places = f.b.emit("ptr", value.lanes, f"getelementptr {item}, {base}, {index}", base, index)
    name = f"llvm.masked.scatter.{suffix(item, value.lanes)}.{suffix('ptr', value.lanes)}"
    f.b.declare(name, "void", value.type, places.type, "i32 immarg", mask.type)
    f.b.effect(f"call void @{name}({value}, {places}, i32 {ITEMSIZE[value.dtype]}, {mask})")
