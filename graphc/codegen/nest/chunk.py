"""How the work of a parallel loop is cut into pieces."""

from __future__ import annotations

from collections.abc import Mapping

from graphc.ir.poly import Poly
from graphc.records import dataclass


@dataclass(frozen=True, slots=True)
class Chunk:
    """How a phase is cut: `extent` in `count` pieces, each but the last a multiple of `unit`.

    The count depends on the shape only, never on the number of threads, so partial results and their order of
    combination, hence every bit of the answer, are the same on any machine.
    """

    axis: str
    extent: Poly
    work: Poly  # cost of the whole phase, in elementary operations
    unit: int = 1
    grain: int = 1 << 17
    most: int = 64

    def count(self, env: Mapping[str, int]) -> int:
        units = -(-self.extent.evaluate(env) // self.unit)
        return max(1, min(self.most, units, self.work.evaluate(env) // self.grain))

    def bounds(self, c: int, env: Mapping[str, int]) -> tuple[int, int]:
        n, count = self.extent.evaluate(env), self.count(env)
        units = -(-n // self.unit)
        return units * c // count * self.unit, min(n, units * (c + 1) // count * self.unit)

    @property
    def pieces(self) -> int:
        """The largest count that any shape gives: how many private copies of a buffer are needed."""
        known = self.extent.constant is not None and self.work.constant is not None
        return self.count({}) if known else self.most
