"""How a product is cut: a pure rule over shape, strides and registers, with no measuring.

A tile of C stays in registers while a block of k passes by.  An operand is packed, copied into panels in the order in
which tiles read it, where it would otherwise be read across too many cache lines or pages, and often enough to repay
the copy.  The constants were found by measurement on processors with 48 KiB and 2 MiB of private caches; see
docs/products.md.
"""

from __future__ import annotations

import math

from graphc.codegen.gemm.product import Product
from graphc.codegen.gemm.registers import Registers
from graphc.codegen.nest.elements import ITEMSIZE
from graphc.records import dataclass

NEAR_CACHE = 48 * 1024  # bytes of the first-level cache
PANEL_ROW = 256  # bytes of a row of a panel of B: short panels stay in the nearest cache if they are packed
OWN_CACHE = 1 << 20  # bytes of B that stay in the second-level cache beside the rest
PAGE = 4096
PAGES = 128  # that a block of k may lie on: more than the first-level translation buffer holds
SWEEPS, FAR_SWEEPS = 192, 128  # rows of A from which a copy of B pays, if B is awkward to read, or comes from afar
LARGE_SWEEPS, LARGE, SWEPT = 96, 1 << 17, 1 << 28  # the same of any other B of so many bytes, and in all sweeps
DEPTH = 2048  # steps of k of a panel, half a megabyte: the deeper, the fewer sums are added to C
SHORTER = 512  # where B is read in place, or A does not lie along k
SHALLOW = 128  # where the rows of B, read in place, meet in one cache set
FEW_COLUMNS = 256  # where a sum of unknown length is done in short blocks: it may well be short, and copies take room
AHEAD = 8  # steps of k that B is asked for in advance
SWEEP_A, SWEEP_B = 1 / 48, 1 / 256  # cycles per byte of an operand that is read once more, beyond the nearest cache
SECOND_TILE = 4000  # cycles that a narrower tile at the right edge must gain: it is more code to generate
LONG = 1 << 23  # multiplications from which longer code pays
NARROW = 4  # rows or columns; dot products along k fill registers better
DOT_DEPTH = 2048  # steps of k of a block of dot products
SHARE = 1 << 20  # multiplications of a piece that a thread takes
MOST_PIECES = 8
PIECES_OF_ANY = 4  # at most, where the number of rows is symbolic
ROWS_PER_COPY, ROWS_PER_SWEEP = 512, 48  # of a piece by rows, each of which packs B for itself, or reads it from afar
MANY_MATRICES = 8  # of a batch, which then are not divided
BLOCK_ROWS = 240  # that follow a panel of B at a time: with its columns they stay in the second-level cache
BLOCK_BYTES = 1 << 19  # of C, where rows pass by all of B at a time; and of that B
FEW_STEPS = 64  # of k: C is most of the traffic then
MANY_STEPS, MANY_PANELS = 32, 3  # from which on to turn half of C over takes less than to compute it

Tile = tuple[int, int]
_TILES: dict[int, tuple[Tile, ...]] = {32: ((14, 2), (8, 3), (6, 4), (14, 1)), 16: ((6, 2), (4, 3), (12, 1))}
"""By number of registers: rows x vectors; a few rows less will do as well."""

_OF_ANY: dict[int, tuple[Tile, ...]] = {32: ((8, 3), (8, 2), (8, 1)), 16: ((4, 3), (4, 2), (4, 1))}
"""Tiles for a symbolic number of rows."""


@dataclass(frozen=True)
class GemmPlan:
    """A tile of `rows` x `vectors`; blocks of `depth` steps of k; pieces for threads.

    All rows pass by one panel of B, then by the next; or `block` rows pass by all panels, then the next, where that
    is not 0.  With `half`, only rows down to the diagonal pass by a panel: the lower half of C is the upper one, turned
    over.  With `dot`, vectors lie along k, and a tile has as many columns.
    """

    rows: int
    vectors: int
    lanes: int
    depth: int
    pack_a: bool
    pack_b: bool
    unroll: int
    touch: bool  # C is asked for when a tile begins
    ahead: int  # steps of k that an unpacked B is asked for in advance
    pieces: int
    by_columns: bool
    block: int
    half: bool
    dot: bool
    reasons: tuple[str, ...]

    @property
    def width(self) -> int:
        """Columns of a panel."""
        return self.vectors if self.dot else self.vectors * self.lanes

    @property
    def least_rows(self) -> int:
        """Of a piece by rows: they repay that each piece has to do with all of B."""
        return _least_rows(self.rows, self.pack_b)

    def __str__(self) -> str:
        a, b = ("packed" if p else "in place" for p in (self.pack_a, self.pack_b))
        cut = f", up to {self.pieces} pieces by {'columns' if self.by_columns else 'rows'}" if self.pieces > 1 else ""
        tile = f"dot {self.rows}x{self.vectors}" if self.dot else f"tile {self.rows}x{self.vectors}x{self.lanes}"
        head = f"{tile}, k in {self.depth}, A {a}, B {b}{cut}"
        return "\n".join([head, *(f"  {r}" for r in self.reasons)])


