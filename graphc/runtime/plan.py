"""The plan of a program: which array every buffer of every kernel is, and where it lies.

A program has one table of 64-bit words: addresses of arrays, then the values of symbolic extents.  Arguments and
results come from the caller, constants live with the program, and everything else shares one arena, with offsets planned
from the steps in which each array is alive.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from graphc.codegen.elements import ITEMSIZE
from graphc.codegen.lift import buffer_name
from graphc.codegen.loops import Kernel
from graphc.ir.node import Literal, Value
from graphc.ir.poly import Poly, Size, parse_poly
from graphc.passes.access import storage
from graphc.passes.fuse import Fusion
from graphc.passes.memory import Arena, Interval, plan_arena


@dataclass(frozen=True, slots=True)
class Argument:
    """The address of an argument's array."""

    position: int


@dataclass(frozen=True, slots=True)
class Result:
    """The address of a result's array."""

    position: int


@dataclass(frozen=True, slots=True)
class Constant:
    """The address of an array that the program owns."""

    literal: Literal


@dataclass(frozen=True, slots=True)
class Planned:
    """A place in the arena."""

    name: str


@dataclass(frozen=True, slots=True)
class Extent:
    """The value of a symbolic extent."""

    symbol: str

    def evaluate(self, dims: Mapping[str, int]) -> int:
        return parse_poly(self.symbol).evaluate(dims)


Word: TypeAlias = Argument | Result | Constant | Planned | Extent


@dataclass(frozen=True)
class Plan:
    """`words` is the table of the program; `slots` gives, for each kernel in turn, the words it is called with."""

    words: tuple[Word, ...]
    slots: tuple[tuple[int | None, ...], ...]
    intervals: tuple[Interval, ...]

    def arena(self, dims: Mapping[str, int]) -> Arena:
        """Offsets and size in bytes, for given values of the symbolic extents."""
        return plan_arena(self.intervals, dims)


def plan(fusion: Fusion, kernels: Sequence[Kernel]) -> Plan:
    return _Planner(fusion, kernels).plan()


class _Planner:
    def __init__(self, fusion: Fusion, kernels: Sequence[Kernel]) -> None:
        self.fusion, self.kernels = fusion, kernels
        self.words: dict[Word, int] = {}
        self.places: dict[str, Word] = {}
        for k, v in enumerate(fusion.graph.inputs):
            self.places[buffer_name(v)] = Argument(k)
        for j, v in enumerate(fusion.graph.outputs):
            self.places[buffer_name(storage(v, fusion.anchors))] = Result(j)
        for n in fusion.graph.nodes:
            if n.op.name == "constant":
                self.places[buffer_name(n.out)] = Constant(n.attrs["value"])

    def plan(self) -> Plan:
        slots = tuple(tuple(self._slots(k)) for k in self.kernels)
        return Plan(tuple(self.words), slots, tuple(self._intervals()))

    def _slots(self, kernel: Kernel) -> Iterator[int | None]:
        for b in kernel.buffers:
            if b.role == "status":
                yield None
            elif b.role == "work":
                yield self._word(Planned(f"{kernel.name}.{b.name}"))
            else:
                yield self._word(self.places.get(b.name, Planned(b.name)))
        for symbol in kernel.dims:
            yield self._word(Extent(symbol))

    def _word(self, w: Word) -> int:
        return self.words.setdefault(w, len(self.words))

    def _intervals(self) -> Iterator[Interval]:
        """Stored values from the kernel that writes them to the last that reads them; scratch for one kernel."""
        for step, (group, kernel) in enumerate(zip(self.fusion.groups, self.kernels, strict=True)):
            for v in group.writes:
                if buffer_name(v) not in self.places:
                    yield Interval(buffer_name(v), v.type.nbytes, step, self._last_read(v, step))
            for b in kernel.buffers:
                if b.role == "work":
                    yield Interval(f"{kernel.name}.{b.name}", _bytes(b.size, b.dtype), step, step)

    def _last_read(self, v: Value, written: int) -> int:
        reads = [k for k, g in enumerate(self.fusion.groups) if v in g.reads]
        return max(reads, default=written)


def _bytes(size: Size, dtype: str) -> Poly:
    return Poly.of(size) * ITEMSIZE[dtype]
