"""The calls inside a block of a product: pack a tile of A, pack a panel of B, multiply a tile by a panel."""

from __future__ import annotations

from dataclasses import dataclass

from graphc.codegen.gemm.cut import Cut
from graphc.codegen.gemm.micro import Micro, micro
from graphc.codegen.gemm.pack import Pack, pack
from graphc.codegen.gemm.product import Matrix
from graphc.codegen.gemm.routine import Helper, Offset, Routine
from graphc.codegen.gemm.rows import Tile
from graphc.codegen.writer import Operand


@dataclass(frozen=True)
class Bases:
    """Where the three matrices of one product begin, and the room for packed operands."""

    a: Operand
    b: Operand
    c: Operand
    scratch: Operand


@dataclass(frozen=True)
class Block:
    """Tiles lo to hi, the first of them at `row`; `steps` steps from `k`."""

    lo: Operand
    hi: Operand
    row: Operand
    k: Operand
    steps: Operand


@dataclass(frozen=True)
class Panel:
    """`columns` columns from `column`, in `vectors`; `begin` is where their part of B, packed or not, begins."""

    vectors: int
    columns: Operand
    column: Operand
    begin: Operand


class Tiles:
    """Writes calls into a routine and collects the functions that they call."""

    def __init__(self, f: Routine, cut: Cut, bases: Bases, features: frozenset[str]) -> None:
        self.f, self.cut, self.bases, self.features = f, cut, bases, features
        self.product, self.plan = cut.product, cut.plan
        self.helpers: dict[str, Helper] = {}

    def call(self, helper: Helper, *args: Offset) -> None:
        self.helpers[helper.name] = helper
        self.f.call(helper.name, *args)

    # ------------------------------------------------------------------------------------------------ addresses

    def element(self, base: Operand, x: Matrix, row: Offset, column: Offset) -> Operand:
        """The address of an element of a matrix that begins at `base`."""
        f, item = self.f, self.cut.item
        return f.offset(base, f.add(f.mul(row, x.row * item), f.mul(column, x.column * item)))

    def packed_a(self, tile: Tile, block: Block) -> Operand:
        f, number = self.f, self.f.sub(tile.number, block.lo)
        return f.offset(self.bases.scratch, f.mul(f.mul(number, block.steps), self.plan.rows * self.cut.item))

    def packed_b(self, number: Operand, block: Block) -> Operand:
        """Where panel `number` of those that this piece keeps is packed; the only place if they are used once."""
        f = self.f
        start = f.offset(self.bases.scratch, self.cut.bytes_of_a)
        if not self.cut.many_blocks:
            return start
        return f.offset(start, f.mul(f.mul(number, block.steps), self.plan.width * self.cut.item))

    # --------------------------------------------------------------------------------------------------- calls

    def pack_a(self, tile: Tile, block: Block) -> None:
        a = self.product.a
        source = self.element(self.bases.a, a, tile.row, block.k)
        self.pack(self.plan.rows, a.row, a.column, source, self.packed_a(tile, block), block.steps, tile.count)

    def pack_b(self, panel: Panel, block: Block) -> None:
        b = self.product.b
        source = self.element(self.bases.b, b, block.k, panel.column)
        self.pack(self.plan.width, b.column, b.row, source, panel.begin, block.steps, panel.columns)

    def pack(
        self, width: int, lane: int, step: int, source: Operand, target: Operand, steps: Operand, count: Operand
    ) -> None:
        helper = pack(Pack.of(self.product.dtype, self.plan.lanes, width, lane, step), self.features)
        item = self.cut.item
        self.call(helper, source, target, lane * item, step * item, steps, count, width)

    def multiply(self, tile: Tile, panel: Panel, block: Block) -> None:
        p, f = self.product, self.f
        a = self.packed_a(tile, block) if self.plan.pack_a else self.element(self.bases.a, p.a, tile.row, block.k)
        c = self.element(self.bases.c, p.c, tile.row, panel.column)
        b_step = self.plan.width if self.plan.pack_b else p.b.row
        strides = [x * self.cut.item for x in (p.a.row, p.a.column, b_step, p.c.row)]
        helper = micro(self.micro(panel.vectors), self.features)
        self.call(helper, a, panel.begin, c, *strides, block.steps, tile.count, panel.columns, f.less(0, block.k))

    def micro(self, vectors: int) -> Micro:
        p, plan = self.product, self.plan
        return Micro(
            dtype=p.dtype,
            lanes=plan.lanes,
            rows=plan.rows,
            vectors=vectors,
            sure=self.cut.sure_rows,
            edge=bool(p.n % plan.lanes) and vectors == self.cut.last_vectors,
            packed_a=plan.pack_a,
            packed_b=plan.pack_b,
            unroll=plan.unroll,
            ahead=plan.ahead,
            touch=plan.touch,
            again=p.k.constant != self.cut.depth,
        )
