"""The loop-nest IR: a grammar of immutable records, and its printer (`verify` holds the verifier).

    Kernel ::= name dims buffers phase*
    Phase  ::= chunk? stmt*                                  one parallel region; a barrier lies between two phases
    stmt   ::= Load | Store | Let | Index | Prefetch         scalar code, three-address, every name assigned once
             | LoadTuple | StoreTuple                        of neighbours: a vector of tuples is interleaved
             | Check | Accumulate                            run-time indices: bounds, scatter-add
             | Init | Fold | Merge | Get | Put | Finish      accumulators (see `monoids`)
             | Loop
    Loop   ::= serial | vector | unroll  over  var in [lo, min(hi)) by step, then `rest` goes on where it stopped

*Indices.*  Every extent, stride, index and bound is a `Poly`: an integer polynomial over loop variables and symbolic
dimensions, of degree one in the loop variables.  An index of storage counts elements.  `dims` lists the symbols (a
floor-division is a symbol of its own) whose values the caller passes.

*Types.*  Every value has a dtype: a Load that of its buffer (f16 is widened to f32), a Let the one it names (op "cast"
converts to it, op "const" makes a number of it), an Index its own, a Finish those of the accumulator.  A Store converts
nothing but f32 to an f16 buffer, and a bool to its byte.  An argument of a Let that is a number takes the type of the
other arguments.

*Loops.*  An iteration of a loop runs while `var + loop.whole <= hi`.  A vector loop of width W gives its variable W
values at once; when `masked`, lanes past the bound neither load, store, check nor fold.  A vector loop that is not yet
scheduled has width 1.  An unroll loop is copied; the folds of its copies are lifted together, so that one block of
values costs one merge.

*Empty loops.*  A statement is reached exactly when every loop around it runs, and the address of every load that is
reached is valid; a guarded access touches no memory where a guard fails.  A statement of a loop body may therefore be
hoisted out of its loop only behind a test that the loop runs at all.

*Sharing.*  Storage that is only read, and is not aliased by an output, does not change: such loads are pure.  All lanes
of a vector are loaded before any is stored.  The lanes of an Accumulate in a vector loop have distinct addresses.

*Status.*  A Check that fails leaves its `site` (not 0) in the one word of the buffer whose role is "status".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeAlias

from graphc.codegen.nest.chunk import Chunk
from graphc.codegen.nest.monoids import Monoid
from graphc.ir.poly import Poly
from graphc.records import dataclass, replace

ZERO = Poly()

Indices: TypeAlias = tuple[tuple[str, Poly], ...]
"""Run-time parts of an address: (value that holds an integer known to be in bounds, stride in elements)."""


@dataclass(frozen=True, slots=True)
class Buffer:
    """Flat storage.  `role` is in | out | work | status; a work buffer has `elements`, planned by the caller.

    `size` counts the elements for one piece of `chunk`, or of the whole where there is none.  `alias` names an input
    whose storage an output shares.
    """

    name: str
    dtype: str
    role: str
    size: Poly = ZERO
    alias: str | None = None
    chunk: Chunk | None = None

    def elements(self, env: Mapping[str, int]) -> int:
        return self.size.evaluate(env) * (self.chunk.count(env) if self.chunk else 1)


@dataclass(frozen=True, slots=True)
class Guard:
    """Holds where 0 <= index < bound; a load gives its `fill` where a guard does not hold (padding)."""

    index: Poly
    bound: Poly


@dataclass(frozen=True, slots=True)
class Load:
    """name = buffer[at + sum(index * stride)]"""

    name: str
    buffer: str
    at: Poly
    guards: tuple[Guard, ...] = ()
    fill: float = 0.0
    indices: Indices = ()


@dataclass(frozen=True, slots=True)
class Store:
    """buffer[at + sum(index * stride)] = value; nothing is written where a guard does not hold."""

    buffer: str
    at: Poly
    value: str
    indices: Indices = ()
    guards: tuple[Guard, ...] = ()


@dataclass(frozen=True, slots=True)
class LoadTuple:
    """names[k] = buffer[at + k], for each k"""

    names: tuple[str, ...]
    buffer: str
    at: Poly


@dataclass(frozen=True, slots=True)
class StoreTuple:
    """buffer[at + k] = values[k], for each k"""

    buffer: str
    at: Poly
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Accumulate:
    """buffer[at + sum(index * stride)] op= value, where `op` is the name of a scalar operation."""

    buffer: str
    at: Poly
    value: str
    indices: Indices = ()
    op: str = "add"
    guards: tuple[Guard, ...] = ()


@dataclass(frozen=True, slots=True)
class Prefetch:
    """A hint that buffer[at] will be used; no effect on the meaning, and `at` may lie outside."""

    buffer: str
    at: Poly
    write: bool = False


@dataclass(frozen=True, slots=True)
class Let:
    """name = op(args), of type dtype; an argument is the name of a value or a number."""

    name: str
    op: str
    args: tuple[str | float, ...]
    dtype: str


@dataclass(frozen=True, slots=True)
class Index:
    """The value of an index expression as an integer."""

    name: str
    at: Poly
    dtype: str = "i64"


@dataclass(frozen=True, slots=True)
class Check:
    """The value `index` (i64) must lie in [-bound, bound); otherwise `site` is put in the status word."""

    index: str
    bound: Poly
    site: int


@dataclass(frozen=True, slots=True)
class Init:
    """acc = the identity; `dtypes` are those of the components of the state."""

    acc: str
    monoid: Monoid
    dtypes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Fold:
    """acc <- merge(acc, lift(args))"""

    acc: str
    args: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Merge:
    """acc <- merge(acc, other), lane by lane"""

    acc: str
    other: str


@dataclass(frozen=True, slots=True)
class Get:
    """acc = the state kept in buffers[at], one buffer per component"""

    acc: str
    monoid: Monoid
    buffers: tuple[str, ...]
    at: Poly
    dtypes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Put:
    """buffers[at] = the state of acc"""

    acc: str
    buffers: tuple[str, ...]
    at: Poly


@dataclass(frozen=True, slots=True)
class Finish:
    """Name the components of acc.  `lanes`: first merge the lanes of a vector loop that has ended."""

    names: tuple[str, ...]
    acc: str
    lanes: bool = True


@dataclass(frozen=True, slots=True)
class Loop:
    var: str
    lo: Poly
    hi: tuple[Poly, ...]
    body: tuple[Stmt, ...]
    kind: str = "serial"
    step: int = 1
    width: int = 1
    masked: bool = False
    rest: Loop | None = None

    @property
    def whole(self) -> int:
        """How many values of the variable must be left for one more iteration."""
        return self.step if self.rest or (self.kind == "vector" and not self.masked) else 1


Stmt: TypeAlias = (
    Load
    | Store
    | LoadTuple
    | StoreTuple
    | Accumulate
    | Prefetch
    | Let
    | Index
    | Check
    | Init
    | Fold
    | Merge
    | Get
    | Put
    | Finish
    | Loop
)
Body: TypeAlias = tuple[Stmt, ...]


@dataclass(frozen=True, slots=True)
class Phase:
    """In the body `c` is the chunk, `<axis>.lo` and `<axis>.hi` its range, `nc` the count of the phase before."""

    chunk: Chunk | None
    body: Body


@dataclass(frozen=True, slots=True)
class Kernel:
    name: str
    dims: tuple[str, ...]
    buffers: tuple[Buffer, ...]
    phases: tuple[Phase, ...]

    def __str__(self) -> str:
        return "\n".join(_print_kernel(self))


# ---------------------------------------------------------------------------------------------------------- walking


def parts(loop: Loop) -> Iterator[Loop]:
    """A loop and the loops that go on where it stopped."""
    part: Loop | None = loop
    while part:
        yield part
        part = part.rest


def statements(body: Body) -> Iterator[Stmt]:
    """Every statement, loops and what they contain included, in order."""
    for s in body:
        yield s
        if isinstance(s, Loop):
            for part in parts(s):
                yield from statements(part.body)


def touched(s: Stmt) -> tuple[str, ...]:
    """The buffers that one statement reads, writes or asks for."""
    if isinstance(s, Load | Store | LoadTuple | StoreTuple | Accumulate | Prefetch):
        return (s.buffer,)
    return s.buffers if isinstance(s, Get | Put) else ()


def map_loops(f: Callable[[Loop], Body], body: Body) -> Body:
    """Replace every loop, innermost first, by one or several statements."""
    out: list[Stmt] = []
    for s in body:
        out.extend(f(_map_inside(f, s)) if isinstance(s, Loop) else (s,))
    return tuple(out)


def _map_inside(f: Callable[[Loop], Body], s: Loop) -> Loop:
    return replace(s, body=map_loops(f, s.body), rest=_map_inside(f, s.rest) if s.rest else None)


def map_phases(f: Callable[[Body], Body], kernel: Kernel) -> Kernel:
    return replace(kernel, phases=tuple(Phase(p.chunk, f(p.body)) for p in kernel.phases))


def substitute(body: Body, var: str, value: Poly) -> Body:
    """Replace a loop variable in every index of straight-line code."""
    return tuple(_substitute(s, var, value) for s in body)


def _substitute(s: Stmt, var: str, value: Poly) -> Stmt:
    if isinstance(s, Load | Store | Accumulate):
        guards = tuple(Guard(g.index.substitute(var, value), g.bound) for g in s.guards)
        return replace(s, at=s.at.substitute(var, value), guards=guards)
    if isinstance(s, LoadTuple | StoreTuple | Prefetch | Index | Get | Put):
        return replace(s, at=s.at.substitute(var, value))
    return s


# --------------------------------------------------------------------------------------------------------- printing


def _print_kernel(k: Kernel) -> Iterator[str]:
    yield f"kernel {k.name}({', '.join(k.dims)})"
    for b in k.buffers:
        size = f"[{b.size}]{' per chunk' if b.chunk else ''}" if b.role == "work" else ""
        yield f"  {b.role:4} {b.name}: {b.dtype}{size}{f' in place of {b.alias}' if b.alias else ''}"
    for p in k.phases:
        yield f"phase {p.chunk.axis} in chunks of [0, {p.chunk.extent}) by {p.chunk.unit}" if p.chunk else "phase once"
        yield from _print_body(p.body, "  ")


def _print_body(body: Body, pad: str) -> Iterator[str]:
    for s in body:
        if isinstance(s, Loop):
            yield from _print_loop(s, pad)
        else:
            yield pad + print_stmt(s)


def _print_loop(s: Loop, pad: str) -> Iterator[str]:
    hi = str(s.hi[0]) if len(s.hi) == 1 else f"min({', '.join(map(str, s.hi))})"
    for part in parts(s):
        head = f"for {s.var} in [{s.lo}, {hi})" if part is s else f"rest {s.var}"
        step = f" by {part.step}" if part.step > 1 else ""
        width = f" x{part.width}" if part.kind == "vector" else ""
        yield f"{pad}{head}{step} {part.kind}{width}{' masked' if part.masked else ''}:"
        yield from _print_body(part.body, pad + "  ")


def print_stmt(s: Stmt) -> str:
    """One line for a statement; a loop is only named."""
    match s:
        case Load(name, buffer, at, guards, fill, indices):
            return f"{name} = {_place(buffer, at, indices)}{_where(guards)}{f' else {fill}' if guards else ''}"
        case Store(buffer, at, value, indices, guards):
            return f"{_place(buffer, at, indices)} = {value}{_where(guards)}"
        case LoadTuple(names, buffer, at):
            return f"{', '.join(names)} = {buffer}[{at}, ...]"
        case StoreTuple(buffer, at, values):
            return f"{buffer}[{at}, ...] = {', '.join(values)}"
        case Accumulate(buffer, at, value, indices, op, guards):
            return f"{_place(buffer, at, indices)} {op}= {value}{_where(guards)}"
        case Prefetch(buffer, at, write):
            return f"prefetch {buffer}[{at}]{' to write' if write else ''}"
        case Let(name, op, args, dtype):
            return f"{name}: {dtype} = {op} {', '.join(map(str, args))}"
        case Index(name, at, dtype):
            return f"{name}: {dtype} = index {at}"
        case Check(index, bound, site):
            return f"check -({bound}) <= {index} < {bound} at site {site}"
        case Init(acc, monoid, dtypes):
            return f"{acc}: {', '.join(dtypes)} = {monoid.name}.identity"
        case Fold(acc, args):
            return f"{acc} <- {', '.join(args)}"
        case Merge(acc, other):
            return f"{acc} <- merge {other}"
        case Get(acc, monoid, buffers, at, dtypes):
            return f"{acc}: {', '.join(dtypes)} = {monoid.name} {', '.join(buffers)}[{at}]"
        case Put(acc, buffers, at):
            return f"{', '.join(buffers)}[{at}] = state {acc}"
        case Finish(names, acc, lanes):
            return f"{', '.join(names)} = {'lanes of ' if lanes else ''}{acc}"
        case Loop(var):
            return f"loop {var}"


def _place(buffer: str, at: Poly, indices: Indices) -> str:
    run_time = "".join(f" + {value}*({stride})" for value, stride in indices)
    return f"{buffer}[{at}{run_time}]"


def _where(guards: tuple[Guard, ...]) -> str:
    return "".join(f" if 0 <= {g.index} < {g.bound}" for g in guards)
