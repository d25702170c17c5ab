"""Long rows, when there are few: each is cut in pieces, and done in several stages, one after the other.

In how many pieces depends on the shape alone.  On one thread rows are done whole where that gives the same bits.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from graphc.codegen.gemm.routine import Routine
from graphc.codegen.llvm.writer import Operand
from graphc.codegen.nest.chunk import Chunk
from graphc.ir.poly import Poly
from graphc.records import dataclass

FEW = 16  # rows from which on threads have enough to do without cutting them


@dataclass(frozen=True)
class Part:
    """What a stage works on: a piece of a row.  `arrays` are whole, the last one is the result.

    `shared`: memory that all pieces and stages of a row see.
    """

    row: Operand
    piece: Operand
    pieces: Operand
    arrays: Sequence[Operand]
    shared: Operand


@dataclass(frozen=True)
class Stage:
    """`write` is the code for a part.  All pieces are done at the same time, or it is done once."""

    write: Callable[[Routine, Part], None]
    once: bool = False


@dataclass(frozen=True)
class Split:
    """`shared` counts words of 64 bits."""

    rows: Poly
    chunk: Chunk
    shared: Poly
    stages: tuple[Stage, ...]

    @property
    def is_sure(self) -> bool:
        return self.chunk.extent.constant is not None and self.has_few is True and self.chunk.pieces > 1

    @property
    def is_possible(self) -> bool:
        return self.has_few is not False and self.chunk.pieces > 1

    @property
    def has_few(self) -> bool | None:
        """Whether there are few rows; None where only a call can tell."""
        return None if self.rows.constant is None else self.rows.constant < FEW

    def applies(self, f: Routine) -> Operand:
        few = f.less(f.i.value(self.rows), FEW)
        many = f.less(1, f.i.count(self.chunk))
        return few if many.text == "true" else many if few.text == "true" else f.b.and_(few, many)
