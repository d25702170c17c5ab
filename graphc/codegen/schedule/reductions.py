"""Reductions: short chains of roundings."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from graphc.codegen.nest.elements import is_float
from graphc.codegen.nest.loops import (
    Body,
    Fold,
    Get,
    Init,
    Kernel,
    Loop,
    Merge,
    Stmt,
    map_phases,
)
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
