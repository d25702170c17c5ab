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

SCRATCH = "scratch"


class Body(Protocol):
    """What an operation does."""

    @property
    def chunk(self) -> Chunk:
        """The rows, and what they cost."""

    @property
    def scratch(self) -> Poly:
        """Words of 64 bits that one chunk works in."""

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
        return f"{head}\n  {self.body}, {self.body.chunk.extent} rows in up to {self.body.chunk.pieces} pieces"

    def over(self, out: str, place: str) -> LibraryKernel | None:
        """None: it writes before all is read."""
        return None

    # ------------------------------------------------------------------------------------------------- emission

    def code(self, features: frozenset[str]) -> Code:
        """The function of a chunk, and the one that shares chunks out; for the target that the kernel was made for."""
        f = self._routine(f"{self.name}.p0", [("words", "ptr"), ("c", "i32"), ("count", "i32")])
        self._chunk(f)
        piece, driver = f.helper(), self._driver()
        text = "\n".join([piece.text, driver.text])
        helpers = getattr(self.body, "helpers", [])
        declarations = piece.declarations | driver.declarations
        for h in helpers:
            declarations |= h.declarations
        return Code(self.name, text, declarations, frozenset(h.text for h in helpers))

    def _routine(self, name: str, parameters: Sequence[tuple[str, str]]) -> Routine:
        f = Routine(name, parameters, self.features)
        for n, dim in enumerate(self.dims, len(self.buffers)):
            f.i.env[dim] = f.word(n, "i64")
        return f

    def _chunk(self, f: Routine) -> None:
        body = self.body
        c, count = (f.b.cast(f.given[n], "i64") for n in ("c", "count"))
        held = [f.word(n, "ptr") for n in range(len(self.arrays))]
        scratch = f.number(0)
        if body.scratch != ZERO:
            size = f.mul(f.i.value(body.scratch), ITEMSIZE["u64"])
            scratch = f.offset(f.word(len(self.arrays), "ptr"), f.mul(c, size))
        body.write(f, f.i.bounds(body.chunk, c, count), [held[k] for k in self.slots], scratch)

    def _driver(self) -> Helper:
        f = self._routine(self.name, [("words", "ptr"), ("fork", "ptr")])
        count = f.b.cast(f.i.count(self.body.chunk), "i32")
        f.b.effect(f"call void {SHARE}(ptr %fork, ptr @{self.name}.p0, ptr %words, {count})")
        return f.helper("")
