"""Static memory planning: intermediate arrays get fixed offsets in one arena.

Two arrays may share bytes when no step needs both.  Placing the largest first, each into the tightest gap that is free
during its whole life, is the greedy-by-size strategy of Pisarchyk and Lee, "Efficient Memory Management for Deep Neural
Net Inference" (2020), section 4.2.  No plan can be smaller than the bytes that are live at the worst step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

import numpy as np

from graphc.ir.poly import Poly, Size
from graphc.records import dataclass

ALIGNMENT = 64
_NO_GAP = np.iinfo(np.int64).max


@dataclass(frozen=True, slots=True)
class Interval:
    """An array of `size` bytes that is needed in the steps `first` to `last`, both included."""

    name: str
    size: Size
    first: int
    last: int


@dataclass(frozen=True)
class Placed:
    """An interval with its extents bound: `bytes` from `offset`."""

    interval: Interval
    offset: int
    bytes: int

    @property
    def end(self) -> int:
        return self.offset + _aligned(self.bytes)


@dataclass(frozen=True)
class Arena:
    """`offsets` by name, `size` in bytes as allocated, and the `lower_bound` that no plan can beat."""

    offsets: dict[str, int]
    size: int
    lower_bound: int
    placed: tuple[Placed, ...] = ()

    def explain(self) -> Iterator[str]:
        """One line for the whole and one per array."""
        separate = sum(_aligned(p.bytes) for p in self.placed)
        yield f"arena {self.size} bytes (no plan needs less than {self.lower_bound}; apart {separate})"
        for p in self.placed:
            i = p.interval
            yield f"  {i.name}: {p.bytes} bytes at {p.offset}, steps {i.first}..{i.last}"


def plan_arena(intervals: Iterable[Interval], env: Mapping[str, int]) -> Arena:
    """Offsets such that arrays needed in one step never overlap; `env` binds the symbolic extents.

    Deterministic: equal sizes are placed in order of first step and name.  An array of no bytes lies at 0.
    """
    sizes = [(i, Poly.of(i.size).evaluate(env)) for i in intervals]
    row = _Row(len(sizes))
    return _arena(
        Placed(interval, row.place(interval, size), size)
        for interval, size in sorted(sizes, key=lambda pair: (-pair[1], pair[0].first, pair[0].name))
    )


def _arena(placed: Iterable[Placed]) -> Arena:
    row = sorted(placed, key=lambda p: (p.interval.first, p.interval.name))
    end = max((p.end for p in row), default=0)
    return Arena({p.interval.name: p.offset for p in row}, end, _lower_bound(row), tuple(row))


class _Row:
    """What has been placed, as arrays: thousands of intervals are looked at for each of thousands."""

    def __init__(self, count: int) -> None:
        self.first, self.last, self.offset, self.end = (np.zeros(count, np.int64) for _ in range(4))
        self.count = 0

    def place(self, interval: Interval, size: int) -> int:
        """The start of the smallest gap that is large enough, else the end of what is in the way."""
        if size == 0:
            return 0
        start, n = self._best_fit(interval, _aligned(size)), self.count
        self.first[n], self.last[n] = interval.first, interval.last
        self.offset[n], self.end[n] = start, start + _aligned(size)
        self.count += 1
        return start

    def _best_fit(self, interval: Interval, size: int) -> int:
        n = self.count
        (met,) = ((self.first[:n] <= interval.last) & (self.last[:n] >= interval.first)).nonzero()
        if not met.size:
            return 0
        offsets = self.offset[met]
        order = offsets.argsort(kind="stable")
        starts = np.zeros(len(met) + 1, np.int64)
        np.maximum.accumulate(self.end[met[order]], out=starts[1:])
        gaps = offsets[order] - starts[:-1]
        gaps[gaps < size] = _NO_GAP
        best = int(gaps.argmin())
        return int(starts[-1] if gaps[best] == _NO_GAP else starts[best])


def _lower_bound(placed: Sequence[Placed]) -> int:
    """The largest sum of aligned bytes over the steps."""
    change: dict[int, int] = {}
    for p in placed:
        change[p.interval.first] = change.get(p.interval.first, 0) + _aligned(p.bytes)
        change[p.interval.last + 1] = change.get(p.interval.last + 1, 0) - _aligned(p.bytes)
    live = peak = 0
    for step in sorted(change):
        live += change[step]
        peak = max(peak, live)
    return peak


def _aligned(size: int) -> int:
    return -(-size // ALIGNMENT) * ALIGNMENT
