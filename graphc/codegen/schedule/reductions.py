"""Reductions: short chains of roundings, and several rows per visit of a state in memory."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from graphc.codegen.nest.elements import is_float
from graphc.codegen.nest.loops import (
    ZERO,
    Body,
    Fold,
    Get,
    Index,
    Init,
    Kernel,
    Let,
    Load,
    Loop,
    Merge,
    Put,
    Stmt,
    map_loops,
    map_phases,
    substitute,
)
from graphc.codegen.schedule.weight import LIMIT, weight
from graphc.ir.poly import Poly
from graphc.records import replace

BLOCK = 8192  # items that one accumulator chain takes before it is merged into the next level
EXACT = frozenset({"max", "min", "any", "all", "argmax", "argmin"})

Opened = dict[str, Init]
"""Accumulators that are open around a body, each with the statement that opens another like it."""


def cascade(kernel: Kernel) -> Kernel:
    """Give each row, and each block of a long row, of a reduction its own accumulators, merged when it ends.

    The error of a sum then grows with the sum of the lengths of the levels, not with their product.
    """
    fresh = count()
    return map_phases(lambda body: _cascade_body(body, {}, fresh), kernel)


def _cascade_body(body: Body, outer: Opened, fresh: Iterator[int]) -> Body:
    own = {s.acc: Init(s.acc, s.monoid, s.dtypes) for s in body if isinstance(s, Init | Get) and _rounds(s)}
    out: list[Stmt] = []
    for s in body:
        if not isinstance(s, Loop):
            out.append(s)
        elif s.kind == "vector":
            out += _cascade_loop(s, outer, own, fresh)
        else:
            out.append(replace(s, body=_cascade_body(s.body, outer | own, fresh)))
    return tuple(out)


def _rounds(s: Init | Get) -> bool:
    return s.monoid.name not in EXACT and is_float(s.dtypes[0])


def _cascade_loop(s: Loop, outer: Opened, own: Opened, fresh: Iterator[int]) -> Body:
    span = (s.hi[0] - s.lo).constant
    long = (span is None or span > BLOCK) and len(s.hi) == 1
    folded = dict.fromkeys(x.acc for x in s.body if isinstance(x, Fold))
    split = {a: f"{a}.{next(fresh)}" for a in folded if a in outer or (long and a in own)}
    if not split:
        return (s,)
    body = tuple(replace(x, acc=split.get(x.acc, x.acc)) if isinstance(x, Fold) else x for x in s.body)
    opened = [replace((outer | own)[a], acc=new) for a, new in split.items()]
    closed = [Merge(a, new) for a, new in split.items()]
    if not long:
        return (*opened, replace(s, body=body), *closed)
    start = Poly.of(f"{s.var}.b")
    block = replace(s, lo=start, hi=(start + BLOCK, s.hi[0]), body=body)
    return (Loop(f"{s.var}.b", s.lo, s.hi, (*opened, block, *closed), step=BLOCK),)


def jam(kernel: Kernel, rows: int) -> Kernel:
    """A serial loop around one vector loop that folds into buffers: take `rows` rows per visit of the buffers.

        for i: for j: a = buffer[j]; a <- f(i, j); buffer[j] = a
    becomes
        for i by rows: for j: a = buffer[j]; unroll u: a <- f(i + u, j); buffer[j] = a
    """
    return map_phases(lambda body: map_loops(lambda s: (_jam_loop(s, rows),), body), kernel)


def _jam_loop(s: Loop, rows: int) -> Loop:
    loop = _folding_into_buffers(s)
    if loop is None:
        return s
    span = (s.hi[0] - s.lo).constant if len(s.hi) == 1 else None
    rows = min(rows, max(1, 2 * LIMIT // weight(loop)), rows if span is None else span)
    if rows < 2:
        return s
    gets = tuple(x for x in loop.body if isinstance(x, Get))
    puts = tuple(x for x in loop.body if isinstance(x, Put))
    middle = tuple(x for x in (*s.body[:-1], *loop.body) if not isinstance(x, Get | Put))
    copy = f"{s.var}.u"
    copies = substitute(middle, s.var, Poly.of(s.var) + Poly.of(copy))
    unrolled = Loop(copy, ZERO, (Poly.of(rows),), copies, "unroll")
    rest = None if span is not None and span % rows == 0 else s
    return replace(s, step=rows, body=(replace(loop, body=(*gets, unrolled, *puts)),), rest=rest)


def _folding_into_buffers(s: Loop) -> Loop | None:
    """The vector loop of a nest that may be jammed: nothing but folds into states that do not move with the rows."""
    loop = s.body[-1] if s.body else None
    if s.kind != "serial" or s.step > 1 or not isinstance(loop, Loop) or loop.kind != "vector":
        return None
    if not all(isinstance(x, Load | Let | Index) for x in s.body[:-1]):
        return None
    if not all(isinstance(x, Load | Let | Index | Get | Fold | Put) for x in loop.body):
        return None
    states = [x for x in loop.body if isinstance(x, Get | Put)]
    opened = {x.acc for x in states}
    folded = {x.acc for x in loop.body if isinstance(x, Fold)}
    still = states and folded == opened and not any(s.var in x.at.names for x in states)
    return loop if still else None
