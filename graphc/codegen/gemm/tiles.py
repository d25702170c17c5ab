"""The calls inside a block of a product: pack a tile of A, pack a panel of B, multiply a tile by a panel."""

from __future__ import annotations

from dataclasses import dataclass

from graphc.codegen.gemm.cut import Cut
from graphc.codegen.gemm.micro import Micro, micro
from graphc.codegen.gemm.pack import Pack, form, pack
from graphc.codegen.gemm.product import Matrix
from graphc.codegen.gemm.routine import Helper, Offset, Routine
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
    """`columns` columns from `column`; `begin` is where their part of B, packed or not, begins."""

    columns: int
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

    def packed_a(self, row: Operand, block: Block) -> Operand:
        f = self.f
        return f.offset(self.bases.scratch, f.mul(f.mul(f.sub(row, block.row), block.steps), self.cut.item))

    def packed_b(self, number: Operand, block: Block) -> Operand:
        """Where panel `number` of those that this piece keeps is packed; the only place if they are used once."""
        f = self.f
        start = f.offset(self.bases.scratch, self.cut.bytes_of_a)
        if not self.cut.many_blocks:
            return start
        return f.offset(start, f.mul(f.mul(number, block.steps), self.plan.width * self.cut.item))

    # --------------------------------------------------------------------------------------------------- calls

    def pack_a(self, rows: int, row: Operand, block: Block) -> None:
        a = self.product.a
        source = self.element(self.bases.a, a, row, block.k)
        helper = self.pack(rows, a.row, a.column)
        self.call(helper, source, self.packed_a(row, block), *self.steps(a.row, a.column), block.steps, rows)

    def pack_b(self, panel: Panel, block: Block) -> None:
        b = self.product.b
        source = self.element(self.bases.b, b, block.k, panel.column)
        helper = self.pack(self.plan.width, b.column, b.row)
        self.call(helper, source, panel.begin, *self.steps(b.column, b.row), block.steps, panel.columns)

    def steps(self, lane: int, step: int) -> tuple[int, int]:
        """Strides in bytes."""
        return lane * self.cut.item, step * self.cut.item

    def pack(self, width: int, lane: int, step: int) -> Helper:
        return pack(Pack(self.product.dtype, self.plan.lanes, width, form(lane, step)), self.features)

    def multiply(self, rows: int, row: Operand, panel: Panel, block: Block) -> None:
        c, packed = self.product.c, self.plan.pack_a
        a = self.packed_a(row, block) if packed else self.element(self.bases.a, self.product.a, row, block.k)
        place = self.element(self.bases.c, c, row, panel.column)
        helper = micro(self.micro(rows, panel.columns), self.features)
        self.call(helper, a, panel.begin, place, c.row * self.cut.item, block.steps, self.f.less(0, block.k))

    def micro(self, rows: int, columns: int) -> Micro:
        p, plan = self.product, self.plan
        return Micro(
            dtype=p.dtype,
            lanes=plan.lanes,
            rows=rows,
            vectors=-(-columns // plan.lanes),
            tail=columns % plan.lanes,
            a_row=1 if plan.pack_a else p.a.row,
            a_step=rows if plan.pack_a else p.a.column,
            b_step=plan.width if plan.pack_b else p.b.row,
            padded=plan.pack_b,
            unroll=plan.unroll,
            ahead=plan.ahead,
            touch=plan.touch,
            again=p.k.constant != self.cut.depth,
        )
