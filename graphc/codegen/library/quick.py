"""Quicksort of keys with vectors, for targets that can move chosen lanes together.

A part of the row is divided by the median of a few samples: lower keys go to the front in place, the others beside and
then behind them.  Short parts are sorted by a network.  Bramas, "A Novel Hybrid Quicksort Algorithm Vectorized using
AVX-512" (2017), has the idea.  Where the samples mislead too often, the row is given up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from graphc.codegen.gemm.routine import Routine
from graphc.codegen.library.elements import at
from graphc.codegen.library.network import Network
from graphc.codegen.llvm.emit_loop import write_loop
from graphc.codegen.llvm.types import suffix
from graphc.codegen.llvm.writer import Operand
from graphc.codegen.nest.elements import ITEMSIZE
from graphc.ir.poly import Poly

VECTORS = 8  # that a network sorts
TOGETHER = 4  # vectors divided in one step
PARTS = 64  # that may wait: the smaller part is always done first, so that it has at most half of the rest
PASSES = 64  # over the row, of which a good division takes log2(items)

Test = Callable[[Operand], Operand]


def scratch(count: Poly, word: str, lanes: int) -> Poly:
    """Words of 64 bits: the keys, what is put beside, each with a vector more, and the parts that wait."""
    return 2 * ((_bytes(count, word, lanes) + 7) // 8) + 2 * PARTS


def _bytes(count: Poly, word: str, lanes: int) -> Poly:
    return (count + 2 * lanes) * ITEMSIZE[word]


@dataclass(frozen=True)
class Quick:
    """Sorts `memory`, whose first array holds the keys."""

    f: Routine
    word: str
    lanes: int
    longest: Poly
    memory: Operand

    @property
    def keys(self) -> Operand:
        return self.memory

    @property
    def beside(self) -> Operand:
        return self._after(1)

    @property
    def parts(self) -> Operand:
        return self._after(2)

    def _after(self, arrays: int) -> Operand:
        words = self.f.div(self.f.i.value(_bytes(self.longest, self.word, self.lanes) + 7), 8)
        return self.f.offset(self.memory, self.f.mul(words, 8 * arrays))

    def sort(self, count: Operand) -> Operand:
        """Whether the keys are sorted now."""
        f = self.f
        self.push(f.number(0), f.number(0), count)
        fuel = f.mul(count, PASSES)

        def once(values: list[Operand]) -> tuple[list[Operand], Operand]:
            depth, fuel = values
            depth = f.sub(depth, 1)
            lo, hi = (f.load(self.place(depth, n), "i64", 1) for n in (0, 1))
            size = f.sub(hi, lo)
            short = f.less(size, VECTORS * self.lanes + 1)
            f.when(short, lambda: self.finish(lo, size))
            (depth,) = f.changed(f.b.not_(short), lambda d: [self.divide(lo, hi, d[0])], [depth])
            fuel = f.sub(fuel, size)
            return [depth, fuel], f.b.and_(f.less(0, depth), f.less(0, fuel))

        depth, _ = write_loop(f.b, f.b.number(1, "bool"), [f.number(1), fuel], once)
        return f.less(depth, 1)

    # ------------------------------------------------------------------------------------------------- the parts

    def place(self, depth: Operand, which: int) -> Operand:
        return self.f.offset(self.parts, self.f.add(self.f.mul(depth, 16), 8 * which))

    def push(self, depth: Operand, lo: Operand, hi: Operand) -> None:
        self.f.store(lo, self.place(depth, 0))
        self.f.store(hi, self.place(depth, 1))

    def finish(self, lo: Operand, size: Operand) -> None:
        f, start = self.f, at(self.f, self.keys, self.word, lo)
        none = f.b.number(-1, self.word, self.lanes)

        def place(v: int) -> tuple[Operand, Operand]:
            lane = f.i.iota(self.lanes)
            mask = f.b.lt(lane, f.b.spread(f.sub(size, v * self.lanes), self.lanes))
            return f.offset(start, v * self.lanes * ITEMSIZE[self.word]), mask

        def load(v: int) -> Operand:
            pointer, mask = place(v)
            return f.b.select(mask, f.load(pointer, self.word, self.lanes, mask), none)

        def store(v: int, keys: Operand) -> None:
            pointer, mask = place(v)
            f.store(keys, pointer, mask)

        Network(f, self.lanes).sort_up_to(VECTORS, size, load, store)

    def divide(self, lo: Operand, hi: Operand, depth: Operand) -> Operand:
        """Two parts take the place of one; gives how many wait.  Equals of the least key need no more sorting."""
        f, b = self.f, self.f.b
        pivot = b.spread(self.pivot(lo, hi), self.lanes)
        middle = self.partition(lo, hi, lambda key: b.lt(key, pivot))
        is_least = b.eq(middle, lo)
        (middle,) = f.changed(is_least, lambda _: [self.partition(lo, hi, lambda key: b.le(key, pivot))], [middle])
        first = b.select(is_least, middle, lo)
        left, right = (first, middle), (middle, hi)
        is_left_long = f.less(f.sub(hi, middle), f.sub(middle, first))
        for turn, (x, y) in enumerate(((left, right), (right, left))):
            chosen = [b.select(is_left_long, p, q) for p, q in zip(x, y, strict=True)]
            self.push(f.add(depth, turn), chosen[0], chosen[1])
        return f.add(depth, 2)

    def pivot(self, lo: Operand, hi: Operand) -> Operand:
        """The median of keys that are evenly apart."""
        f, b = self.f, self.f.b
        step = f.div(f.sub(hi, lo), self.lanes)
        where = b.add(b.spread(lo, self.lanes), b.mul(f.i.iota(self.lanes), b.spread(step, self.lanes)))
        places = b.emit("ptr", self.lanes, f"getelementptr i{8 * ITEMSIZE[self.word]}, {self.keys}, {where}", where)
        mask = b.number(1, "bool", self.lanes)
        held = b.number(0, self.word, self.lanes)
        name = f"llvm.masked.gather.{suffix(f'i{8 * ITEMSIZE[self.word]}', self.lanes)}.{suffix('ptr', self.lanes)}"
        b.declare(name, held.type, places.type, "i32 immarg", mask.type, held.type)
        text = f"call {held.type} @{name}({places}, i32 {ITEMSIZE[self.word]}, {mask}, {held.type} poison)"
        (samples,) = Network(f, self.lanes).sort([b.ordered(self.word, self.lanes, text)])
        return b.lane(samples, self.lanes // 2)

    # --------------------------------------------------------------------------------------------- one division

    def partition(self, lo: Operand, hi: Operand, test: Test) -> Operand:
        """Chosen keys first; gives where the others begin."""
        f, size = self.f, self.f.sub(hi, lo)
        block = self.lanes * TOGETHER
        blocks = f.add(lo, f.mul(f.div(size, block), block))
        whole = f.add(lo, f.mul(f.div(size, self.lanes), self.lanes))
        ends = [lo, f.number(0)]
        ends = f.loop(lo, blocks, block, lambda i, e: self.part(i, TOGETHER, e, test), ends)
        ends = f.loop(blocks, whole, self.lanes, lambda i, e: self.part(i, 1, e, test), ends)
        rest = f.b.lt(f.i.iota(self.lanes), f.b.spread(f.sub(hi, whole), self.lanes))
        middle, others = f.changed(f.less(whole, hi), lambda e: self.part(whole, 1, e, test, rest), ends)
        self.copy(middle, others)
        return middle

    def part(
        self, i: Operand, vectors: int, ends: Sequence[Operand], test: Test,
        mask: Operand | None = None,
    ) -> list[Operand]:  # fmt: skip
        """All are read before one is written; what is written past an end in place was read before."""
        f, b = self.f, self.f.b
        places = [at(f, self.keys, self.word, f.add(i, v * self.lanes)) for v in range(vectors)]
        keys = [f.load(p, self.word, self.lanes, mask) for p in places]
        front, beside = ends
        for key in keys:
            chosen = test(key)
            other = b.not_(chosen)
            if mask is not None:
                chosen, other = b.and_(chosen, mask), b.and_(other, mask)
            count = b.cast(b.count(chosen), "i64")
            self.put(self.keys, front, b.compress(key, chosen), None if mask is None else count)
            self.put(self.beside, beside, b.compress(key, other), None)
            total = f.number(self.lanes) if mask is None else b.cast(b.count(mask), "i64")
            front, beside = f.add(front, count), f.add(beside, f.sub(total, count))
        return [front, beside]

    def put(self, base: Operand, end: Operand, keys: Operand, count: Operand | None) -> None:
        f = self.f
        mask = None if count is None else f.b.lt(f.i.iota(self.lanes), f.b.spread(count, self.lanes))
        f.store(keys, at(f, base, self.word, end), mask)

    def copy(self, middle: Operand, count: Operand) -> None:
        """What was put beside goes behind the chosen keys."""
        f = self.f
        target = at(f, self.keys, self.word, middle)
        whole = f.mul(f.div(count, self.lanes), self.lanes)

        def move(i: Operand, mask: Operand | None = None) -> None:
            key = f.load(at(f, self.beside, self.word, i), self.word, self.lanes)
            f.store(key, at(f, target, self.word, i), mask)

        f.each(0, whole, move, self.lanes)
        rest = f.b.lt(f.i.iota(self.lanes), f.b.spread(f.sub(count, whole), self.lanes))
        f.when(f.less(whole, count), lambda: move(whole, rest))
