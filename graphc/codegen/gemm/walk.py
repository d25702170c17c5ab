"""The loops around the tiles of a product, for the part of it that one chunk takes.

for k by depth:                                     a block of k
    for tiles by plan.tiles:                        a block of rows; A is packed
        for panels:                                 vectors * lanes columns; B is packed, the first time
            for tiles of the block: micro           C += A @ B
        the epilogue of the rows, after the last block of k
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from graphc.codegen.elements import ITEMSIZE
from graphc.codegen.gemm.epilogue import COLUMN, COLUMNS, ROW, ROWS, batch_symbol
from graphc.codegen.gemm.micro import Micro, micro
from graphc.codegen.gemm.pack import Pack, form, pack
from graphc.codegen.gemm.plan import GemmPlan, split
from graphc.codegen.gemm.product import Matrix, Product
from graphc.codegen.gemm.routine import Helper, Offset, Routine
from graphc.codegen.writer import Operand


@dataclass(frozen=True)
class Cut:
    """How a product is divided, in numbers that the code and the sizes of the work arrays share."""

    product: Product
    plan: GemmPlan

    @property
    def heights(self) -> list[tuple[int, int]]:
        """(rows, count) of the tiles from the top."""
        return split(self.product.m, self.plan.rows)

    @property
    def tiles(self) -> int:
        return sum(count for _, count in self.heights)

    @property
    def panels(self) -> int:
        return -(-self.product.n // self.plan.width)

    @property
    def depth(self) -> int:
        return min(self.plan.depth, self.product.k)

    @property
    def blocks_of_rows(self) -> bool:
        """Several blocks: the panels of B are used again."""
        return self.tiles > self.plan.tiles

    @property
    def bytes_of_a(self) -> int:
        rows = min(self.tiles, self.plan.tiles) * self.plan.rows
        return _lines(rows * self.depth * ITEMSIZE[self.product.dtype]) if self.plan.pack_a else 0

    def scratch(self, pieces: int) -> int:
        """Bytes that the packed operands of one of so many pieces take."""
        panels = -(-self.panels // pieces) if self.plan.by_columns else self.panels
        kept = panels if self.blocks_of_rows else 1
        b = _lines(kept * self.plan.width * self.depth * ITEMSIZE[self.product.dtype]) if self.plan.pack_b else 0
        return self.bytes_of_a + b


def _lines(size: int) -> int:
    """Whole cache lines."""
    return -(-size // 64) * 64


@dataclass(frozen=True)
class Table:
    """Where the routine finds what it needs: slots of its words, and bytes of scratch per chunk."""

    a: int
    b: int
    c: int
    panels: int | None
    scratch: int


@dataclass(frozen=True)
class EpilogueCall:
    """The nest to call: for each of its words a slot of ours, with bytes per chunk, or a symbol."""

    name: str
    words: tuple[tuple[int, int] | str, ...]


class Walk:
    """Writes `void @name(ptr words, i32 chunk, i32 chunks)`."""

    def __init__(
        self, name: str, cut: Cut, table: Table, epilogue: EpilogueCall | None, features: frozenset[str]
    ) -> None:
        self.cut, self.product, self.plan = cut, cut.product, cut.plan
        self.table, self.epilogue, self.features = table, epilogue, features
        self.item = ITEMSIZE[self.product.dtype]
        self.f = Routine(name, [("words", "ptr"), ("chunk", "i32"), ("chunks", "i32")], features)
        self.helpers: dict[str, Helper] = {}
        self.symbols: dict[str, Offset] = {}

    def routine(self) -> Helper:
        f = self.f
        self.chunk, chunks = (f.b.cast(f.given[n], "i64") for n in ("chunk", "chunks"))
        self.open_table()
        pieces = self.pieces(chunks)
        total = f.mul(pieces, _volume(self.product.batch))
        if total.integer == 1:
            self.take(f.number(0), f.number(1))
        else:
            lo, hi = (f.div(f.mul(total, c), chunks) for c in (self.chunk, f.add(self.chunk, 1)))
            f.each(lo, hi, lambda q: self.take(q, pieces))
        return f.helper()

    def pieces(self, chunks: Operand) -> Operand:
        """One where all is done by one thread: pieces have a price, and no effect on any bit."""
        f = self.f
        most = f.number(self.plan.pieces)
        return most if most.integer == 1 else f.b.select(f.b.eq(chunks, 1), f.number(1), most)

    # --------------------------------------------------------------------------------------------------- pieces

    def take(self, q: Operand, pieces: Operand) -> None:
        """One piece of one matrix of the batch."""
        f = self.f
        which = f.div(q, pieces)
        piece = f.sub(q, f.mul(which, pieces))
        at = self.batch_position(which)
        self.a, self.b, self.c = (
            self.matrix(slot, x, at)
            for slot, x in (
                (self.table.a, self.product.a),
                (self.table.b, self.product.b),
                (self.table.c, self.product.c),
            )
        )
        whole = lambda n: (f.number(0), f.number(n))
        part = lambda n: (f.div(f.mul(piece, n), pieces), f.div(f.mul(f.add(piece, 1), n), pieces))
        by_columns = self.plan.by_columns
        self.panel_range = (part if by_columns else whole)(self.cut.panels)
        self.tile_range = (whole if by_columns else part)(self.cut.tiles)
        self.blocks_of_k()

    def batch_position(self, which: Operand) -> list[Operand]:
        f, at = self.f, list[Operand]()
        for extent in reversed(self.product.batch):
            rest = f.div(which, extent)
            at.insert(0, f.sub(which, f.mul(rest, extent)))
            which = rest
        self.symbols.update(zip(map(batch_symbol, self.product.space.batch), at, strict=True))
        return at

    def matrix(self, slot: int, x: Matrix, at: list[Operand]) -> Operand:
        f = self.f
        pointer = f.offset(f.word(slot, "ptr"), x.offset * self.item)
        for position, step in zip(at, x.batch, strict=True):
            pointer = f.offset(pointer, f.mul(position, step * self.item))
        return pointer

    # --------------------------------------------------------------------------------------------------- blocks

    def blocks_of_k(self) -> None:
        f, k, depth = self.f, self.product.k, self.cut.depth
        if k == depth:
            self.blocks_of_rows(f.number(0), f.number(k))
        else:
            f.each(0, k, lambda start: self.blocks_of_rows(start, f.least(depth, f.sub(k, start))), depth)

    def blocks_of_rows(self, k: Operand, steps: Operand) -> None:
        """Even blocks of tiles."""
        f, (lo, hi) = self.f, self.tile_range
        if not self.cut.blocks_of_rows:
            self.block(lo, hi, k, steps)
            return
        count, most = f.sub(hi, lo), self.plan.tiles
        blocks = f.div(f.add(count, most - 1), most)
        each = f.div(f.sub(f.add(count, blocks), 1), blocks)
        f.each(lo, hi, lambda t: self.block(t, f.least(f.add(t, each), hi), k, steps), each)

    def block(self, lo: Operand, hi: Operand, k: Operand, steps: Operand) -> None:
        if self.plan.pack_a:
            self.tiles(lo, hi, lambda rows, r: self.pack_a(rows, r, self.row(lo), k, steps))
        self.panels(lo, hi, k, steps)
        if self.epilogue:
            last = self.f.less(self.product.k - self.cut.depth - 1, k)
            self.f.when(last, lambda: self.finish(self.row(lo), self.row(hi)))

    def panels(self, lo: Operand, hi: Operand, k: Operand, steps: Operand) -> None:
        """Whole panels, then the one at the right edge."""
        f, (first, end) = self.f, self.panel_range
        whole, rest = divmod(self.product.n, self.plan.width)
        f.each(first, f.least(end, whole), lambda p: self.panel(p, self.plan.width, lo, hi, k, steps))
        if rest:
            f.when(f.less(whole, end), lambda: self.panel(f.number(whole), rest, lo, hi, k, steps))

    def panel(self, p: Operand, columns: int, lo: Operand, hi: Operand, k: Operand, steps: Operand) -> None:
        f = self.f
        column = f.mul(p, self.plan.width)
        b = f.offset(
            self.b, f.add(f.mul(k, self.product.b.row * self.item), f.mul(column, self.product.b.column * self.item))
        )
        if self.plan.pack_b:
            source, b = b, self.place_of_panel(p, steps)
            pack_b = lambda: self.pack_b(source, b, steps, columns)
            if self.cut.blocks_of_rows:
                f.when(f.b.eq(lo, self.tile_range[0]), pack_b)
            else:
                pack_b()
        self.tiles(lo, hi, lambda rows, r: self.multiply(rows, columns, r, self.row(lo), column, b, k, steps))

    def tiles(self, lo: Operand, hi: Operand, body: Callable[[int, Operand], None]) -> None:
        """body(rows, first row) for every tile from lo to hi: the higher ones first."""
        f, before = self.f, 0
        for rows, count in self.cut.heights:
            start, stop = f.most(lo, before), f.least(hi, before + count)
            f.each(start, stop, lambda t, rows=rows: body(rows, self.row(t)))  # type: ignore[misc]
            before += count

    def row(self, tile: Operand) -> Operand:
        """The first row of a tile."""
        f, ((rows, count), *rest) = self.f, self.cut.heights
        if not rest:
            return f.mul(tile, rows)
        return f.add(f.mul(tile, rest[0][0]), f.least(tile, count))

    # ---------------------------------------------------------------------------------------------------- calls

    def place_of_a(self, row: Operand, first: Operand, k: Operand, steps: Operand) -> Operand:
        f, a = self.f, self.product.a
        if self.plan.pack_a:
            return f.offset(self.scratch(), f.mul(f.mul(f.sub(row, first), steps), self.item))
        return f.offset(self.a, f.add(f.mul(row, a.row * self.item), f.mul(k, a.column * self.item)))

    def place_of_panel(self, p: Operand, steps: Operand) -> Operand:
        f = self.f
        start = f.offset(self.scratch(), self.cut.bytes_of_a)
        if not self.cut.blocks_of_rows:
            return start
        return f.offset(start, f.mul(f.mul(f.sub(p, self.panel_range[0]), steps), self.plan.width * self.item))

    def scratch(self) -> Operand:
        assert self.table.panels is not None
        return self.f.offset(self.f.word(self.table.panels, "ptr"), self.f.mul(self.chunk, self.table.scratch))

    def pack_a(self, rows: int, row: Operand, first: Operand, k: Operand, steps: Operand) -> None:
        f, a = self.f, self.product.a
        source = f.offset(self.a, f.add(f.mul(row, a.row * self.item), f.mul(k, a.column * self.item)))
        panel = self.place_of_a(row, first, k, steps)
        self.pack(rows, a.row, a.column, source, panel, steps, rows)

    def pack_b(self, source: Operand, panel: Operand, steps: Operand, columns: int) -> None:
        b = self.product.b
        self.pack(self.plan.width, b.column, b.row, source, panel, steps, columns)

    def pack(
        self, width: int, lane: int, step: int, source: Operand, panel: Operand, steps: Operand, count: int
    ) -> None:
        helper = pack(Pack(self.product.dtype, self.plan.lanes, width, form(lane, step)), self.features)
        self.call(helper, source, panel, lane * self.item, step * self.item, steps, count)

    def multiply(
        self,
        rows: int,
        columns: int,
        row: Operand,
        first: Operand,
        column: Operand,
        b: Operand,
        k: Operand,
        steps: Operand,
    ) -> None:
        f, c = self.f, self.product.c
        place = f.offset(self.c, f.add(f.mul(row, c.row * self.item), f.mul(column, self.item)))
        helper = micro(self.micro(rows, columns), self.features)
        again = f.less(0, k)
        self.call(helper, self.place_of_a(row, first, k, steps), b, place, c.row * self.item, steps, again)

    def micro(self, rows: int, columns: int) -> Micro:
        p, plan = self.product, self.plan
        a = (1, rows) if plan.pack_a else (p.a.row, p.a.column)
        b = plan.width if plan.pack_b else p.b.row
        again = p.k > self.cut.depth
        return Micro(
            p.dtype, plan.lanes, rows, -(-columns // plan.lanes), columns % plan.lanes, *a, b, plan.pack_b,
            plan.unroll, plan.ahead, plan.touch, again,
        )  # fmt: skip

    def call(self, helper: Helper, *args: Offset) -> None:
        self.helpers[helper.name] = helper
        self.f.call(helper.name, *args)

    # ------------------------------------------------------------------------------------------------- epilogue

    def open_table(self) -> None:
        """The words of the epilogue: the arrays are the same for every call."""
        if self.epilogue is None:
            return
        f, words = self.f, self.epilogue.words
        self.inner = f.b.ordered("ptr", 1, f"alloca [{len(words)} x i64], align 8")
        for n, word in enumerate(words):
            if not isinstance(word, str):
                slot, apart = word
                self.set_word(n, f.add(f.word(slot, "i64"), f.mul(self.chunk, apart)))

    def finish(self, lo: Operand, hi: Operand) -> None:
        """What follows the product, for a block of rows and the columns of the piece."""
        assert self.epilogue is not None
        f, width = self.f, self.plan.width
        left, right = f.mul(self.panel_range[0], width), f.least(f.mul(self.panel_range[1], width), self.product.n)
        block = {ROW: lo, ROWS: f.sub(hi, lo), COLUMN: left, COLUMNS: f.sub(right, left)}
        for n, word in enumerate(self.epilogue.words):
            if isinstance(word, str):
                self.set_word(n, f.number((self.symbols | block)[word]))
        f.b.effect(f"call void @{self.epilogue.name}({self.inner}, ptr null)")

    def set_word(self, n: int, value: Operand) -> None:
        self.f.b.effect(f"store {value}, {self.f.offset(self.inner, 8 * n)}, align 8")


def _volume(extents: tuple[int, ...]) -> int:
    total = 1
    for e in extents:
        total *= e
    return total
