"""Tiles: where an access is contiguous along another axis than the vectors, walk both axes a little at a time.

A transposing copy then touches a few cache lines and pages again and again, instead of one for each item: a fifth of
the time at 4096 x 4096.  Within a tile several rows are done at once: see `rows`.
"""

from __future__ import annotations

from graphc.codegen.nest.loops import (
    Check,
    Index,
    Kernel,
    Let,
    Load,
    Loop,
    Prefetch,
    Store,
    map_loops,
    map_phases,
)
from graphc.codegen.schedule.rows import several_rows
from graphc.ir.poly import Poly
from graphc.records import replace

TILE = 32  # points along either axis: with more, rows that are a power of two apart leave no place for each other


def tile(kernel: Kernel) -> Kernel:
    """Two nested loops, the inner one in vectors, become loops over tiles around loops inside a tile."""
    return map_phases(lambda body: map_loops(lambda s: (_tiled(s),), body), kernel)


def _tiled(s: Loop) -> Loop:
    inner = s.body[-1] if s.body else None
    if not (isinstance(inner, Loop) and inner.kind == "vector" and s.kind == "serial" and s.step == 1):
        return s
    if not all(isinstance(x, Load | Let | Index) for x in s.body[:-1]) or not _independent(inner):
        return s
    if not any(_across(x.at, s.var, inner.var) for x in inner.body if isinstance(x, Load | Store)):
        return s
    row, column = Poly.of(f"{s.var}.t"), Poly.of(f"{inner.var}.t")
    columns = replace(inner, lo=column, hi=(column + TILE, *inner.hi))
    rows = several_rows(replace(s, lo=row, hi=(row + TILE, *s.hi), body=(*s.body[:-1], columns)), columns, TILE)
    across = Loop(f"{inner.var}.t", inner.lo, inner.hi, (rows,), step=TILE)
    return Loop(f"{s.var}.t", s.lo, s.hi, (across,), step=TILE)


def _independent(s: Loop) -> bool:
    """The iterations may run in any order: no accumulators, and no two stores to one place."""
    if any(isinstance(x, Store) and x.indices for x in s.body):
        return False
    return all(isinstance(x, Load | Let | Index | Store | Check | Prefetch) for x in s.body)


def _across(at: Poly, outer: str, inner: str) -> bool:
    """Contiguous along the outer loop, far apart along the inner one."""
    near, far = at.coefficient(outer).constant, at.coefficient(inner).constant
    return near in (-1, 1) and (far is None or abs(far) > 1)
