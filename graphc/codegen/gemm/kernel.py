"""The kernel of a product, with what is fused after it: it stands where a loop nest stands."""

from __future__ import annotations

import math
from collections.abc import Iterator

from graphc.codegen.gemm import together
from graphc.codegen.gemm.cut import LINE, Cut
from graphc.codegen.gemm.epilogue import COLUMN, COLUMNS, ROW, ROWS, epilogue, is_followed, with_hints
from graphc.codegen.gemm.plan import plan
from graphc.codegen.gemm.product import PRODUCT, find_product, writes
from graphc.codegen.gemm.registers import registers
from graphc.codegen.gemm.routine import Routine
from graphc.codegen.gemm.walk import Call, Frame, Place, Walk
from graphc.codegen.llvm.emit import Code, emit, share
from graphc.codegen.llvm.writer import Operand
from graphc.codegen.lower.axes import normalise
from graphc.codegen.nest.cluster import Cluster
from graphc.codegen.nest.elements import ITEMSIZE
from graphc.codegen.nest.loops import Buffer, Kernel
from graphc.codegen.nest.sharing import overwritable
from graphc.codegen.schedule import schedule
from graphc.ir.poly import Poly
from graphc.records import dataclass, field, replace

TILES, PANELS = "packed.a", "packed.b"
MOST_PARTS = 16
MOST_CHUNKS = 64
GRAIN = 1 << 20  # multiplications that are worth a chunk


def product_kernel(cluster: Cluster, features: frozenset[str]) -> ProductKernel | None:
    """The kernel of a cluster that holds a large product of plain f32 or f64 arrays; None for any other.

    C is where an output is, and is written before all operands have been read; see `ProductKernel.over` for an output
    that shares storage with an input.
    """
    cluster = normalise(cluster)
    found = find_product(cluster)
    if found is None:
        return None
    reduction, product = found
    cut = Cut(product, plan(product, registers(features), is_followed(cluster, reduction, product)))
    nest = epilogue(cluster, reduction, product, narrow=cut.some_columns)
    after = schedule(with_hints(nest) if cut.panel_by_panel else nest) if nest else None
    arrays = tuple(Buffer(n, a.dtype, a.role, alias=a.alias) for n, a in cluster.arrays.items())
    names = product.m.names | product.k.names | (frozenset(after.dims) if after else frozenset())
    dims = sorted(n for n in names if not n.startswith("__"))
    return ProductKernel(cluster.name, cut, after, arrays, tuple(dims), cluster, nest, features)


