"""The axes of all iteration spaces, and which of them are one: union-find that can be taken back."""

from __future__ import annotations

from collections.abc import Sequence

from graphc.ir.poly import Size
from graphc.records import dataclass, field


@dataclass
class Axes:
    """Classes of axes by name; `extents` has the length of every axis."""

    extents: dict[str, Size] = field(default_factory=dict)
    _same: dict[str, str] = field(default_factory=dict)  # the smaller class under the larger one
    _sizes: dict[str, int] = field(default_factory=dict)  # of the class of an axis that stands for others too
    _trail: list[str] = field(default_factory=list)  # keys of `_same` in the order in which they came

    def find(self, axis: str) -> str:
        """The axis that stands for the class."""
        while axis in self._same:
            axis = self._same[axis]
        return axis

    def unite(self, x: str, y: str) -> None:
        p, q = self.find(x), self.find(y)
        if p != q:
            m, n = self._sizes.get(p, 1), self._sizes.get(q, 1)
            p, q = (p, q) if m <= n else (q, p)
            self._same[p], self._sizes[q] = q, m + n
            self._trail.append(p)

    def equate(self, xs: Sequence[str | None] | None, ys: Sequence[str | None]) -> bool:
        """Unite two rows of axes, where None stands for an extent of 1, if their extents allow it."""
        if xs is None:
            return False
        pairs = [(x, y) for x, y in zip(xs, ys, strict=True) if x is not None and y is not None]
        if any(self.extents[x] != self.extents[y] for x, y in pairs):
            return False
        for x, y in pairs:
            self.unite(x, y)
        return True

    @property
    def mark(self) -> int:
        """What has been united by now, for `take_back`."""
        return len(self._trail)

    def take_back(self, mark: int) -> None:
        while len(self._trail) > mark:
            p = self._trail.pop()
            self._sizes[self._same.pop(p)] -= self._sizes.get(p, 1)
