"""Static memory planning: intermediate arrays get fixed offsets in one arena.

Two arrays may share bytes when no step needs both.  Placing the largest first, each into the tightest gap that is free
during its whole life, is the greedy-by-size strategy of Pisarchyk and Lee, "Efficient Memory Management for Deep Neural
Net Inference" (2020), section 4.2.  No plan can be smaller than the bytes that are live at the worst step.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from graphc.ir.poly import Poly, Size
from graphc.records import dataclass

ALIGNMENT = 64


@dataclass(frozen=True, slots=True)
class Interval:
    """An array of `size` bytes that is needed in the steps `first` to `last`, both included."""

    name: str
    size: Size
    first: int
    last: int

    def meets(self, other: Interval) -> bool:
        """Whether some step needs both."""
        return self.first <= other.last and other.first <= self.last


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
    placed: list[Placed] = []
    for interval, size in sorted(sizes, key=lambda pair: (-pair[1], pair[0].first, pair[0].name)):
        placed.append(Placed(interval, _best_fit(interval, size, placed), size))
    end = max((p.end for p in placed), default=0)
    placed.sort(key=lambda p: (p.interval.first, p.interval.name))
    return Arena({p.interval.name: p.offset for p in placed}, end, _lower_bound(placed), tuple(placed))


def _best_fit(interval: Interval, size: int, placed: Sequence[Placed]) -> int:
    """The start of the smallest gap that is large enough, else the end of what is in the way."""
    best, best_gap, top = None, None, 0
    for p in sorted((p for p in placed if p.bytes and p.interval.meets(interval)), key=lambda p: p.offset):
        gap = p.offset - top
        if gap >= _aligned(size) and (best_gap is None or gap < best_gap):
            best, best_gap = top, gap
        top = max(top, p.end)
    if size == 0:
        return 0
    return top if best is None else best


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
