"""The loops around the tiles of a product, for the part of it that one chunk takes.

    for pieces of matrices of the batch:    panels or tiles are divided among the pieces
        for k by depth:                     a block of k
            for panels:                     vectors * lanes columns; B is packed
                for tiles: micro            C += A @ B
                    the epilogue, after the last block of k, for every few tiles

A panel of B is packed just before it is used, and stays in the second-level cache while all rows of A pass by.  Where
all of B stays there, its panels are packed first, and rows pass by in blocks.  The rows come from wherever they are:
along k the processor foresees them.  An A that lies otherwise is packed too, before all else; `together` does that
where several pieces need it.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from graphc.codegen.gemm.cut import Cut
from graphc.codegen.gemm.epilogue import COLUMN, COLUMNS, ROW, ROWS, batch_symbol
from graphc.codegen.gemm.product import Matrix
from graphc.codegen.gemm.routine import Helper, Offset, Routine
from graphc.codegen.gemm.rows import Rows
from graphc.codegen.gemm.tiles import Bases, Block, Panel, Tiles
from graphc.codegen.llvm.writer import Operand
from graphc.records import dataclass


@dataclass(frozen=True)
class Place:
    """A word of the kernel's table that is an address, `apart` bytes further for every chunk."""

    slot: int
    apart: int = 0


@dataclass(frozen=True)
class Call:
    """The epilogue, and what each of its words is: an address, or the value of a symbol."""

    name: str
    words: tuple[Place | str, ...]


@dataclass(frozen=True)
class Frame:
    """Where the routine finds what it works on."""

    a: Place
    b: Place
    c: Place
    tiles: Place | None
    panel: Place | None
    epilogue: Call | None
    dims: tuple[str, ...]
    first_dim: int


