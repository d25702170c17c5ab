"""Sorted runs of vectors in memory, merged by Batcher's bitonic network: no branch depends on a key.

What runs of any length need is a few instructions in loops; a network in registers ends each merge.
"""

from __future__ import annotations

from graphc.codegen.gemm.routine import Routine
from graphc.codegen.library.elements import at
from graphc.codegen.library.network import Network
from graphc.codegen.llvm.emit_loop import write_loop
from graphc.codegen.llvm.writer import Operand
from graphc.records import dataclass


@dataclass(frozen=True)
class Merge:
    """Of `memory`; lengths and places are counted in keys, `least` is the length of the first runs."""

    f: Routine
    memory: Operand
    word: str
    lanes: int
    least: int

    def all(self, count: Operand) -> None:
        """Runs become one.  Behind `count` keys there are greatest ones, up to a run of twice any run's length."""
        f = self.f

        def level(values: list[Operand]) -> tuple[list[Operand], Operand]:
            (run,) = values
            f.each(0, f.sub(count, run), lambda start: self.pair(start, run), f.mul(run, 2))
            longer = f.mul(run, 2)
            return [longer], f.less(longer, count)

        write_loop(f.b, f.less(self.least, count), [f.number(self.least)], level)

    def pair(self, start: Operand, run: Operand) -> None:
        """Two neighbours: compared from both ends, then at halved distances."""
        f, end = self.f, self.f.add(start, self.f.mul(run, 2))
        f.each(0, f.div(run, 2), lambda i: self.fold(start, run, i), self.lanes)
        self.halve(start, end, f.div(run, 2))
        f.each(start, end, self.clean, self.least)

    def fold(self, start: Operand, run: Operand, i: Operand) -> None:
        """Vector i of the first run with the last but i of the second, and the other two with one another."""
        f = self.f
        lows = f.add(start, i), f.sub(f.add(start, f.sub(run, self.lanes)), i)
        highs = [f.add(low, run) for low in lows]
        first, second = [self.load(p) for p in lows], [f.b.reverse(self.load(p)) for p in highs]
        for x, y, low, high in zip(first, second[::-1], lows, highs, strict=True):
            self.store_pair(x, y, low, high)

    def halve(self, start: Operand, end: Operand, distance: Operand) -> None:
        f = self.f

        def level(values: list[Operand]) -> tuple[list[Operand], Operand]:
            (far,) = values

            def block(first: Operand) -> None:
                f.each(first, f.add(first, far), lambda i: self.compare(i, f.add(i, far)), self.lanes)

            f.each(start, end, block, f.mul(far, 2))
            half = f.div(far, 2)
            return [half], f.less(self.least - 1, half)

        write_loop(f.b, f.less(self.least - 1, distance), [distance], level)

    def compare(self, low: Operand, high: Operand) -> None:
        self.store_pair(self.load(low), self.load(high), low, high)

    def clean(self, start: Operand) -> None:
        places = [self.f.add(start, n) for n in range(0, self.least, self.lanes)]
        for key, p in zip(Network(self.f, self.lanes).cleaned([self.load(p) for p in places]), places, strict=True):
            self.store(key, p)

    # ------------------------------------------------------------------------------------------------- memory

    def store_pair(self, x: Operand, y: Operand, low: Operand, high: Operand) -> None:
        for key, place in zip(Network(self.f, self.lanes).order.pair(x, y), (low, high), strict=True):
            self.store(key, place)

    def load(self, place: Operand) -> Operand:
        return self.f.load(at(self.f, self.memory, self.word, place), self.word, self.lanes)

    def store(self, key: Operand, place: Operand) -> None:
        self.f.store(key, at(self.f, self.memory, self.word, place))