def plan(p: Product, registers: Registers, followed: bool = False) -> GemmPlan:
    """The plan of a product; `followed` by other work on its rows."""
    return _Planner(p, registers, followed).plan()


class _Planner:
    def __init__(self, p: Product, registers: Registers, followed: bool) -> None:
        self.p, self.registers, self.followed = p, registers, followed
        self.item, self.lanes = ITEMSIZE[p.dtype], registers.lanes(p.dtype)
        self.columns = -(-p.n // self.lanes)
        self.bytes_a, self.bytes_b, self.bytes_c = (
            x * y * self.item for x, y in ((p.rows, p.steps), (p.steps, p.n), (p.rows, p.n))
        )
        self.reasons: list[str] = []

    def plan(self) -> GemmPlan:
        return self._dots() if self._is_narrow() else self._tiles()

    def _tiles(self) -> GemmPlan:
        pack_a, pack_b = self._pack_a(), self._pack_b()
        rows, vectors = self._tile(pack_b)
        depth = self._depth(pack_b)
        half = self._is_half(vectors)
        pieces, by_columns = self._pieces(rows, vectors * self.lanes, pack_a or half, pack_b)
        touch = self.p.steps > depth or self.bytes_c > 1 << 20
        ahead = AHEAD if not pack_b and self.bytes_b * math.prod(self.p.batch) > NEAR_CACHE * 2 // 3 else 0
        unroll = self._unroll(pack_b, vectors)
        return GemmPlan(
            rows, vectors, self.lanes, depth, pack_a, pack_b, unroll, touch, ahead, pieces, by_columns,
            0 if half else self._block(rows, vectors), half, False, tuple(self.reasons),
        )  # fmt: skip

    # --------------------------------------------------------------------------------------------- dot products

    def _is_narrow(self) -> bool:
        """Few rows or columns, long rows of A, and long columns of B, if need be by copying a few."""
        p = self.p
        long = p.a.column == 1 and p.steps >= 8 * self.lanes
        in_place = p.b.row == 1 and min(p.rows, p.n) <= NARROW
        return long and (in_place or (p.n <= NARROW and p.rows >= 4 * NARROW))

    def _dots(self) -> GemmPlan:
        p, most = self.p, self.registers.count * 3 // 4
        if p.n <= NARROW:
            rows, columns = min(p.rows, 8, most // p.n), p.n
        else:
            rows, columns = p.rows, min(p.n, 8, most // p.rows)
        pack_b = p.b.row != 1
        self.reasons.append("dot products: " + ("the columns of B are copied" if pack_b else "all in place"))
        length = p.k.constant or DOT_DEPTH
        depth = -(-length // -(-length // DOT_DEPTH))
        pieces, by_columns = self._pieces(rows, columns, False, pack_b)
        return GemmPlan(
            rows, columns, self.lanes, depth, False, pack_b, 1, False, 0, pieces, by_columns,
            0, False, True, tuple(self.reasons),
        )  # fmt: skip

    # ------------------------------------------------------------------------------------------------- packing

    def _pack_b(self) -> bool:
        if self.p.b.column != 1:
            self.reasons.append("B is packed: its rows are not contiguous")
            return True
        if self._repays_a_copy():
            self.reasons.append(f"B is packed: {self.bytes_b} bytes are read for each of {self.p.m} rows")
            return True
        why = f"is read for {self.p.m} rows only" if self.bytes_b > OWN_CACHE else "fits a cache"
        self.reasons.append(f"B is read in place: it {why}")
        return False

    def _repays_a_copy(self) -> bool:
        """Of B, whose rows are contiguous: soon where they meet, are few, or come from afar for each of a batch."""
        is_far = bool(self.p.batch) and self.bytes_b * math.prod(self.p.batch) > OWN_CACHE
        if is_far or self._meets() or self.p.steps * PANEL_ROW <= NEAR_CACHE:
            return self.bytes_b > NEAR_CACHE and self.p.rows >= (FAR_SWEEPS if is_far else SWEEPS)
        return self.bytes_b > LARGE and self.p.rows >= LARGE_SWEEPS and self.bytes_b * self.p.rows >= SWEPT

    def _meets(self) -> bool:
        """Whether all rows of B meet in a few sets of the cache."""
        return self.p.b.row * self.item % PAGE == 0

    def _runs(self) -> bool:
        """Whether A is contiguous along k."""
        return abs(self.p.a.column) == 1

    def _pack_a(self) -> bool:
        """Rows that are contiguous along k are read in place: the processor foresees them."""
        pages = min(SHORTER, self.p.steps) * abs(self.p.a.column) * self.item // PAGE
        often = self.columns >= 8 and self.p.rows > NARROW and self.p.m.constant is not None
        if self._runs() or pages <= PAGES or not often:
            self.reasons.append("A is read in place")
            return False
        self.reasons.append(f"A is packed: a column of a block lies on {pages} pages")
        return True

    def _depth(self, pack_b: bool) -> int:
        """Steps of k per block: even blocks, multiples of a vector."""
        scattered = self.bytes_b > NEAR_CACHE and not pack_b and self._meets()
        most = SHALLOW if scattered else DEPTH if pack_b and self._runs() else SHORTER
        length = self.p.k.constant
        if length is None:
            return SHALLOW if self.p.n <= FEW_COLUMNS else SHORTER
        blocks = -(-length // most)
        even = -(-length // blocks)
        return even if blocks == 1 else -(-even // self.lanes) * self.lanes

    def _unroll(self, pack_b: bool, vectors: int) -> int:
        """Steps of k that follow each other without a branch."""
        if self.p.work >= LONG and not pack_b:
            return 4
        return 2 if pack_b or vectors <= 2 else 1

    def _is_half(self, vectors: int) -> bool:
        pays = self.p.steps >= MANY_STEPS and self.columns > (MANY_PANELS - 1) * vectors
        if self.p.is_symmetric and pays:
            self.reasons.append("C is symmetric: half of it is the other half, turned over")
        return self.p.is_symmetric and pays

    def _block(self, rows: int, vectors: int) -> int:
        """Rows that pass by all of B, which has to be near, so that those of C are near for what follows."""
        pays = self.followed or self.p.steps <= FEW_STEPS
        many = self.p.m.constant is None or self.p.rows > BLOCK_ROWS
        if not (pays and many and self.columns > vectors and self.bytes_b <= BLOCK_BYTES):
            return 0
        near = min(BLOCK_ROWS, BLOCK_BYTES // (self.p.n * self.item)) // rows
        self.reasons.append(f"{max(2, near) * rows} rows at a time pass by all of B")
        return max(2, near) * rows

    # --------------------------------------------------------------------------------------------------- tiles

    def _tile(self, pack_b: bool) -> Tile:
        tiles = _TILES[self.registers.count]
        if self.p.m.constant is None:
            tiles = _OF_ANY[self.registers.count]
        elif self.p.rows <= 5:
            accumulators = self.registers.count * 3 // 4
            tiles = ((self.p.rows, max(1, min(8, accumulators // self.p.rows))),)
        lower = [(r - less, v) for r, v in tiles for less in range(r // 4 + 1 if self.p.m.constant is not None else 1)]
        fitting = [(min(r, self.p.rows), min(v, self.columns)) for r, v in lower]
        return min(fitting, key=lambda t: self._cycles(t[0], t[1], pack_b))

    def _cycles(self, rows: int, vectors: int, pack_b: bool) -> float:
        """Computation, and the traffic of the sweeps over either operand."""
        down, (whole, rest) = -(-self.p.rows // rows), divmod(self.columns, vectors)
        across = sum(self._tile_cycles(rows, v, pack_b) * n for v, n in ((vectors, whole), (rest, 1)) if v)
        sweeps = 0.0 if self._is_near() else -(-self.columns // vectors) * self.bytes_a * SWEEP_A
        sweeps += 0.0 if pack_b or self.bytes_b <= NEAR_CACHE else down * self.bytes_b * SWEEP_B
        return down * across + sweeps + (SECOND_TILE if rest and whole else 0)

    def _is_near(self) -> bool:
        return self.bytes_a + self.bytes_b + self.bytes_c <= NEAR_CACHE

    def _tile_cycles(self, rows: int, vectors: int, pack_b: bool) -> float:
        """Two multiplications or loads a cycle, a latency of four; a call, the traffic of C, and its rows.

        A packed panel of B comes from the second-level cache.
        """
        step = max(rows * vectors / 2, (rows + vectors) / 2, 4, 3 * vectors if pack_b else 0)
        return self.p.steps * step + 40 + 2 * rows * vectors + 10 * rows

    # -------------------------------------------------------------------------------------------------- pieces

    def _pieces(self, rows: int, columns: int, across_only: bool, pack_b: bool) -> tuple[int, bool]:
        """How many pieces, and whether along the columns; more than there are threads, lest all wait for a busy one."""
        panels = -(-self.p.n // columns)
        across = self._parts(panels)
        if self.p.m.constant is None:
            return (PIECES_OF_ANY if not self.p.batch else 1), across >= PIECES_OF_ANY
        down = _even(self._parts(self.p.rows // _least_rows(rows, pack_b)))
        if across_only or down == 1:
            return across, True
        if pack_b:
            by_columns = across >= down
        else:
            by_columns = self.p.n >= self.p.rows and across > 1 and (panels % 4 == 0 or panels >= 2 * MOST_PIECES)
        return (across if by_columns else down), by_columns

    def _parts(self, length: int) -> int:
        """Of at least one each, worth a thread's while."""
        if math.prod(self.p.batch) >= MANY_MATRICES:
            return 1
        return max(1, min(MOST_PIECES, self.p.work // SHARE, length))


def _least_rows(tile: int, pack_b: bool) -> int:
    return ROWS_PER_COPY if pack_b else max(ROWS_PER_SWEEP, 2 * tile)


def _even(pieces: int) -> int:
    """A power of two, so that two or four or eight threads have as many each."""
    return 1 << pieces.bit_length() - 1
