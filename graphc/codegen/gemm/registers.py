"""The vector registers of a target: what bounds the tile of a product."""

from __future__ import annotations

from graphc.codegen.nest.elements import ITEMSIZE
from graphc.records import dataclass


@dataclass(frozen=True, slots=True)
class Registers:
    """`count` registers of `width` bytes."""

    width: int
    count: int

    def lanes(self, dtype: str) -> int:
        return self.width // ITEMSIZE[dtype]


def registers(features: frozenset[str]) -> Registers:
    """The widest that the target computes in."""
    if "avx512" in features:
        return Registers(64, 32)
    if "avx" in features:
        return Registers(32, 16)
    return Registers(16, 32 if "neon" in features else 16)