class Walk:
    """Writes one function `void @name(words, chunk, chunks)`."""

    def __init__(self, name: str, cut: Cut, frame: Frame, features: frozenset[str]) -> None:
        self.cut, self.product, self.plan, self.frame = cut, cut.product, cut.plan, frame
        self.features = features
        self.f = Routine(name, [("words", "ptr"), ("chunk", "i32"), ("chunks", "i32")], features)
        self.chunk, self.chunks = (self.f.b.cast(self.f.given[n], "i64") for n in ("chunk", "chunks"))

    def helpers(self) -> list[Helper]:
        """The finished function, then what it calls."""
        return [self.f.helper(), *self.tiles.helpers.values()]

    def share(self) -> list[Helper]:
        """A product whose pieces need nothing of each other: those of all matrices are divided among the chunks."""
        f = self.f
        self.read_dims()
        self.open_epilogue()
        pieces, ends = self.pieces(), (f.number(0), f.i.value(self.product.k))
        if pieces is self.chunks and not self.product.batch:
            self.take(f.number(0), self.chunk, pieces, ends)
            return self.helpers()
        total = f.mul(pieces, math.prod(self.product.batch))
        lo, hi = (f.div(f.mul(total, c), self.chunks) for c in (self.chunk, f.add(self.chunk, 1)))

        def each(q: Operand) -> None:
            which = f.div(q, pieces) if self.product.batch else f.number(0)
            self.take(which, f.sub(q, f.mul(which, pieces)), pieces, ends)

        f.each(lo, hi, each)
        return self.helpers()

    def read_dims(self) -> None:
        for n, dim in enumerate(self.frame.dims, self.frame.first_dim):
            self.f.i.env[dim] = self.f.word(n, "i64")
        self.symbols = dict(self.f.i.env)
        self.rows = Rows(self.f, self.f.i.value(self.product.m), self.plan.rows)

    # --------------------------------------------------------------------------------------------------- pieces

    def pieces(self) -> Operand:
        """One where all is done by one thread: pieces have a price, and no effect on any bit."""
        f = self.f
        if self.cut.tiles is None and self.plan.pieces > 1:
            return self.chunks
        alone = f.b.eq(self.chunks, 1)
        return f.number(1) if self.plan.pieces == 1 else f.b.select(alone, 1, f.number(self.plan.pieces))

    def take(self, which: Operand, piece: Operand, pieces: Operand, ends: tuple[Operand, Operand]) -> None:
        """One piece of one matrix of the batch, from one step of k to another."""
        f = self.f
        self.enter(which)
        self.panel_range = f.number(0), f.number(self.cut.panels)
        self.tile_range = f.number(0), self.rows.tiles
        if self.plan.half:  # the most work first
            piece = f.sub(f.sub(pieces, 1), piece)
        if self.plan.by_columns:
            self.panel_range = self.part(self.panel_range[1], piece, pieces)
        else:
            self.tile_range = self.part(self.tile_range[1], piece, pieces)
        self.blocks_of_k(*ends)

    def enter(self, which: Operand) -> None:
        """Find one matrix of the batch."""
        frame, p = self.frame, self.product
        at = self.batch_position(which)
        tiles, panel = (self.address(x) if x else self.f.number(0) for x in (frame.tiles, frame.panel))
        a, b, c = (self.matrix(place, x, at) for place, x in ((frame.a, p.a), (frame.b, p.b), (frame.c, p.c)))
        self.tiles = Tiles(self.f, self.cut, Bases(a, b, c, tiles, panel), self.features)

    def part(self, count: Operand, piece: Operand, pieces: Operand) -> tuple[Operand, Operand]:
        f = self.f
        return f.div(f.mul(piece, count), pieces), f.div(f.mul(f.add(piece, 1), count), pieces)

    def batch_position(self, which: Operand) -> list[Operand]:
        f, at = self.f, list[Operand]()
        for extent in reversed(self.product.batch):
            rest = f.div(which, extent)
            at.insert(0, f.sub(which, f.mul(rest, extent)))
            which = rest
        self.symbols.update(zip(map(batch_symbol, self.product.space.batch), at, strict=True))
        return at

    def matrix(self, place: Place, x: Matrix, at: list[Operand]) -> Operand:
        """Where one matrix of the batch begins."""
        f, item = self.f, self.cut.item
        pointer = f.offset(self.address(place), x.offset * item)
        for position, step in zip(at, x.batch, strict=True):
            pointer = f.offset(pointer, f.mul(position, step * item))
        return pointer

    def address(self, place: Place) -> Operand:
        return self.f.offset(self.f.word(place.slot, "ptr"), self.f.mul(self.chunk, place.apart))

    # --------------------------------------------------------------------------------------------------- blocks

    def blocks_of_k(self, lo: Operand, hi: Operand) -> None:
        """At least one, even of no steps: it writes the zeros."""
        f, depth, tiles = self.f, self.cut.depth, self.frame.tiles

        def block(k: Operand) -> None:
            here = Block(k, f.least(depth, f.sub(hi, k)))
            if tiles and tiles.apart:
                self.pack_a(here, f.number(0), f.number(1))
            if self.plan.half:
                f.each(*self.panel_range, lambda number: self.upper_half(number, here))
            elif self.plan.block:
                self.blocks_of_rows(here)
            else:
                self.all_rows(here)

        f.each(lo, f.most(hi, f.add(lo, 1)), block, depth)

    def pack_a(self, block: Block, part: Operand, parts: Operand) -> None:
        """A part of a block of A."""
        self.rows.each(*self.part(self.rows.tiles, part, parts), lambda tile: self.tiles.pack_a(tile, block))

    def all_rows(self, block: Block) -> None:
        """All rows pass by one panel, then by the next."""
        f, at_once = self.f, self.frame.epilogue is None or not self.cut.panel_by_panel

        def each(number: Operand) -> None:
            panel = self.panel(number, block)
            self.pack_b(panel, block)
            if at_once:
                return self.multiply(self.tile_range, panel, block)
            return self.by_blocks(lambda tiles: some(panel, tiles))

        def some(panel: Panel, tiles: tuple[Operand, Operand]) -> None:
            """In every block of k, so that C is still near when it is needed again."""
            self.multiply(tiles, panel, block)
            self.finish(block, (panel.number, f.add(panel.number, 1)), tiles)

        f.each(*self.panel_range, each)
        if at_once:
            self.finish(block, self.panel_range, self.tile_range)

    def by_blocks(self, body: Callable[[tuple[Operand, Operand]], None]) -> None:
        """Something for all tiles, by blocks of rows."""
        f, (lo, hi), tiles = self.f, self.tile_range, self.cut.block_rows // self.plan.rows
        f.each(lo, hi, lambda t: body((t, f.least(f.add(t, tiles), hi))), tiles)

    def upper_half(self, number: Operand, block: Block) -> None:
        """The rows down to the diagonal pass by a panel; turned over, they are as many rows of the lower half."""
        f, panel = self.f, self.panel(number, block)
        self.pack_b(panel, block)
        left, right = panel.column, f.add(panel.column, panel.columns)
        above = Rows(f, right, self.plan.rows)
        above.each(f.number(0), above.tiles, lambda tile: self.tiles.multiply(tile, panel, block))

        def turn_over() -> None:
            self.tiles.mirror(panel)
            self.follow_all(f.number(0), right, left, right)
            self.follow_all(left, right, f.number(0), left)

        f.when(self.is_last(block), turn_over)

    def blocks_of_rows(self, block: Block) -> None:
        """Some rows pass by all panels, then the next ones."""
        f, panels = self.f, self.panel_range
        f.each(*panels, lambda number: self.pack_b(self.panel(number, block), block))

        def each(tiles: tuple[Operand, Operand]) -> None:
            f.each(*panels, lambda number: self.multiply(tiles, self.panel(number, block), block))
            self.finish(block, panels, tiles)

        self.by_blocks(each)

    def panel(self, number: Operand, block: Block) -> Panel:
        f, tiles, bases = self.f, self.tiles, self.tiles.bases
        column = f.mul(number, self.plan.width)
        columns = f.least(f.sub(self.product.n, column), self.plan.width)
        if not self.plan.pack_b:
            begin = tiles.element(bases.b, self.product.b, block.k, column)
        else:
            begin = f.offset(bases.panel, f.mul(number, self.cut.bytes_of_panel)) if self.plan.block else bases.panel
        return Panel(number, columns, column, begin)

    def pack_b(self, panel: Panel, block: Block) -> None:
        if self.plan.pack_b:
            self.tiles.pack_b(panel, block)

    def multiply(self, tiles: tuple[Operand, Operand], panel: Panel, block: Block) -> None:
        self.rows.each(*tiles, lambda tile: self.tiles.multiply(tile, panel, block))

    # ------------------------------------------------------------------------------------------------- epilogue

    def open_epilogue(self) -> None:
        """The table of the epilogue's words: the arrays are the same for every call."""
        if self.frame.epilogue is None:
            return
        f, words = self.f, self.frame.epilogue.words
        self.table = f.b.ordered("ptr", 1, f"alloca [{len(words)} x i64], align 8")
        for n, word in enumerate(words):
            if isinstance(word, Place):
                self.set_word(n, self.address(word))

    def finish(self, block: Block, panels: tuple[Operand, Operand], tiles: tuple[Operand, Operand]) -> None:
        """What follows the product for some panels and tiles, by blocks of rows, after the last block of k."""
        if self.frame.epilogue is None:
            return
        f, width = self.f, self.plan.width
        left, right = f.mul(panels[0], width), f.least(f.mul(panels[1], width), self.product.n)
        top, bottom = map(self.rows.first, tiles)
        f.when(self.is_last(block), lambda: self.follow_all(top, bottom, left, right))

    def is_last(self, block: Block) -> Operand:
        return self.f.less(self.f.i.value(self.product.k - self.cut.depth - 1), block.k)

    def follow_all(self, top: Operand, bottom: Operand, left: Operand, right: Operand) -> None:
        """The epilogue of a rectangle of C, by blocks of rows."""
        f, rows = self.f, self.cut.block_rows
        if self.frame.epilogue is not None:
            f.each(top, bottom, lambda t: self.follow(t, f.least(f.add(t, rows), bottom), left, right), rows)

    def follow(self, top: Operand, bottom: Operand, left: Operand, right: Operand) -> None:
        """The epilogue of a few rows of C."""
        assert self.frame.epilogue is not None
        f = self.f
        here = {ROW: top, ROWS: f.sub(bottom, top), COLUMN: left, COLUMNS: f.sub(right, left)}
        for n, word in enumerate(self.frame.epilogue.words):
            if isinstance(word, str):
                self.set_word(n, (self.symbols | here)[word])
        f.b.effect(f"call void @{self.frame.epilogue.name}({self.table}, ptr null)")

    def set_word(self, n: int, value: Offset) -> None:
        f = self.f
        f.b.effect(f"store {f.number(value)}, {f.offset(self.table, 8 * n)}, align 8")
