"""The kernel of a product, with what is fused after it: it stands where a loop nest stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

from graphc.codegen.cluster import Cluster
from graphc.codegen.elements import ITEMSIZE
from graphc.codegen.emit import SHARE, Code, emit
from graphc.codegen.gemm.epilogue import COLUMN, COLUMNS, ROW, ROWS, epilogue
from graphc.codegen.gemm.plan import GemmPlan, plan
from graphc.codegen.gemm.product import PRODUCT, Product, find_product
from graphc.codegen.gemm.registers import registers
from graphc.codegen.gemm.routine import Routine
from graphc.codegen.gemm.walk import Cut, EpilogueCall, Table, Walk
from graphc.codegen.loops import Buffer, Kernel
from graphc.codegen.lower_axes import normalise
from graphc.ir.poly import Poly

PANELS = "panels"
MOST_CHUNKS = 64
GRAIN = 1 << 20  # multiplications that are worth another thread


def product_kernel(cluster: Cluster, features: frozenset[str]) -> ProductKernel | None:
    """The kernel of a cluster that holds a large product of plain f32 or f64 arrays; None for any other."""
    cluster = normalise(cluster)
    found = find_product(cluster)
    if found is None:
        return None
    reduction, product = found
    chosen = plan(product, registers(features))
    after = epilogue(cluster, reduction, product, narrow=chosen.by_columns)
    arrays = tuple(Buffer(n, a.dtype, a.role, alias=a.alias) for n, a in cluster.arrays.items())
    return ProductKernel(cluster.name, product, chosen, after, arrays)


@dataclass(frozen=True)
class ProductKernel:
    """`arrays` are those of the cluster; `epilogue` is a nest over a block of rows, see there."""

    name: str
    product: Product
    plan: GemmPlan
    epilogue: Kernel | None
    arrays: tuple[Buffer, ...]
    dims: tuple[str, ...] = ()

    def __str__(self) -> str:
        text = [f"product {self.name}", f"  {self.product}", *(f"  {s}" for s in str(self.plan).split("\n"))]
        if self.epilogue:
            text += ["  then, for every block of rows:", *(f"  {s}" for s in str(self.epilogue).split("\n"))]
        return "\n".join(text)

    # --------------------------------------------------------------------------------------------------- arrays

    @property
    def cut(self) -> Cut:
        return Cut(self.product, self.plan)

    @property
    def items(self) -> int:
        """Pieces of all matrices of the batch."""
        total = self.plan.pieces
        for extent in self.product.batch:
            total *= extent
        return total

    @property
    def chunks(self) -> int:
        work = self.product.work * self.items // self.plan.pieces
        return max(1, min(MOST_CHUNKS, self.items, work // GRAIN))

    @cached_property
    def buffers(self) -> tuple[Buffer, ...]:
        """The arrays of the cluster, then work: packed operands, a product that is not stored, and the epilogue's."""
        return (*self.arrays, *self._work(), *self._epilogue_work())

    def _work(self) -> Iterator[Buffer]:
        dtype = self.product.dtype
        scratch = max(self.cut.scratch(1), self.chunks * self.cut.scratch(self.plan.pieces))
        if scratch:
            yield Buffer(PANELS, dtype, "work", Poly.of(scratch // ITEMSIZE[dtype]))
        if self.product.c.buffer == PRODUCT:
            count = self.product.m * self.product.n * self.items // self.plan.pieces
            yield Buffer(PRODUCT, dtype, "work", Poly.of(count))

    def _epilogue_work(self) -> Iterator[Buffer]:
        for b in self.epilogue.buffers if self.epilogue else ():
            if b.role == "status":
                yield b
            elif b.role == "work":
                yield Buffer(f"epilogue.{b.name}", b.dtype, "work", Poly.of(self._private(b) * self.chunks))

    def _private(self, b: Buffer) -> int:
        """Elements of a work array of the epilogue for one chunk; whole cache lines."""
        largest = dict.fromkeys(self.epilogue.dims, 0) if self.epilogue else {}
        largest |= {ROW: self.product.m, ROWS: self.product.m, COLUMN: self.product.n, COLUMNS: self.product.n}
        return -(-b.size.evaluate(largest) // 64) * 64

    # ------------------------------------------------------------------------------------------------- emission

    def code(self, features: frozenset[str]) -> Code:
        """The functions of the kernel for a target with these features, those that it was planned for."""
        walk = Walk(f"{self.name}.p0", self.cut, self._table(), self._epilogue_call(), features)
        main, driver = walk.routine(), self._driver(features)
        after = emit(self.epilogue, features) if self.epilogue else None
        declarations = main.declarations.union(*(h.declarations for h in walk.helpers.values()))
        text = [main.text, driver, *([after.text] if after else [])]
        helpers = frozenset(h.text for h in walk.helpers.values())
        return Code(self.name, "\n".join(text), declarations | (after.declarations if after else frozenset()), helpers)

    def _slot(self, name: str) -> int:
        return next(n for n, b in enumerate(self.buffers) if b.name == name)

    def _table(self) -> Table:
        p, scratch = self.product, self.cut.scratch(self.plan.pieces)
        panels = self._slot(PANELS) if self.cut.scratch(1) else None
        return Table(self._slot(p.a.buffer), self._slot(p.b.buffer), self._slot(p.c.buffer), panels, scratch)

    def _epilogue_call(self) -> EpilogueCall | None:
        if self.epilogue is None:
            return None
        words = tuple(self._word(b) for b in self.epilogue.buffers) + self.epilogue.dims
        return EpilogueCall(self.epilogue.name, words)

    def _word(self, b: Buffer) -> tuple[int, int]:
        """The slot of an array of the epilogue, and how far apart the chunks' copies are."""
        if b.role == "work":
            return self._slot(f"epilogue.{b.name}"), self._private(b) * ITEMSIZE[b.dtype]
        return self._slot(self.product.c.buffer if b.name == PRODUCT else b.name), 0

    def _driver(self, features: frozenset[str]) -> str:
        """One chunk where there is one thread: that packs least."""
        f = Routine(self.name, [("words", "ptr"), ("fork", "ptr")], features)
        alone = f.b.emit("bool", 1, "icmp eq ptr %fork, null")
        count = f.b.select(alone, f.b.number(1, "i32"), f.b.number(self.chunks, "i32"))
        f.b.effect(f"call void {SHARE}(ptr %fork, ptr @{self.name}.p0, ptr %words, {count})")
        return f.helper("").text
