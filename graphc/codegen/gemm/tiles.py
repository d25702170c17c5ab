"""The calls inside a block of a product: pack a tile of A, pack a panel of B, multiply a tile by a panel."""

from __future__ import annotations

from graphc.codegen.gemm.cut import Cut
from graphc.codegen.gemm.dot import Dot, dot
from graphc.codegen.gemm.micro import Micro, micro
from graphc.codegen.gemm.mirror import mirror
from graphc.codegen.gemm.pack import Pack, pack
from graphc.codegen.gemm.product import Matrix
from graphc.codegen.gemm.routine import Helper, Offset, Routine
from graphc.codegen.gemm.rows import Tile
from graphc.codegen.llvm.writer import Operand
from graphc.records import dataclass


@dataclass(frozen=True)
class Bases:
    """Where the three matrices of one product begin, and packed tiles of A and a packed panel of B."""

    a: Operand
    b: Operand
    c: Operand
    tiles: Operand
    panel: Operand


@dataclass(frozen=True)
class Block:
    """`steps` steps from `k`."""

    k: Operand
    steps: Operand


@dataclass(frozen=True)
class Panel:
    """`columns` columns from `column`; `begin` is where their part of B, packed or not, begins."""

    number: Operand
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

    def packed_a(self, tile: Tile) -> Operand:
        return self.f.offset(self.bases.tiles, self.f.mul(tile.number, self.cut.bytes_of_tile))

    # --------------------------------------------------------------------------------------------------- calls

    def pack_a(self, tile: Tile, block: Block) -> None:
        a = self.product.a
        source = self.element(self.bases.a, a, tile.row, block.k)
        how = Pack.of(self.product.dtype, self.plan.lanes, self.plan.rows, a.row, a.column)
        strides = a.row * self.cut.item, a.column * self.cut.item
        target = self.packed_a(tile)
        self.call(pack(how, self.features), source, target, *strides, block.steps, tile.count, self.plan.rows)

    def pack_b(self, panel: Panel, block: Block) -> None:
        b = self.product.b
        source = self.element(self.bases.b, b, block.k, panel.column)
        strides = b.column * self.cut.item, b.row * self.cut.item
        if self.plan.dot:  # every column lies together
            how = Pack(self.product.dtype, self.plan.lanes, "items", 0, True)
            numbers = (*strides[::-1], panel.columns, block.steps, block.steps)
        else:
            how = Pack.of(self.product.dtype, self.plan.lanes, self.plan.width, b.column, b.row)
            numbers = (*strides, block.steps, panel.columns, self.f.number(self.plan.width))
        self.call(pack(how, self.features), source, panel.begin, *numbers)

    def multiply(self, tile: Tile, panel: Panel, block: Block) -> None:
        p, f = self.product, self.f
        a = self.packed_a(tile) if self.plan.pack_a else self.element(self.bases.a, p.a, tile.row, block.k)
        c = self.element(self.bases.c, p.c, tile.row, panel.column)
        numbers = p.c.row * self.cut.item, block.steps, tile.count, panel.columns, f.less(0, block.k)
        if self.plan.dot:
            self.call(self.dot(), a, panel.begin, c, p.a.row * self.cut.item, self.apart(block), *numbers)
        else:
            f.call(self.function_of(panel), a, panel.begin, c, *numbers)

    def mirror(self, panel: Panel) -> None:
        """The rows of C that are the columns of a panel, as far as the panel is above them."""
        c, helper = self.product.c, mirror(self.product.dtype, self.plan.lanes, self.features)
        source, target = (self.element(self.bases.c, c, *at) for at in ((0, panel.column), (panel.column, 0)))
        self.call(helper, source, target, c.row * self.cut.item, panel.column, panel.columns)

    def dot(self) -> Helper:
        p, plan = self.product, self.plan
        return dot(Dot(p.dtype, plan.lanes, plan.rows, plan.width, self.again), self.features)

    def apart(self, block: Block) -> Offset:
        """Bytes between the columns of B."""
        return self.f.mul(block.steps if self.plan.pack_b else self.product.b.column, self.cut.item)

    @property
    def again(self) -> bool:
        """C is added to: there are several blocks of k."""
        return self.product.k.constant != self.cut.depth

    def function_of(self, panel: Panel) -> str:
        """The last panel may be of fewer vectors."""
        usual, last = (micro(self.micro(v), self.features) for v in (self.plan.vectors, self.cut.last_vectors))
        used = [usual, last] if self.cut.panels > 1 else [last]
        self.helpers |= {h.name: h for h in used}
        return self.f.either(self.f.less(panel.number, self.cut.panels - 1), used[0].name, last.name)

    def micro(self, vectors: int) -> Micro:
        p, plan = self.product, self.plan
        return Micro(
            dtype=p.dtype,
            lanes=plan.lanes,
            rows=plan.rows,
            vectors=vectors,
            sure=self.cut.sure_rows,
            edge=bool(p.n % plan.lanes) and vectors == self.cut.last_vectors,
            a_row=1 if plan.pack_a else p.a.row,
            a_step=plan.rows if plan.pack_a else p.a.column,
            b_step=plan.width if plan.pack_b else p.b.row,
            padded=plan.pack_b,
            unroll=plan.unroll,
            odd=plan.unroll > 1 and self.cut.odd,
            ahead=plan.ahead,
            touch=plan.touch,
            again=self.again,
            across=p.a.row == 1 and not plan.pack_a,
        )
