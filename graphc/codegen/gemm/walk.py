"""The loops around the tiles of a product, for the part of it that one chunk takes.

for pieces of matrices of the batch:                tiles or panels are divided among the pieces
    for k by depth:                                 a block of k
        for tiles by plan.tiles:                    a block of rows; A is packed
            for panels:                             vectors * lanes columns; B is packed, the first time
                for tiles of the block: micro       C += A @ B
            the epilogue of the rows, after the last block of k
"""

from __future__ import annotations

import math

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
    scratch: Place | None
    epilogue: Call | None
    dims: tuple[str, ...]
    first_dim: int


class Walk:
    """Writes `void @name(ptr words, i32 chunk, i32 chunks)`."""

    def __init__(self, name: str, cut: Cut, frame: Frame, features: frozenset[str]) -> None:
        self.cut, self.product, self.plan, self.frame = cut, cut.product, cut.plan, frame
        self.features = features
        self.f = Routine(name, [("words", "ptr"), ("chunk", "i32"), ("chunks", "i32")], features)
        self.chunk, self.chunks = (self.f.b.cast(self.f.given[n], "i64") for n in ("chunk", "chunks"))
        for n, dim in enumerate(frame.dims, frame.first_dim):
            self.f.i.env[dim] = self.f.word(n, "i64")
        self.symbols = dict(self.f.i.env)
        self.rows = Rows(self.f, self.f.i.value(cut.product.m), cut.plan.rows)

    def helpers(self) -> list[Helper]:
        """The routine, then what it calls."""
        f = self.f
        self.open_epilogue()
        pieces = self.pieces()
        if pieces is self.chunks and not self.product.batch:
            self.take(self.chunk, pieces)
        else:
            self.share(pieces)
        return [f.helper(), *self.tiles.helpers.values()]

    def share(self, pieces: Operand) -> None:
        """Pieces of all matrices are divided among the chunks."""
        f = self.f
        total = f.mul(pieces, math.prod(self.product.batch))
        lo, hi = (f.div(f.mul(total, c), self.chunks) for c in (self.chunk, f.add(self.chunk, 1)))
        f.each(lo, hi, lambda q: self.take(q, pieces))

    # --------------------------------------------------------------------------------------------------- pieces

    def pieces(self) -> Operand:
        """One where all is done by one thread: pieces have a price, and no effect on any bit."""
        f = self.f
        if self.cut.tiles is None and self.plan.pieces > 1:
            return self.chunks
        alone = f.b.eq(self.chunks, 1)
        return f.number(1) if self.plan.pieces == 1 else f.b.select(alone, 1, f.number(self.plan.pieces))

    def take(self, q: Operand, pieces: Operand) -> None:
        """One piece of one matrix of the batch."""
        f, frame, p = self.f, self.frame, self.product
        which = f.div(q, pieces) if p.batch else f.number(0)
        piece = f.sub(q, f.mul(which, pieces))
        at = self.batch_position(which)
        scratch = self.address(frame.scratch) if frame.scratch else f.number(0)
        a, b, c = (self.matrix(place, x, at) for place, x in ((frame.a, p.a), (frame.b, p.b), (frame.c, p.c)))
        self.tiles = Tiles(f, self.cut, Bases(a, b, c, scratch), self.features)
        self.panel_range = f.number(0), f.number(self.cut.panels)
        self.tile_range = f.number(0), self.rows.tiles
        if self.plan.by_columns:
            self.panel_range = self.part(self.panel_range[1], piece, pieces)
        else:
            self.tile_range = self.part(self.tile_range[1], piece, pieces)
        self.blocks_of_k()

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

    def blocks_of_k(self) -> None:
        """At least one, even of no steps: it writes the zeros."""
        f, depth = self.f, self.cut.depth
        k = f.i.value(self.product.k)
        f.each(0, f.most(k, 1), lambda start: self.blocks_of_rows(start, f.least(depth, f.sub(k, start))), depth)

    def blocks_of_rows(self, k: Operand, steps: Operand) -> None:
        """Even blocks of tiles."""
        f, (lo, hi) = self.f, self.tile_range
        if not self.cut.many_blocks:
            self.block(Block(lo, hi, self.rows.first(lo), k, steps))
            return
        count, most = f.sub(hi, lo), self.plan.tiles
        blocks = f.most(f.div(f.add(count, most - 1), most), 1)
        each = f.div(f.sub(f.add(count, blocks), 1), blocks)
        f.each(lo, hi, lambda t: self.block(Block(t, f.least(f.add(t, each), hi), self.rows.first(t), k, steps)), each)

    def block(self, block: Block) -> None:
        if self.plan.pack_a:
            self.rows.each(block.lo, block.hi, lambda tile: self.tiles.pack_a(tile, block))
        self.panels(block)
        if self.frame.epilogue:
            last = self.f.less(self.f.i.value(self.product.k - self.cut.depth - 1), block.k)
            self.f.when(last, lambda: self.finish(block))

    def panels(self, block: Block) -> None:
        self.f.each(*self.panel_range, lambda number: self.panel(number, block))

    def panel(self, number: Operand, block: Block) -> None:
        f, tiles = self.f, self.tiles
        column = f.mul(number, self.plan.width)
        columns = f.least(f.sub(self.product.n, column), self.plan.width)
        if self.plan.pack_b:
            panel = Panel(number, columns, column, tiles.packed_b(f.sub(number, self.panel_range[0]), block))
            first = f.b.eq(block.lo, self.tile_range[0]) if self.cut.many_blocks else f.b.number(1, "bool")
            f.when(first, lambda: tiles.pack_b(panel, block))
        else:
            panel = Panel(number, columns, column, tiles.element(tiles.bases.b, self.product.b, block.k, column))
        self.rows.each(block.lo, block.hi, lambda tile: tiles.multiply(tile, panel, block))

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

    def finish(self, block: Block) -> None:
        """What follows the product, for a block of rows and the columns of the piece."""
        assert self.frame.epilogue is not None
        f, width = self.f, self.plan.width
        left, right = f.mul(self.panel_range[0], width), f.least(f.mul(self.panel_range[1], width), self.product.n)
        here = {
            ROW: block.row,
            ROWS: f.sub(self.rows.first(block.hi), block.row),
            COLUMN: left,
            COLUMNS: f.sub(right, left),
        }
        for n, word in enumerate(self.frame.epilogue.words):
            if isinstance(word, str):
                self.set_word(n, (self.symbols | here)[word])
        f.b.effect(f"call void @{self.frame.epilogue.name}({self.table}, ptr null)")

    def set_word(self, n: int, value: Offset) -> None:
        f = self.f
        f.b.effect(f"store {f.number(value)}, {f.offset(self.table, 8 * n)}, align 8")
