"""A product whose pieces all need A packed: for every block of k the threads pack it together, then take pieces.

The functions are told in a table of three words what is to be done: the words of the kernel, which matrix of the batch,
and the first step of k.
"""

from __future__ import annotations

import math

from graphc.codegen.gemm.cut import Cut
from graphc.codegen.gemm.routine import Helper, Offset, Routine
from graphc.codegen.gemm.tiles import Block
from graphc.codegen.gemm.walk import Frame, Walk
from graphc.codegen.llvm.emit import SHARE
from graphc.codegen.llvm.writer import Operand

WORDS, MATRIX, STEP = range(3)


def functions(name: str, cut: Cut, frame: Frame, features: frozenset[str]) -> tuple[list[Helper], list[Helper]]:
    """The two that threads share, and the helpers that they call."""
    pack = _Told(f"{name}.pack", cut, frame, features).packing()
    multiply = _Told(f"{name}.p0", cut, frame, features).multiplying()
    return [pack[0], multiply[0]], [*pack[1:], *multiply[1:]]


class _Told(Walk):
    def __init__(self, name: str, cut: Cut, frame: Frame, features: frozenset[str]) -> None:
        super().__init__(name, cut, frame, features)
        self.which, self.lo = self.f.word(MATRIX, "i64"), self.f.word(STEP, "i64")
        self.f.given["words"] = self.f.word(WORDS, "ptr")
        self.read_dims()
        self.hi = self.f.least(self.f.add(self.lo, cut.depth), self.f.i.value(cut.product.k))

    def packing(self) -> list[Helper]:
        self.enter(self.which)
        self.pack_a(Block(self.lo, self.f.sub(self.hi, self.lo)), self.chunk, self.chunks)
        return self.helpers()

    def multiplying(self) -> list[Helper]:
        self.open_epilogue()
        self.take(self.which, self.chunk, self.chunks, (self.lo, self.hi))
        return self.helpers()


def rounds(f: Routine, name: str, cut: Cut, parts: Offset, pieces: Offset) -> None:
    """For every matrix and block of k: pack in so many parts, multiply in so many pieces."""
    told = f.b.ordered("ptr", 1, "alloca [3 x i64], align 8")
    f.tell(told, WORDS, f.given["words"])

    def block(k: Operand) -> None:
        f.tell(told, STEP, k)
        for function, count in (("pack", parts), ("p0", pieces)):
            f.b.effect(f"call void {SHARE}(ptr %fork, ptr @{name}.{function}, {told}, {f.number(count)})")

    def matrix(q: Operand) -> None:
        f.tell(told, MATRIX, q)
        f.each(0, f.most(f.i.value(cut.product.k), 1), block, cut.depth)

    f.each(0, math.prod(cut.product.batch), matrix)
