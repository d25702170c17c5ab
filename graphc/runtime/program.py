"""What runs: object code and all that is needed to call it, with nothing left of how it was made.

A program has one table of 64-bit words: addresses of arrays, then the values of symbolic extents.  Arguments and
results come from the caller, constants live with the program, and everything else shares one arena, with offsets
planned from the steps in which each array is alive.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

from graphc.codegen.native import entry
from graphc.codegen.native.memory import LARGE
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
class Start:
    """The address of the arena."""


@dataclass(frozen=True, slots=True)
class Planned:
    """The address of an array of the arena, where that depends on symbolic extents."""

    name: str


@dataclass(frozen=True, slots=True)
class Extent:
    """The value of a symbolic extent."""

    symbol: str

    def evaluate(self, dims: Mapping[str, int]) -> int:
        return parse_poly(self.symbol).evaluate(dims)


Word: TypeAlias = Argument | Result | Constant | Start | Planned | Extent


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


@dataclass(frozen=True, slots=True)
class Donation:
    """What became of the arguments whose memory the caller gives up.

    `results`: pairs of a result and the argument that it lies in.  `written`: the arguments that are written to.
    `unused`: the others, each with the reason.
    """

    results: tuple[tuple[int, int], ...] = ()
    written: tuple[int, ...] = ()
    unused: tuple[tuple[int, str], ...] = ()


RELEASED = 1 << 22  # work from which on other Python threads may run: 10 to 60 microseconds


@dataclass(frozen=True)
class Plan:
    """`words` is the table of the program.  `work` is the cost of a run, in multiplications of a matrix product.

    `arena` is the size of the arena in bytes, or, where symbolic extents decide, the arrays that are to lie in it.
    """

    words: tuple[Word, ...]
    work: Poly
    arena: int | tuple[Lifetime, ...]
    donation: Donation = Donation()

    def bytes(self, dims: Mapping[str, int]) -> int:
        """The size of the arena, for given values of the symbolic extents."""
        return self.arena if isinstance(self.arena, int) else arena_of(self.arena, dims).size


def arena_of(lifetimes: Iterable[Lifetime], dims: Mapping[str, int]) -> Arena:
    """Where these arrays lie, for given values of the symbolic extents."""
    return plan_arena([x.bound(dims) for x in lifetimes], {})


@dataclass(frozen=True, slots=True)
class Signature:
    """Inputs and outputs of a graph, and which of them are variables.

    The last inputs are the variables numbered `reads`, all others arguments.  The last outputs are new values of the
    variables `writes`, all others results.  `unwrap`: the entry gives a single result as it is, not in a container.
    `weak`: the arguments that are Python floats; with None, any without axes may be one.
    """

    inputs: tuple[Type, ...]
    outputs: tuple[Type, ...]
    unwrap: bool
    reads: tuple[int, ...] = ()
    writes: tuple[int, ...] = ()
    weak: tuple[int, ...] | None = ()

    @property
    def arguments(self) -> tuple[Type, ...]:
        return self.inputs[: len(self.inputs) - len(self.reads)]

    @property
    def results(self) -> tuple[Type, ...]:
        return self.outputs[: len(self.outputs) - len(self.writes)]

    @property
    def is_single(self) -> bool:
        return self.unwrap and len(self.results) == 1


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


@dataclass(frozen=True, slots=True)
class AtLeast:
    """Whether a number that depends on symbolic extents reaches a limit."""

    number: Poly
    limit: int

    def evaluate(self, dims: Mapping[str, int]) -> int:
        return int(self.number.evaluate(dims) >= self.limit)


class ArenaSize:
    """The bytes of the arena."""


Changing: TypeAlias = Poly | AtLeast | Planned | ArenaSize
"""What a cell of the entry's block holds: an extent, a decision, an offset in the arena, its size."""


class Entry:
    """The entry's view of a program: its `spec`, and what the cells of its block hold, in order.

    Where all extents are numbers there are no cells: shapes and offsets are part of the code.
    """

    def __init__(self, plan: Plan, signature: Signature) -> None:
        self.cells: list[Changing] = []
        self._signature = signature
        self._lifetimes = () if isinstance(plan.arena, int) else plan.arena
        inputs = tuple(entry.ArrayType(t.dtype, tuple(map(self._extent, t.shape))) for t in signature.arguments)
        outputs = tuple(entry.ArrayType(t.dtype, self._shape(t)) for t in signature.results)
        self.spec = entry.EntrySpec(
            inputs=inputs,
            outputs=outputs,
            words=tuple(self._word(w) for w in plan.words),
            returned=plan.donation.results,
            written=plan.donation.written,
            is_single=signature.is_single,
            weak=signature.weak,
            arena=plan.arena if isinstance(plan.arena, int) else self._cell(ArenaSize()),
            releases=self._decision(plan.work, RELEASED),
            recycles=self._decision(_fresh(plan, signature), LARGE),
        )

    def _cell(self, content: Changing) -> entry.Cell:
        self.cells.append(content)
        return entry.Cell(len(self.cells) - 1)

    def _extent(self, e: Size) -> int | entry.Cell:
        return e if isinstance(e, int) else self._cell(e)

    def _shape(self, t: Type) -> tuple[int | entry.Cell, ...]:
        return tuple(self._cell(Poly.of(e)) for e in t.shape) if not t.is_static else numbers(t.shape, {})

    def _decision(self, number: Poly, limit: int) -> int | entry.Cell:
        decision = AtLeast(number, limit)
        return decision.evaluate({}) if number.constant is not None else self._cell(decision)

    def _word(self, w: Word) -> entry.Word:
        match w:
            case Argument(k):
                first = len(self._signature.arguments)
                return entry.Input(k) if k < first else entry.Current(self._signature.reads[k - first])
            case Result(j):
                first = len(self._signature.results)
                return entry.Output(j) if j < first else entry.Spare(self._signature.writes[j - first])
            case Constant(literal):
                return entry.Address(literal.array.ctypes.data)
            case Start():
                return entry.Arena(0)
            case Planned():
                return entry.Arena(self._cell(w))
            case Extent(symbol):
                return self._cell(parse_poly(symbol))

    def block(self, dims: Mapping[str, int]) -> list[int]:
        """The numbers for the cells, for given values of the symbolic extents."""
        arena = arena_of(self._lifetimes, dims)
        return [_content(c, dims, arena) for c in self.cells]


def _fresh(plan: Plan, signature: Signature) -> Poly:
    """Bytes of the results that lie in no argument."""
    old = {j for j, _ in plan.donation.results}
    return sum((Poly.of(t.nbytes) for j, t in enumerate(signature.results) if j not in old), Poly())


def _content(c: Changing, dims: Mapping[str, int], arena: Arena) -> int:
    match c:
        case Planned(name):
            return arena.offsets[name]
        case ArenaSize():
            return arena.size
        case _:
            return c.evaluate(dims)


def numbers(shape: Shape, dims: Mapping[str, int]) -> tuple[int, ...]:
    """A shape with its symbolic extents bound. Raises FeedError where one comes out negative."""
    extents = tuple(Poly.of(e).evaluate(dims) for e in shape)
    if any(e < 0 for e in extents):
        sizes = ", ".join(f"{name} = {value}" for name, value in dims.items())
        raise FeedError(
            "an extent comes out negative", expected=f"({', '.join(map(str, shape))}) with no extent below 0", got=sizes
        )
    return extents
