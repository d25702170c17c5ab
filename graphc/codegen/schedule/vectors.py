"""Vector loops get a width: some vectors per iteration, then one masked loop for what is left, if anything can be."""

from __future__ import annotations

from collections.abc import Mapping
from math import gcd, prod

from graphc.codegen.nest.chunk import Chunk
from graphc.codegen.nest.loops import (
    ZERO,
    Body,
    Get,
    Init,
    Kernel,
    Let,
    Load,
    LoadTuple,
    Loop,
    Phase,
    Store,
    StoreTuple,
    statements,
    substitute,
)
from graphc.codegen.schedule.weight import LIMIT, lanes, weight
from graphc.ir.costs import HEAVY, cost
from graphc.ir.poly import Poly
from graphc.records import dataclass, replace


def vectorise(kernel: Kernel, width: int | None, unroll: int) -> Kernel:
    """Every vector loop in vectors of `width` lanes (None: by its types), at most `unroll` per iteration."""
    arrays = frozenset(b.name for b in kernel.buffers if b.role != "work")
    types = {b.name: b.dtype for b in kernel.buffers}
    states = {s.acc: s.dtypes for p in kernel.phases for s in statements(p.body) if isinstance(s, Init | Get)}
    vectors = _Vectors(width, unroll, arrays, types, states)
    return replace(kernel, phases=tuple(Phase(p.chunk, vectors.body(p.body, _cut(p.chunk))) for p in kernel.phases))


Multiples = Mapping[str, int]
"""Of what a variable is always a multiple."""


def _cut(chunk: Chunk | None) -> Multiples:
    """A chunk begins at a multiple of the unit, and ends at one or where the axis does."""
    if chunk is None:
        return {}
    end = {} if chunk.extent.constant is None else {f"{chunk.axis}.hi": gcd(chunk.unit, chunk.extent.constant)}
    return {f"{chunk.axis}.lo": chunk.unit, **end}


def _divisor(p: Poly, known: Multiples) -> int:
    """A number that divides p; 0 where p is 0."""
    return gcd(*(c * prod(known.get(name, 1) for name in names) for names, c in p.terms))


@dataclass(frozen=True)
class _Vectors:
    width: int | None
    unroll: int
    arrays: frozenset[str]
    types: dict[str, str]
    states: dict[str, tuple[str, ...]]

    def body(self, body: Body, known: Multiples, hot: bool = True) -> Body:
        return tuple(self.loop(s, known, hot) if isinstance(s, Loop) else s for s in body)

    def loop(self, s: Loop, known: Multiples, hot: bool) -> Loop:
        """`hot` is false in the rest of a loop: it runs a few times, so its code is kept short."""
        if s.kind != "vector":
            inside = {**known, s.var: gcd(_divisor(s.lo, known), s.step)}
            rest = self.loop(s.rest, inside, False) if s.rest else None
            return replace(s, body=self.body(s.body, inside, hot), rest=rest)
        width = self.width or lanes(s, self.types, self.states)
        even = gcd(*(_divisor(h - s.lo, known) for h in s.hi))  # the number of items is a multiple of it
        tail = replace(s, step=width, width=width, masked=bool(even % width))
        copies = self.copies(s, width, even) if hot else 0
        if copies == 0:
            return tail
        main = _copied(s, width, copies)
        return replace(main, rest=tail) if even % main.step else main

    def copies(self, s: Loop, width: int, even: int) -> int:
        """Vectors per iteration: copies hide the latency of light bodies, heavy ones fill the machine alone.

        None at all where masked vectors do for everything: no whole vector fits, or the body is too much code.
        """
        size = weight(s)
        most = self.unroll if _streams(s.body, self.arrays) else 1
        if any(isinstance(x, Let) and cost(x.op) >= HEAVY for x in s.body):
            most = min(most, 2)
        while most > 1 and most * size > LIMIT:
            most //= 2
        if size > 2 * LIMIT and even % width:
            return 0
        known = [n for n in ((h - s.lo).constant for h in s.hi) if n is not None]
        return min([most, *(n // width for n in known)])


def _streams(body: Body, arrays: frozenset[str]) -> bool:
    """Straight-line code that reads or writes memory outside of the kernel."""
    if any(isinstance(s, Loop) for s in body):
        return False
    return any(isinstance(x, Load | Store | LoadTuple | StoreTuple) and x.buffer in arrays for x in body)


def _copied(s: Loop, width: int, copies: int) -> Loop:
    if copies == 1:
        return replace(s, step=width, width=width)
    u = f"{s.var}.v"
    body = substitute(s.body, s.var, Poly.of(s.var) + Poly.of(u))
    unrolled = Loop(u, ZERO, (Poly.of(copies * width),), body, "unroll", step=width)
    return replace(s, step=copies * width, width=width, body=(unrolled,))
