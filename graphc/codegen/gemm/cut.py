"""A product cut by its plan, in numbers: what the code and the sizes of the work arrays share."""

from __future__ import annotations

from graphc.codegen.gemm.plan import GemmPlan
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
        return 1 if known is None else (known - 1) % self.plan.rows + 1

    @property
    def block_tiles(self) -> int:
        """The most tiles that a block has."""
        return self.plan.tiles if self.tiles is None else min(self.plan.tiles, self.tiles)

    @property
    def block_rows(self) -> int:
        return self.block_tiles * self.plan.rows

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
    def many_blocks(self) -> bool:
        """Several blocks of rows: packed panels of B are kept for the next."""
        return self.tiles is None or self.tiles > self.plan.tiles

    @property
    def bytes_of_a(self) -> int:
        """A packed block of A."""
        return self.room(self.block_tiles, self.plan.rows) if self.plan.pack_a else 0

    def bytes_of_b(self, pieces: int) -> int:
        """The packed panels of B that one of so many pieces keeps."""
        panels = -(-self.panels // pieces) if self.plan.by_columns else self.panels
        kept = panels if self.many_blocks else 1
        return self.room(kept, self.plan.width) if self.plan.pack_b else 0

    def room(self, panels: int, width: int) -> int:
        """Bytes of packed panels; the last one is written to in whole vectors of steps (see pack)."""
        return whole_lines((panels * self.depth + -self.depth % self.plan.lanes) * width * self.item)

    def scratch(self, pieces: int) -> int:
        """Bytes of packed operands that one of so many pieces needs."""
        return self.bytes_of_a + self.bytes_of_b(pieces)


def whole_lines(size: int) -> int:
    """Bytes of the cache lines that `size` bytes fill."""
    return -(-size // LINE) * LINE
