"""Keys divided in place, from both ends, by vectors: for targets that can store chosen lanes together.

A block of vectors at each end is held in registers, so that there is room at both.  The next block is always read
where there is less room; then either end has room for all of it.  What was held goes last.  What is written was read
just before, so its lines are in the nearest cache: dividing into another array takes twice as long.  Bramas, "A Novel
Hybrid Quicksort Algorithm Vectorized using AVX-512" (2017).
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.codegen.gemm.routine import Offset, Routine
from graphc.codegen.library.elements import at
from graphc.codegen.llvm.emit_loop import write_loop
from graphc.codegen.llvm.writer import Operand
from graphc.codegen.nest.elements import ITEMSIZE
from graphc.records import dataclass

VECTORS = 4  # of a block


@dataclass(frozen=True)
class Cuts:
    """Part j has the keys from pivots[j] on that are below pivots[j + 1], and goes from bounds[j] to bounds[j + 1].

    There are up to `widest` parts, a power of two; the outer bounds are given, and pivots 1 .. parts - 1, rising.  What
    has at most `least` keys stays together, in one of its parts.
    """

    bounds: Operand
    pivots: Operand
    parts: Offset
    widest: int
    least: int = 0


@dataclass(frozen=True)
class Division:
    """Of an array of numbers, none of which is NaN."""

    f: Routine
    keys: Operand
    word: str
    lanes: int

    @property
    def block(self) -> int:
        return self.lanes * VECTORS

    def by_tree(self, cuts: Cuts) -> None:
        """The middle pivot first, then in each half the middle one of it."""
        f = self.f

        def level(values: list[Operand]) -> tuple[list[Operand], Operand]:
            (step,) = values
            f.each(step, cuts.parts, lambda j: self._cut(cuts, j, step), f.mul(step, 2))
            half = f.div(step, 2)
            return [half], f.less(0, half)

        write_loop(f.b, f.b.number(1, "bool"), [f.number(cuts.widest // 2)], level)

    def _cut(self, cuts: Cuts, j: Operand, step: Operand) -> None:
        f = self.f
        lo = f.load(at(f, cuts.bounds, "i64", f.sub(j, step)), "i64", 1)
        hi = f.load(at(f, cuts.bounds, "i64", f.least(f.add(j, step), cuts.parts)), "i64", 1)
        pivot = f.load(at(f, cuts.pivots, self.word, j), self.word, 1)
        is_long = f.less(cuts.least, f.sub(hi, lo))
        (middle,) = f.changed(is_long, lambda _: [self.divide(lo, hi, pivot)], [lo])
        f.store(middle, at(f, cuts.bounds, "i64", j))

    def divide(self, lo: Operand, hi: Operand, pivot: Operand) -> Operand:
        """Keys below the pivot first; gives where the others begin."""
        f, size, splat = self.f, self.f.sub(hi, lo), self.f.b.spread(pivot, self.lanes)
        first = f.least(size, self.block)
        last = f.b.select(f.less(2 * self.block - 1, size), f.b.number(self.block, "i64"), 0)
        held = [*self._some(lo, first), *self._some(f.sub(hi, last), last)]
        front, back, unread, end = self._blocks([lo, hi, f.add(lo, first), f.sub(hi, last)], splat)
        held += self._some(unread, f.sub(end, unread))
        for key, mask in held:
            front, back = self._put(key, front, back, splat, mask)
        return front

    def _blocks(self, ends: Sequence[Operand], pivot: Operand) -> list[Operand]:
        f, b, block = self.f, self.f.b, self.block

        def step(_: Operand, ends: list[Operand]) -> list[Operand]:
            front, back, unread, end = ends
            is_front = f.less(f.sub(unread, front), f.sub(back, end))
            start = b.select(is_front, unread, f.sub(end, block))
            places = [self._at(f.add(start, v * self.lanes)) for v in range(VECTORS)]
            for key in [f.load(p, self.word, self.lanes) for p in places]:
                front, back = self._put(key, front, back, pivot, None)
            return [front, back, b.select(is_front, f.add(unread, block), unread), b.select(is_front, end, start)]

        return f.loop(0, f.div(f.sub(ends[3], ends[2]), block), 1, step, ends)

    def _some(self, start: Operand, count: Operand) -> list[tuple[Operand, Operand | None]]:
        """Up to a block of keys, with the lanes that are meant."""
        f = self.f
        masks = [f.first_lanes(self.lanes, f.sub(count, v * self.lanes)) for v in range(VECTORS)]
        places = [self._at(f.add(start, v * self.lanes)) for v in range(VECTORS)]
        return [(f.load(p, self.word, self.lanes, m), m) for p, m in zip(places, masks, strict=True)]

    def _put(
        self, key: Operand, front: Operand, back: Operand, pivot: Operand, mask: Operand | None
    ) -> tuple[Operand, Operand]:
        f, b = self.f, self.f.b
        low = b.lt(key, pivot)
        high = b.not_(low)
        if mask is not None:
            low, high = b.and_(low, mask), b.and_(high, mask)
        lower = b.cast(b.count(low), "i64")
        higher = f.sub(self.lanes, lower) if mask is None else b.cast(b.count(high), "i64")
        back = f.sub(back, higher)
        f.store_chosen(key, self._at(front), low, lower)
        f.store_chosen(key, self._at(back), high, higher)
        return f.add(front, lower), back

    def _at(self, index: Operand) -> Operand:
        return at(self.f, self.keys, self.word, index)


def table(f: Routine, dtype: str, count: int) -> Operand:
    """Room on the stack, which lives as long as the call."""
    return f.b.ordered("ptr", 1, f"alloca [{count * ITEMSIZE[dtype]} x i8], align 64")
