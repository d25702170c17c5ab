"""Options that commands share, once they are read."""

from __future__ import annotations

from collections.abc import Mapping

from graphc.cli.observe import Observer
from graphc.records import dataclass, field


@dataclass(frozen=True)
class Compilation:
    """Which passes run, without the passes and rules named in `disable`, and who watches them."""

    level: str = "O3"
    disable: tuple[str, ...] = ()
    observer: Observer = field(default_factory=Observer)


@dataclass(frozen=True)
class Inputs:
    """Random inputs: the seed, and extents for symbolic dimensions."""

    seed: int = 0
    dims: Mapping[str, int] = field(default_factory=dict)
