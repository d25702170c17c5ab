"""The kernel of one library operation: it stands where a loop nest stands.

All operands are contiguous arrays.  The work is cut into chunks of rows, as many as the shape says, never the number of
threads; each has scratch of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from graphc.codegen.gemm.routine import Helper, Routine
from graphc.codegen.library.scan import Scan
from graphc.codegen.library.sort import Sort
from graphc.codegen.library.split import Part, Split
from graphc.codegen.library.top_k import TopK
from graphc.codegen.lift import buffer_name
from graphc.codegen.llvm.emit import SHARE, Code
from graphc.codegen.llvm.writer import Operand
from graphc.codegen.nest.chunk import Chunk
from graphc.codegen.nest.elements import ITEMSIZE
from graphc.codegen.nest.loops import ZERO, Buffer
from graphc.ir.node import Node
from graphc.ir.poly import Poly
from graphc.passes.access import storage
from graphc.passes.fuse import Fusion, Group
from graphc.records import dataclass

SCRATCH, SHARED = "scratch", "shared"
WORDS, ROW = range(2)  # what a stage is told
PIECE = (("words", "ptr"), ("c", "i32"), ("count", "i32"))


class Body(Protocol):
    """What an operation does."""

    @property
    def chunk(self) -> Chunk:
        """The rows, and what they cost."""

    @property
    def scratch(self) -> Poly:
        """Words of 64 bits that one chunk works in."""

    @property
    def helpers(self) -> Sequence[Helper]:
        """Functions that the code calls."""

    @property
    def split(self) -> Split | None:
        """How few long rows are done."""

    def write(self, f: Routine, rows: tuple[Operand, Operand], arrays: Sequence[Operand], scratch: Operand) -> None:
        """The code for a range of rows; the last array is the result."""


_BODIES: dict[str, Callable[[Node, frozenset[str]], Body]] = {
    **dict.fromkeys(("cumsum", "cumprod", "cummax", "cummin", "recurrence"), Scan.of),
    **dict.fromkeys(("sort", "argsort"), Sort.of),
    "top_k": TopK.of,
}


def library_kernel(fusion: Fusion, group: Group, features: frozenset[str]) -> LibraryKernel:
    """The kernel of a group that is one operation of the library."""
    (node,) = group.nodes
    operands = [storage(v, fusion.anchors) for v in node.inputs]
    arrays = {buffer_name(v): Buffer(buffer_name(v), v.dtype, "in") for v in operands}
    arrays[buffer_name(node.out)] = Buffer(buffer_name(node.out), node.out.dtype, "out")
    slots = tuple(list(arrays).index(buffer_name(v)) for v in (*operands, node.out))
    return LibraryKernel(
        group.name, node, tuple(arrays.values()), slots, _BODIES[node.op.name](node, features), features
    )


@dataclass(frozen=True)
class LibraryKernel:
    """`arrays` are the operands, each once, and the result; `slots` says which of them each operand is."""

    name: str
    node: Node
    arrays: tuple[Buffer, ...]
    slots: tuple[int, ...]
    body: Body
    features: frozenset[str]

    @property
    def buffers(self) -> tuple[Buffer, ...]:
        return (*self.arrays, *self._work())

    def _work(self) -> Iterator[Buffer]:
        if self.body.scratch != ZERO:
            yield Buffer(SCRATCH, "u64", "work", self.body.scratch, chunk=self.body.chunk)
        if split := self.split:
            yield Buffer(SHARED, "u64", "work", split.shared)

    @property
    def split(self) -> Split | None:
        split = self.body.split
        return split if split and split.is_possible else None

    @property
    def dims(self) -> tuple[str, ...]:
        body = self.body
        extents = [Poly.of(e) for v in (*self.node.inputs, self.node.out) for e in v.shape]
        polys = (body.chunk.extent, body.chunk.work, body.scratch, *extents)
        return tuple(sorted(frozenset[str]().union(*(p.names for p in polys))))

    def __str__(self) -> str:
        operands = ", ".join(str(v.type) for v in self.node.inputs)
        attributes = "".join(f", {k}={v}" for k, v in self.node.attrs.items())
        head = f"library {self.name}\n  {self.node.out.type} = {self.node.op.name}({operands}{attributes})"
        cut = f", or each in up to {self.split.chunk.pieces}" if self.split else ""
        return f"{head}\n  {self.body}, {self.body.chunk.extent} rows in up to {self.body.chunk.pieces} pieces{cut}"

    def over(self, out: str, place: str) -> LibraryKernel | None:
        """None: it writes before all is read."""
        return None

    # ------------------------------------------------------------------------------------------------- emission

    def code(self, features: frozenset[str]) -> Code:
        """The functions of pieces, and the one that shares them out; for the target that the kernel was made for."""
        pieces = [self._rows(), *self._stages()]
        own, used = [*pieces, self._driver()], self.body.helpers
        declarations = frozenset[str]().union(*(h.declarations for h in (*own, *used)))
        return Code(self.name, "\n".join(h.text for h in own), declarations, frozenset(h.text for h in used))

    def _read_dims(self, f: Routine) -> None:
        for n, dim in enumerate(self.dims, len(self.buffers)):
            f.i.env[dim] = f.word(n, "i64")

    def _slot(self, name: str) -> int:
        return next(n for n, b in enumerate(self.buffers) if b.name == name)

    def _operands(self, f: Routine) -> list[Operand]:
        held = [f.word(n, "ptr") for n in range(len(self.arrays))]
        return [held[k] for k in self.slots]

    def _rows(self) -> Helper:
        """A chunk of rows."""
        f, body = Routine(f"{self.name}.p0", PIECE, self.features), self.body
        self._read_dims(f)
        c, count = (f.b.cast(f.given[n], "i64") for n in ("c", "count"))
        scratch = f.number(0)
        if body.scratch != ZERO:
            size = f.mul(f.i.value(body.scratch), ITEMSIZE["u64"])
            scratch = f.offset(f.word(self._slot(SCRATCH), "ptr"), f.mul(c, size))
        body.write(f, f.i.bounds(body.chunk, c, count), self._operands(f), scratch)
        return f.helper()

    def _stages(self) -> Iterator[Helper]:
        """A piece of a row; the function is told the words of the kernel, and which row."""
        split = self.split
        if not split:
            return
        for n, stage in enumerate(split.stages):
            f = Routine(f"{self.name}.s{n}", PIECE, self.features)
            row = f.word(ROW, "i64")
            f.given["words"] = f.word(WORDS, "ptr")
            self._read_dims(f)
            piece, pieces = f.b.cast(f.given["c"], "i64"), f.i.count(split.chunk)
            stage.write(f, Part(row, piece, pieces, self._operands(f), f.word(self._slot(SHARED), "ptr")))
            yield f.helper()

    def _driver(self) -> Helper:
        f = Routine(self.name, [("words", "ptr"), ("fork", "ptr")], self.features)
        self._read_dims(f)
        split = self.split
        applies = f.b.number(0, "bool")
        if split:
            has_threads = f.b.emit("bool", 1, "icmp ne ptr %fork, null")
            applies = f.b.and_(split.applies(f), has_threads) if not split.is_sure else has_threads
        rows = f.i.count(self.body.chunk)
        f.when(f.b.not_(applies), lambda: self._share(f, "p0", "%words", rows))
        if split:
            told = f.b.ordered("ptr", 1, "alloca [2 x i64], align 8")
            f.tell(told, WORDS, f.given["words"])
            f.when(applies, lambda: f.each(0, f.i.value(split.rows), lambda row: self._row(f, split, told, row)))
        return f.helper("")

    def _row(self, f: Routine, split: Split, told: Operand, row: Operand) -> None:
        f.tell(told, ROW, row)
        for n, stage in enumerate(split.stages):
            self._share(f, f"s{n}", told.text, f.number(1) if stage.once else f.i.count(split.chunk))

    def _share(self, f: Routine, part: str, words: str, count: Operand) -> None:
        f.b.effect(f"call void {SHARE}(ptr %fork, ptr @{self.name}.{part}, ptr {words}, {f.b.cast(count, 'i32')})")
