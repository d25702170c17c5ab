"""What runs: object code and all that is needed to call it, with nothing left of how it was made.

A program has one table of 64-bit words: addresses of arrays, then the values of symbolic extents.  Arguments and
results come from the caller, constants live with the program, and everything else shares one arena, with offsets
planned from the steps in which each array is alive.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from graphc.codegen.native import entry
from graphc.codegen.nest.chunk import Chunk
from graphc.errors import FeedError
from graphc.ir.location import Location
from graphc.ir.node import Literal
from graphc.ir.poly import Poly, Size, parse_poly
from graphc.ir.types import Shape, Type
from graphc.passes.memory import Arena, Interval, plan_arena
from graphc.records import dataclass


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


@dataclass(frozen=True, slots=True)
class Lifetime:
    """An array of the arena, needed in the steps `first` to `last`: `size` bytes, for each piece of `chunk` if any."""

    name: str
    size: Size
    first: int
    last: int
    chunk: Chunk | None = None

    def bound(self, dims: Mapping[str, int]) -> Interval:
        pieces = self.chunk.count(dims) if self.chunk else 1
        return Interval(self.name, Poly.of(self.size).evaluate(dims) * pieces, self.first, self.last)


@dataclass(frozen=True)
class Plan:
    """`words` is the table of the program; `slots` gives, for each kernel in turn, the words it is called with."""

    words: tuple[Word, ...]
    slots: tuple[tuple[int | None, ...], ...]
    lifetimes: tuple[Lifetime, ...]

    def arena(self, dims: Mapping[str, int]) -> Arena:
        """Offsets and size in bytes, for given values of the symbolic extents."""
        return plan_arena([x.bound(dims) for x in self.lifetimes], {})


@dataclass(frozen=True, slots=True)
class Signature:
    """Arguments and results; `unwrap`: the entry gives a single result as it is, not in a tuple."""

    inputs: tuple[Type, ...]
    outputs: tuple[Type, ...]
    unwrap: bool

    @property
    def is_static(self) -> bool:
        return all(t.is_static for t in self.inputs)

    @property
    def is_single(self) -> bool:
        return self.unwrap and len(self.outputs) == 1


@dataclass(frozen=True, slots=True)
class Site:
    """An operation that checks its indices at run time, for the message when one is outside."""

    op: str
    type: str
    loc: Location


@dataclass(frozen=True)
class Program:
    """`object` exports `run` and `entry`; a failed check gives a number of `sites`.

    `is_shared`: there is work for several threads.
    """

    object: bytes
    plan: Plan
    sites: Mapping[int, Site]
    is_shared: bool


Changing: TypeAlias = Poly | Planned
"""What a cell of the entry's block holds: an extent, or an address in the arena."""


class Entry:
    """The entry's view of a program: its `spec`, and what the cells of its block hold, in order.

    Where all extents are numbers there are no cells: shapes and offsets are part of the code.
    """

    def __init__(self, plan: Plan, signature: Signature) -> None:
        self.cells: list[Changing] = []
        self._offsets = plan.arena({}).offsets if signature.is_static else {}
        inputs = tuple(entry.ArrayType(t.dtype, tuple(map(self._extent, t.shape))) for t in signature.inputs)
        outputs = tuple(entry.ArrayType(t.dtype, self._shape(t)) for t in signature.outputs)
        results = tuple(entry.Output(j) for j in range(len(outputs)))
        words = tuple(self._word(w) for w in plan.words)
        self.spec = entry.EntrySpec(inputs, outputs, words, results[0] if signature.is_single else results)

    def _cell(self, content: Changing) -> entry.Cell:
        self.cells.append(content)
        return entry.Cell(len(self.cells) - 1)

    def _extent(self, e: Size) -> int | entry.Cell:
        return e if isinstance(e, int) else self._cell(e)

    def _shape(self, t: Type) -> tuple[int | entry.Cell, ...]:
        return tuple(self._cell(Poly.of(e)) for e in t.shape) if not t.is_static else numbers(t.shape, {})

    def _word(self, w: Word) -> entry.Word:
        match w:
            case Argument(k):
                return entry.Input(k)
            case Result(j):
                return entry.Output(j)
            case Constant(literal):
                return entry.Address(literal.array.ctypes.data)
            case Planned(name):
                return entry.Arena(self._offsets[name]) if self._offsets else self._cell(w)
            case Extent(symbol):
                return self._cell(parse_poly(symbol))

    def block(self, dims: Mapping[str, int], offsets: Mapping[str, int], arena: int) -> list[int]:
        """The numbers for the cells, for given values of the symbolic extents and an arena at that address."""
        return [c.evaluate(dims) if isinstance(c, Poly) else arena + offsets[c.name] for c in self.cells]


def numbers(shape: Shape, dims: Mapping[str, int]) -> tuple[int, ...]:
    """A shape with its symbolic extents bound. Raises FeedError where one comes out negative."""
    extents = tuple(Poly.of(e).evaluate(dims) for e in shape)
    if any(e < 0 for e in extents):
        sizes = ", ".join(f"{name} = {value}" for name, value in dims.items())
        raise FeedError(
            "an extent comes out negative", expected=f"({', '.join(map(str, shape))}) with no extent below 0", got=sizes
        )
    return extents
