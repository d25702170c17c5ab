"""How a product is cut: a pure rule over shape, strides and registers, with no measuring.

A tile of C stays in registers while a block of k passes by.  An operand is packed, copied into panels in the order in
which tiles read it, where it would otherwise be read across too many cache lines or pages, and often enough to repay
the copy.  The constants were found by measurement on a processor with 48 KiB and 2 MiB of private caches.
"""

from __future__ import annotations

from graphc.codegen.gemm.product import Product
from graphc.codegen.gemm.registers import Registers
from graphc.codegen.nest.elements import ITEMSIZE
from graphc.records import dataclass

NEAR_CACHE = 48 * 1024  # bytes of the first-level cache
PAGE_REACH = 192 * 1024  # bytes whose pages the first-level translation buffer holds
PAGE = 4096
SWEEPS, SWEEPS_OF_PAGES = 48, 24  # rows of A from which a copy of B pays; where its rows meet in one cache set
BLOCK_ROWS = 240  # rows of A that stay in the second-level cache
DEPTH = 2048  # bytes along k of one packed panel of f32; three quarters of the items for f64
SHALLOW = 128  # steps of k per block where the rows of B lie on different pages
FEW_COLUMNS = 256  # where a sum of unknown length is done in short blocks: it may well be short, and copies take room
AHEAD = 8  # steps of k that B is asked for in advance
SECOND_TILE = 4000  # cycles that a narrower tile at the right edge must gain: it is more code to generate
NARROW = 4  # rows or columns; dot products along k fill registers better
DOT_DEPTH = 2048  # steps of k of a block of dot products
SHARE = 1 << 20  # multiplications of a piece that a thread takes
MOST_PIECES = 8
PIECES_OF_ANY = 4  # at most, where the number of rows is symbolic
PIECE_ROWS, PIECE_COLUMNS = 192, 256  # of a piece, more than two of which each pack the other operand anew

Tile = tuple[int, int]
_TILES: dict[int, tuple[tuple[Tile, ...], tuple[Tile, ...]]] = {
    32: (((6, 4), (8, 3)), ((14, 2), (8, 3), (6, 4), (14, 1))),
    16: (((6, 2), (4, 3)), ((6, 2), (4, 3), (12, 1))),
}  # by number of registers: rows x vectors where both operands are packed, and otherwise

_OF_ANY: dict[int, tuple[Tile, ...]] = {32: ((8, 3), (8, 2), (8, 1)), 16: ((4, 3), (4, 2), (4, 1))}
"""Tiles for a symbolic number of rows."""


@dataclass(frozen=True)
class GemmPlan:
    """A tile of `rows` x `vectors`; blocks of `tiles` tiles and `depth` steps of k; pieces for threads.

    With `dot`, vectors lie along k, and a tile has as many columns.
    """

    rows: int
    vectors: int
    lanes: int
    tiles: int
    depth: int
    pack_a: bool
    pack_b: bool
    unroll: int
    touch: bool  # C is asked for when a tile begins
    ahead: int  # steps of k that an unpacked B is asked for in advance
    pieces: int
    by_columns: bool
    dot: bool
    reasons: tuple[str, ...]

    @property
    def width(self) -> int:
        """Columns of a panel."""
        return self.vectors if self.dot else self.vectors * self.lanes

    def __str__(self) -> str:
        a, b = ("packed" if p else "in place" for p in (self.pack_a, self.pack_b))
        cut = f", up to {self.pieces} pieces by {'columns' if self.by_columns else 'rows'}" if self.pieces > 1 else ""
        tile = f"dot {self.rows}x{self.vectors}" if self.dot else f"tile {self.rows}x{self.vectors}x{self.lanes}"
        head = f"{tile}, k in {self.depth}, A {a}, B {b}{cut}"
        return "\n".join([head, *(f"  {r}" for r in self.reasons)])


def plan(p: Product, registers: Registers) -> GemmPlan:
    """The plan of a product."""
    return _Planner(p, registers).plan()


