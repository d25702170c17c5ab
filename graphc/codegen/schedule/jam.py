"""Several rows per visit of a state in memory.

    for i: for j: a = buffer[j]; m = steady(j); a <- f(i, j, m); buffer[j] = a
becomes
    for i by rows: for j: a = buffer[j]; m = steady(j); unroll u: a <- f(i + u, j, m); buffer[j] = a
"""

from __future__ import annotations

from graphc.codegen.nest.loops import (
    ZERO,
    Finish,
    Fold,
    Get,
    Index,
    Kernel,
    Let,
    Load,
    Loop,
    Put,
    map_loops,
    map_phases,
    substitute,
)
from graphc.codegen.schedule.renaming import parted
from graphc.codegen.schedule.weight import LIMIT, weight
from graphc.ir.poly import Poly
from graphc.records import replace


def jam(kernel: Kernel, rows: int) -> Kernel:
    """A serial loop around one vector loop that folds into buffers takes `rows` rows at once."""
    return map_phases(lambda body: map_loops(lambda s: (_jam_loop(s, rows),), body), kernel)


def _jam_loop(s: Loop, rows: int) -> Loop:
    loop = _folding_into_buffers(s)
    if loop is None:
        return s
    span = (s.hi[0] - s.lo).constant if len(s.hi) == 1 else None
    rows = min(rows, max(1, 2 * LIMIT // weight(loop)), rows if span is None else span)
    if rows < 2:
        return s
    puts = tuple(x for x in loop.body if isinstance(x, Put))
    steady, changing = parted((*s.body[:-1], *(x for x in loop.body if x not in puts)), s.var, set())
    copy = f"{s.var}.u"
    copies = substitute(changing, s.var, Poly.of(s.var) + Poly.of(copy))
    unrolled = Loop(copy, ZERO, (Poly.of(rows),), copies, "unroll")
    rest = None if span is not None and span % rows == 0 else s
    return replace(s, step=rows, body=(replace(loop, body=(*steady, unrolled, *puts)),), rest=rest)


def _folding_into_buffers(s: Loop) -> Loop | None:
    """The vector loop of a nest that may be jammed: nothing but folds into states that do not move with the rows."""
    loop = s.body[-1] if s.body else None
    if s.kind != "serial" or s.step > 1 or not isinstance(loop, Loop) or loop.kind != "vector":
        return None
    if not all(isinstance(x, Load | Let | Index) for x in s.body[:-1]):
        return None
    if not all(isinstance(x, Load | Let | Index | Get | Fold | Put | Finish) for x in loop.body):
        return None
    states = [x for x in loop.body if isinstance(x, Get | Put)]
    stored = {x.acc for x in states if isinstance(x, Put)}
    folded = {x.acc for x in loop.body if isinstance(x, Fold)}
    still = folded and folded == stored and not any(s.var in x.at.names for x in states)
    return loop if still else None
