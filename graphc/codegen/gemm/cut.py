"""A product cut by its plan, in numbers: what the code and the sizes of the work arrays share."""

from __future__ import annotations

from graphc.codegen.gemm.plan import BLOCK_ROWS, GemmPlan
from graphc.codegen.gemm.product import Product
from graphc.codegen.nest.elements import ITEMSIZE
from graphc.records import dataclass

LINE = 64  # bytes of a cache line


@dataclass(frozen=True)
class Cut:
    """Tiles are counted from the top, panels of columns from the left; the last of either may be short."""

    product: Product
    plan: GemmPlan

    @property
    def item(self) -> int:
        return ITEMSIZE[self.product.dtype]

    @property
    def tiles(self) -> int | None:
        """How many there are; None for a symbolic number of rows."""
        return None if self.product.m.constant is None else -(-self.product.m.constant // self.plan.rows)

    @property
    def sure_rows(self) -> int:
        """Rows that every tile has."""
        known = self.product.m.constant
        return 1 if known is None or self.plan.half else (known - 1) % self.plan.rows + 1

    @property
    def panel_by_panel(self) -> bool:
        """Does what follows take the many rows of a panel while these are near?"""
        known = self.product.m.constant
        return self.plan.half or (not self.plan.block and (known is None or known > BLOCK_ROWS))

    @property
    def some_columns(self) -> bool:
        """What follows may get some of the columns at a time."""
        return self.panels > 1 and (self.panel_by_panel or (self.plan.by_columns and self.plan.pieces > 1))

    @property
    def block_rows(self) -> int:
        """The most rows that what follows a product gets at a time."""
        if self.plan.block:
            return self.plan.block
        tiles = max(1, BLOCK_ROWS // self.plan.rows)
        return (tiles if self.tiles is None else min(tiles, self.tiles)) * self.plan.rows

    @property
    def panels(self) -> int:
        return -(-self.product.n // self.plan.width)

    @property
    def last_vectors(self) -> int:
        """Of the last panel, which may be narrower than the others."""
        return -(-self.product.n // self.plan.lanes) - (self.panels - 1) * self.plan.vectors

    @property
    def depth(self) -> int:
        """Steps of k in a block."""
        known = self.product.k.constant
        return self.plan.depth if known is None else min(self.plan.depth, known)

    @property
    def odd(self) -> bool:
        """Some block of k may not be a multiple of the steps that are unrolled."""
        known = self.product.k.constant
        return known is None or known % self.plan.unroll > 0 or self.depth % self.plan.unroll > 0

    @property
    def bytes_of_tile(self) -> int:
        """A packed tile of A, whose last steps are written in whole vectors (see pack)."""
        return self._room(self.plan.rows)

    @property
    def bytes_of_panel(self) -> int:
        """A packed panel of B."""
        return self._room(self.plan.width)

    def _room(self, width: int) -> int:
        return whole_lines((self.depth + -self.depth % self.plan.lanes) * width * self.item)

    @property
    def bytes_of_a(self) -> int:
        """A packed block of A, which all pieces need."""
        if not self.plan.pack_a:
            return 0
        assert self.tiles is not None
        return self.tiles * self.bytes_of_tile

    @property
    def bytes_of_b(self) -> int:
        """The panels of B that a piece packs at a time."""
        return self.bytes_of_panel * (self.panels if self.plan.block else 1) if self.plan.pack_b else 0

    @property
    def one_b(self) -> bool:
        """Do pieces pack different panels of one matrix, so that there is one place for each panel?"""
        return bool(self.plan.block) and self.plan.by_columns and not self.product.batch


def whole_lines(size: int) -> int:
    """Bytes of the cache lines that `size` bytes fill."""
    return -(-size // LINE) * LINE
