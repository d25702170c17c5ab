"""Heapsort: slow, but in place and in a time that no order of the keys can change.

Williams, "Algorithm 232: Heapsort", and Floyd, "Algorithm 245: Treesort 3" (both 1964).
"""

from __future__ import annotations

from graphc.codegen.gemm.routine import Routine
from graphc.codegen.library.elements import at
from graphc.codegen.llvm.emit_loop import write_loop
from graphc.codegen.llvm.writer import Operand
from graphc.records import dataclass


@dataclass(frozen=True)
class Heap:
    """In an array of numbers, none of which is NaN."""

    f: Routine
    keys: Operand
    word: str

    def sort(self, count: Operand) -> None:
        """First every inner node sinks, from the last one up; then the top and the last leaf change places."""
        f, b = self.f, self.f.b
        nodes = f.div(count, 2)

        def one(turn: Operand) -> None:
            builds = f.less(turn, nodes)
            start = b.select(builds, f.sub(f.sub(nodes, 1), turn), f.number(0))
            end = b.select(builds, count, f.sub(f.sub(count, 1), f.sub(turn, nodes)))
            place = self.place(b.select(builds, start, end))
            key, top = f.load(place, self.word, 1), f.load(self.keys, self.word, 1)
            f.store(b.select(builds, key, top), place)
            self.sink(key, start, end)

        f.each(0, f.add(nodes, f.sub(count, 1)), one)

    def sink(self, key: Operand, start: Operand, end: Operand) -> None:
        """Put a key where no child is greater; greater children move up."""
        f, b = self.f, self.f.b

        def once(values: list[Operand]) -> tuple[list[Operand], Operand]:
            (node,) = values
            left = self.child(node)
            right = f.least(f.add(left, 1), f.sub(end, 1))
            x, y = (f.load(self.place(k), self.word, 1) for k in (left, right))
            is_right = b.lt(x, y)
            greater = b.select(is_right, y, x)
            sinks = b.lt(key, greater)
            f.store(b.select(sinks, greater, key), self.place(node))
            node = b.select(sinks, b.select(is_right, right, left), node)
            return [node], b.and_(sinks, f.less(self.child(node), end))

        (node,) = write_loop(b, f.less(self.child(start), end), [start], once)
        f.store(key, self.place(node))

    def child(self, node: Operand) -> Operand:
        return self.f.add(self.f.mul(node, 2), 1)

    def place(self, node: Operand) -> Operand:
        return at(self.f, self.keys, self.word, node)