class _Planner:
    def __init__(self, p: Product, registers: Registers) -> None:
        self.p, self.registers = p, registers
        self.item, self.lanes = ITEMSIZE[p.dtype], registers.lanes(p.dtype)
        self.columns = -(-p.n // self.lanes)
        self.bytes_a, self.bytes_b, self.bytes_c = (
            x * y * self.item for x, y in ((p.rows, p.steps), (p.steps, p.n), (p.rows, p.n))
        )
        self.reasons: list[str] = []

    def plan(self) -> GemmPlan:
        return self._dots() if self._is_narrow() else self._tiles()

    def _tiles(self) -> GemmPlan:
        pack_b = self._pack_b()
        pack_a = pack_b and self._pack_a()
        rows, vectors = self._tile(pack_a, pack_b)
        depth = self._depth(pack_b)
        tiles = max(1, BLOCK_ROWS // rows)
        pieces, by_columns = self._pieces(rows, vectors * self.lanes, pack_a, pack_b)
        touch = self.p.steps > depth or self.bytes_c > 1 << 20
        ahead = AHEAD if not pack_b and self.bytes_b > NEAR_CACHE * 2 // 3 else 0
        unroll = 2 if pack_a and pack_b else 1
        return GemmPlan(
            rows, vectors, self.lanes, tiles, depth, pack_a, pack_b, unroll, touch, ahead, pieces, by_columns,
            False, tuple(self.reasons),
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
        pieces, by_columns = self._pieces(rows, columns, False, False)
        tiles = max(1, BLOCK_ROWS // rows)
        return GemmPlan(
            rows, columns, self.lanes, tiles, depth, False, pack_b, 1, False, 0, pieces, by_columns,
            True, tuple(self.reasons),
        )  # fmt: skip

    # ------------------------------------------------------------------------------------------------- packing

    def _pack_b(self) -> bool:
        if self.p.b.column != 1:
            self.reasons.append("B is packed: its rows are not contiguous")
            return True
        least = SWEEPS_OF_PAGES if self.p.b.row * self.item % PAGE == 0 else SWEEPS
        if self.bytes_b > NEAR_CACHE and self.p.rows >= least:
            self.reasons.append(f"B is packed: {self.bytes_b} bytes are read for each of {self.p.m} rows")
            return True
        why = "fits the nearest cache" if self.bytes_b <= NEAR_CACHE else f"is read for {self.p.m} rows only"
        self.reasons.append(f"B is read in place: it {why}")
        return False

    def _pack_a(self) -> bool:
        far = self.bytes_a > PAGE_REACH
        aligned = max(abs(self.p.a.row), abs(self.p.a.column)) * self.item % PAGE == 0
        often = self.columns >= 8 and self.p.rows > 24
        if often and (far or aligned):
            self.reasons.append(f"A is packed: {'its pages are many' if far else 'its rows meet in one cache set'}")
            return True
        self.reasons.append(f"A is read in place: {'its pages are few' if often else 'it is read too seldom'}")
        return False

    def _depth(self, pack_b: bool) -> int:
        """Steps of k per block: even blocks, multiples of a vector."""
        scattered = self.bytes_b > NEAR_CACHE and self.p.b.row * self.item >= 1024 and self.p.steps > 192
        deep = DEPTH // 4 if self.item == 4 else DEPTH * 3 // 16
        length = self.p.k.constant
        if length is None:
            return SHALLOW if scattered or self.p.n <= FEW_COLUMNS else deep
        most = deep if pack_b else SHALLOW if scattered else length
        blocks = -(-length // most)
        even = -(-length // blocks)
        return even if blocks == 1 else -(-even // self.lanes) * self.lanes

    # --------------------------------------------------------------------------------------------------- tiles

    def _tile(self, pack_a: bool, pack_b: bool) -> Tile:
        packed, in_place = _TILES[self.registers.count]
        tiles = packed if pack_a and pack_b else in_place
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
        near = self.bytes_a + self.bytes_b + self.bytes_c <= NEAR_CACHE
        sweep_a = 1 / 64 if near else 1 / 24
        sweep_b = 0.0 if pack_b else 1 / 64 if self.bytes_b <= NEAR_CACHE else 1 / 16
        sweeps = -(-self.p.rows // rows) * self.bytes_b * sweep_b + -(-self.columns // vectors) * self.bytes_a * sweep_a
        whole, rest = divmod(self.columns, vectors)
        across = sum(self._tile_cycles(rows, v, pack_b) * n for v, n in ((vectors, whole), (rest, 1)) if v)
        return -(-self.p.rows // rows) * across + sweeps + (SECOND_TILE if rest and whole else 0)

    def _tile_cycles(self, rows: int, vectors: int, pack_b: bool) -> float:
        """Two multiplications or loads a cycle, a latency of four; a call, the traffic of C, and its rows.

        A packed panel of B comes from the second-level cache.
        """
        step = max(rows * vectors / 2, (rows + vectors) / 2, 4, 3 * vectors if pack_b else 0)
        return self.p.steps * step + 40 + 2 * rows * vectors + 10 * rows

    # -------------------------------------------------------------------------------------------------- pieces

    def _pieces(self, rows: int, columns: int, pack_a: bool, pack_b: bool) -> tuple[int, bool]:
        """How many pieces, and whether along the columns: the longer side, in pieces worth a copy of the other."""
        if self.p.m.constant is None:
            return (PIECES_OF_ANY if not self.p.batch else 1), False
        across = self._parts(self.p.n, columns, PIECE_COLUMNS if pack_a else 0)
        down = self._parts(self.p.rows, 2 * rows, PIECE_ROWS if pack_b else 0)
        by_columns = across > 1 and (self.p.n >= self.p.rows or down == 1)
        return (across if by_columns else down), by_columns

    def _parts(self, length: int, least: int, preferred: int) -> int:
        """Of at least `least`, and at least `preferred` unless that leaves one thread without work."""
        most = min(MOST_PIECES, self.p.work // SHARE, length // least)
        return max(1, min(most, max(2, length // preferred) if preferred else most))