@dataclass(frozen=True)
class ProductKernel:
    """`arrays` are those of the cluster; `epilogue` is a nest over a block of rows (see there).

    `cluster` and `nest` are what it was made of: the latter is the epilogue before it was scheduled.
    """

    name: str
    cut: Cut
    epilogue: Kernel | None
    arrays: tuple[Buffer, ...]
    dims: tuple[str, ...]
    cluster: Cluster = field(compare=False, repr=False)
    nest: Kernel | None = field(compare=False, repr=False)
    features: frozenset[str] = field(compare=False, repr=False)

    def __str__(self) -> str:
        text = [f"product {self.name}", f"  {self.cut.product}", *_indented(self.cut.plan)]
        if self.epilogue:
            text += ["  then, for every block of rows:", *_indented(self.epilogue)]
        return "\n".join(text)

    @property
    def is_joint(self) -> bool:
        """All threads do one matrix after the other, in several pieces that need a packed A."""
        return self.cut.plan.pieces > 1 and self.cut.plan.pack_a

    @property
    def parts(self) -> int:
        """In how many parts A is packed."""
        assert self.cut.tiles is not None
        return min(self.cut.tiles, MOST_PARTS)

    @property
    def chunks(self) -> int:
        """How many chunks threads share at most; a chunk takes pieces of matrices."""
        product, pieces = self.cut.product, self.cut.plan.pieces
        matrices = math.prod(product.batch)
        if self.cut.tiles is None or self.is_joint:
            return pieces
        return max(1, min(MOST_CHUNKS, matrices * pieces, matrices * product.work // GRAIN))

    def over(self, out: str, place: str) -> ProductKernel | None:
        """The kernel with an output in place of an input; None where an element would be read after it is written.

        Every element of the output is written after the product, once; C is in a work array instead.
        """
        product, arrays = self.cut.product, self.cluster.arrays
        once = all(out != e.place.buffer or e.axes == product.space.axes for e in writes(self.cluster))
        if not once or place in (product.a.buffer, product.b.buffer) or arrays[out].alias:
            return None
        shared = {**arrays, out: replace(arrays[out], alias=place)}
        kernel = product_kernel(replace(self.cluster, arrays=shared), self.features)
        if kernel is None or kernel.nest is None:
            return None
        apart = tuple(replace(b, alias=None) if b.name == out else b for b in kernel.nest.buffers)
        return kernel if (out, place) in overwritable(replace(kernel.nest, buffers=apart)) else None

    # --------------------------------------------------------------------------------------------------- arrays

    @property
    def buffers(self) -> tuple[Buffer, ...]:
        """The arrays of the cluster; then work: packed operands, a product that is not stored, the epilogue's."""
        return (*self.arrays, *self._work(), *self._epilogue_work())

    def _work(self) -> Iterator[Buffer]:
        product, cut = self.cut.product, self.cut
        tiles = cut.bytes_of_a * (1 if self.is_joint else self.chunks)
        panels = cut.bytes_of_b * (1 if cut.one_b else self.chunks)
        for name, size in ((TILES, tiles), (PANELS, panels)):
            if size:
                yield Buffer(name, product.dtype, "work", Poly.of(size // cut.item))
        if product.c.buffer == PRODUCT:
            yield Buffer(PRODUCT, product.dtype, "work", product.m * (math.prod(product.batch) * product.n))

    def _epilogue_work(self) -> Iterator[Buffer]:
        for b in self.epilogue.buffers if self.epilogue else ():
            if b.role == "status":
                yield b
            elif b.role == "work":
                yield Buffer(_inner(b), b.dtype, "work", Poly.of(self._private(b) * self.chunks))

    def _private(self, b: Buffer) -> int:
        """Elements of a work array of the epilogue for one chunk; whole cache lines."""
        assert self.epilogue is not None
        whole = {ROW: 0, ROWS: self.cut.block_rows, COLUMN: 0, COLUMNS: self.cut.product.n}
        return -(-b.elements(dict.fromkeys(self.epilogue.dims, 0) | whole) // LINE) * LINE

    # ------------------------------------------------------------------------------------------------- emission

    def code(self, features: frozenset[str]) -> Code:
        """The functions of the kernel, for the target that it was planned for."""
        if self.is_joint:
            own, called = together.functions(self.name, self.cut, self._frame(), features)
        else:
            first, *called = Walk(f"{self.name}.p0", self.cut, self._frame(), features).share()
            own = [first]
        after = emit(self.epilogue, features) if self.epilogue else Code("", "", frozenset())
        declarations = after.declarations.union(*(h.declarations for h in (*own, *called)))
        text = "\n".join([after.text, *(h.text for h in own), self._driver(features)])
        return Code(self.name, text, declarations, frozenset(h.text for h in called))

    def _frame(self) -> Frame:
        product, cut = self.cut.product, self.cut
        a, b, c = (Place(self._slot(x.buffer)) for x in (product.a, product.b, product.c))
        tiles = self._room(TILES, 0 if self.is_joint else cut.bytes_of_a)
        panel = self._room(PANELS, 0 if cut.one_b else cut.bytes_of_b)
        return Frame(a, b, c, tiles, panel, self._call(), self.dims, len(self.buffers))

    def _room(self, name: str, apart: int) -> Place | None:
        """A work array, if there is one, of which each chunk has a part."""
        has = any(b.name == name for b in self.buffers)
        return Place(self._slot(name), apart) if has else None

    def _call(self) -> Call | None:
        if self.epilogue is None:
            return None
        return Call(self.epilogue.name, (*map(self._place, self.epilogue.buffers), *self.epilogue.dims))

    def _place(self, b: Buffer) -> Place:
        """Where an array of the epilogue is; each chunk has its own work arrays."""
        if b.role == "work":
            return Place(self._slot(_inner(b)), self._private(b) * ITEMSIZE[b.dtype])
        return Place(self._slot(self.cut.product.c.buffer if b.name == PRODUCT else b.name))

    def _slot(self, name: str) -> int:
        return next(n for n, b in enumerate(self.buffers) if b.name == name)

    def _driver(self, features: frozenset[str]) -> str:
        """One chunk where there is one thread: that packs least."""
        f = Routine(self.name, [("words", "ptr"), ("fork", "ptr")], features)
        for n, dim in enumerate(self.dims, len(self.buffers)):
            f.i.env[dim] = f.word(n, "i64")
        alone = f.b.emit("bool", 1, "icmp eq ptr %fork, null")
        count = self._count(f)
        if count.integer != 1:
            count = f.b.select(alone, f.b.number(1, "i64"), count)
        if self.is_joint:
            parts = f.b.select(alone, f.b.number(1, "i32"), f.b.number(self.parts, "i32"))
            together.rounds(f, self.name, self.cut, parts, f.b.cast(count, "i32"))
        else:
            share(f.b, f"@{self.name}.p0", count)
        return f.helper("").text

    def _count(self, f: Routine) -> Operand:
        """How many chunks there are; for a symbolic number of rows, as many as there is work for."""
        if self.cut.tiles is not None:
            return f.number(self.chunks)
        product, plan = self.cut.product, self.cut.plan
        work = f.div(f.i.value(product.m * product.k * product.n), GRAIN)
        rows = f.number(self.chunks) if plan.by_columns else f.div(f.i.value(product.m), plan.least_rows)
        return f.most(f.least(f.least(rows, work), self.chunks), 1)


def _inner(b: Buffer) -> str:
    """The name under which the kernel plans a work array of its epilogue."""
    return f"epilogue.{b.name}"


def _indented(text: object) -> list[str]:
    return [f"  {line}" for line in str(text).split("\n")]
