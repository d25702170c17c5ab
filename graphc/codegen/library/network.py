"""Sorting networks in registers: some vectors of keys, in order at once.

Batcher, "Sorting Networks and Their Applications" (1968): runs are merged by comparing their items from both ends, then
at halved distances.  Key number i lies in vector i modulo their number, so that near neighbours are in different
vectors, which are compared without moving lanes; at the end they are woven into rows.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from graphc.codegen.gemm.routine import Routine
from graphc.codegen.library.order import Order
from graphc.codegen.llvm.writer import Operand
from graphc.records import dataclass


@dataclass(frozen=True)
class Network:
    """For keys of one type."""

    f: Routine
    lanes: int

    @property
    def order(self) -> Order:
        return Order(self.f.b)

    def sort(self, keys: list[Operand]) -> list[Operand]:
        """Vectors, a power of two of them, in order from the first lane of the first to the last of the last."""
        run = 2
        while run <= len(keys) * self.lanes:
            keys = self.compared(keys, run - 1, run // 2)
            distance = run // 4
            while distance:
                keys = self.compared(keys, distance, distance)
                distance //= 2
            run *= 2
        return self.woven(keys)

    def compared(self, keys: list[Operand], change: int, top: int) -> list[Operand]:
        """Keys i and i ^ change in order; `top` is the bit by which the lower index of a pair is known."""
        count = len(keys)
        across, within = change % count, change // count
        out = list(keys)
        if top >= count:
            for v, key in enumerate(keys):
                out[v] = self.order.either(key, self.swapped(keys[v ^ across], within), self.lacking(top // count))
            return out
        for v in (v for v in range(count) if not v & top):
            low, high = self.order.pair(keys[v], self.swapped(keys[v ^ across], within))
            out[v], out[v ^ across] = low, self.swapped(high, within)
        return out

    def swapped(self, key: Operand, change: int) -> Operand:
        return self.f.b.shuffle(key, [k ^ change for k in range(self.lanes)]) if change else key

    def lacking(self, bit: int) -> list[bool]:
        """The lanes without the bit."""
        return [not k & bit for k in range(self.lanes)]

    def cleaned(self, keys: list[Operand]) -> list[Operand]:
        """Vectors that rise and then fall, lane after lane, in order."""
        distance = len(keys) // 2
        while distance:
            for v in (v for v in range(len(keys)) if not v & distance):
                keys[v], keys[v + distance] = self.order.pair(keys[v], keys[v + distance])
            distance //= 2
        distance = self.lanes // 2
        while distance:
            keys = [self.order.either(k, self.swapped(k, distance), self.lacking(distance)) for k in keys]
            distance //= 2
        return keys

    def woven(self, keys: list[Operand]) -> list[Operand]:
        """Each round moves a bit of the vector's number to the lanes."""
        half = self.lanes // 2
        for _ in range(len(keys).bit_length() - 1):
            pairs = zip(keys[: len(keys) // 2], keys[len(keys) // 2 :], strict=True)
            keys = [self.f.blend(x, y, picks) for x, y in pairs for picks in (self.zip(0), self.zip(half))]
        return keys

    def zip(self, start: int) -> list[int]:
        return [start + k // 2 + (k % 2) * self.lanes for k in range(self.lanes)]

    def sort_up_to(
        self, most: int, count: Operand, load: Callable[[int], Operand], store: Callable[[int, Operand], None],
        least: int = 1,
    ) -> None:  # fmt: skip
        """Sort up to `most` vectors; load(v) has greatest keys past the end, where store(v, keys) writes none."""

        def whole(vectors: int) -> None:
            for v, keys in enumerate(self.sort([load(v) for v in range(vectors)])):
                store(v, keys)

        f, vectors = self.f, least
        while vectors <= most:
            fits = f.less(count, vectors * self.lanes + 1)
            fills = f.less(vectors * self.lanes // 2 if vectors > least else 0, count)
            f.when(_both(f, fits, fills), partial(whole, vectors))
            vectors *= 2


def _both(f: Routine, x: Operand, y: Operand) -> Operand:
    if x.is_constant:
        return y if x.text == "true" else x
    return x if y.is_constant and y.text == "true" else f.b.and_(x, y)
