"""Vector loops get a width: some vectors per iteration, then one masked loop for what is left."""

from __future__ import annotations

from graphc.codegen.nest.costs import HEAVY, cost
from graphc.codegen.nest.loops import (
    ZERO,
    Body,
    Get,
    Init,
    Kernel,
    Let,
    Load,
    Loop,
    Store,
    map_phases,
    statements,
    substitute,
)
from graphc.codegen.schedule.weight import LIMIT, lanes, weight
from graphc.ir.poly import Poly
from graphc.records import dataclass, replace


def vectorise(kernel: Kernel, width: int | None, unroll: int) -> Kernel:
    """Every vector loop in vectors of `width` lanes (None: by its types), at most `unroll` per iteration."""
    arrays = frozenset(b.name for b in kernel.buffers if b.role != "work")
    types = {b.name: b.dtype for b in kernel.buffers}
    states = {s.acc: s.dtypes for p in kernel.phases for s in statements(p.body) if isinstance(s, Init | Get)}
    return map_phases(_Vectors(width, unroll, arrays, types, states).body, kernel)


@dataclass(frozen=True)
class _Vectors:
    width: int | None
    unroll: int
    arrays: frozenset[str]
    types: dict[str, str]
    states: dict[str, tuple[str, ...]]

    def body(self, body: Body, hot: bool = True) -> Body:
        return tuple(self.loop(s, hot) if isinstance(s, Loop) else s for s in body)

    def loop(self, s: Loop, hot: bool) -> Loop:
        """`hot` is false in the rest of a loop: it runs a few times, so its code is kept short."""
        if s.kind != "vector":
            rest = self.loop(s.rest, False) if s.rest else None
            return replace(s, body=self.body(s.body, hot), rest=rest)
        width = self.width or lanes(s, self.types, self.states)
        span = (s.hi[0] - s.lo).constant if len(s.hi) == 1 else None
        tail = replace(s, step=width, width=width, masked=True)
        copies = self.copies(s, width, span) if hot else 0
        if copies == 0:
            return tail if span is None or span % width else replace(tail, masked=False)
        main = _copied(s, width, copies)
        if span is None or span % width:
            return replace(main, rest=tail)
        return replace(main, rest=replace(tail, masked=False)) if span % main.step else main

    def copies(self, s: Loop, width: int, span: int | None) -> int:
        """Vectors per iteration: copies hide the latency of light bodies, heavy ones fill the machine alone.

        None at all where masked vectors do for everything: no whole vector fits, or the body is too much code.
        """
        size = weight(s)
        most = self.unroll if _streams(s.body, self.arrays) else 1
        if any(isinstance(x, Let) and cost(x.op) >= HEAVY for x in s.body):
            most = min(most, 2)
        while most > 1 and most * size > LIMIT:
            most //= 2
        if size > 2 * LIMIT and (span is None or span % width):
            return 0
        known = [n for n in ((h - s.lo).constant for h in s.hi) if n is not None]
        return min([most, *(n // width for n in known)])


def _streams(body: Body, arrays: frozenset[str]) -> bool:
    """Straight-line code that reads or writes memory outside of the kernel."""
    if any(isinstance(s, Loop) for s in body):
        return False
    return any(isinstance(x, Load | Store) and x.buffer in arrays for x in body)


def _copied(s: Loop, width: int, copies: int) -> Loop:
    if copies == 1:
        return replace(s, step=width, width=width)
    u = f"{s.var}.v"
    body = substitute(s.body, s.var, Poly.of(s.var) + Poly.of(u))
    unrolled = Loop(u, ZERO, (Poly.of(copies * width),), body, "unroll", step=width)
    return replace(s, step=copies * width, width=width, body=(unrolled,))
