"""Several rows of a reduction side by side.

    for i: a = identity; for j in vectors: x = A[i, j]; v = B[j]; a <- x * v; y[i] = lanes of a
becomes
    for i by 8: a.0 = a.1 = ... = identity
                for j in vectors: v = B[j]; x.0 = A[i, j]; a.0 <- x.0 * v; x.1 = A[i + 1, j]; a.1 <- x.1 * v; ...
                y[i] = lanes of a.0; y[i + 1] = lanes of a.1; ...

What the rows share is loaded once, and the lanes of one accumulator are merged while others wait for memory: two thirds
of the time for a matrix times a vector in the second-level cache.
"""

from __future__ import annotations

from graphc.codegen.nest.loops import (
    Body,
    Finish,
    Fold,
    Index,
    Init,
    Kernel,
    Let,
    Load,
    Loop,
    Store,
    map_loops,
    map_phases,
    substitute,
)
from graphc.codegen.schedule.renaming import Renaming, parted
from graphc.codegen.schedule.weight import LIMIT, weight
from graphc.ir.poly import Poly
from graphc.records import replace

FEWEST = 4  # rows that are worth longer code


def abreast(kernel: Kernel, rows: int, unroll: int) -> Kernel:
    """A serial loop around one vector loop that folds into accumulators of the row takes up to `rows` rows at once.

    `unroll`: vectors that an iteration will take, for which there must be room in as much code.
    """
    return map_phases(lambda body: map_loops(lambda s: (_side_by_side(s, rows, unroll),), body), kernel)


def _side_by_side(s: Loop, rows: int, unroll: int) -> Loop:
    at = _place_of_reduction(s)
    if at is None:
        return s
    loop = s.body[at]
    assert isinstance(loop, Loop)
    span = (s.hi[0] - s.lo).constant if len(s.hi) == 1 else None
    while rows >= FEWEST and (rows * unroll * weight(loop) > LIMIT or (span is not None and span < rows)):
        rows //= 2
    if rows < FEWEST:
        return s
    own = {x.acc for x in s.body if isinstance(x, Init)}
    before = _copies(s.body[:at], s.var, rows, own)
    shared, _ = parted(loop.body, s.var, set(own))
    if not any(isinstance(x, Load) for x in shared):
        return s
    inside, after = (_copies(b, s.var, rows, own) for b in (loop.body, s.body[at + 1 :]))
    body = (*before, replace(loop, body=inside), *after)
    return replace(s, step=rows, body=body, rest=None if span is not None and span % rows == 0 else s)


def _place_of_reduction(s: Loop) -> int | None:
    """Where the only loop stands in the body of a loop over rows that can be side by side.

    It sums: the lanes of other accumulators take more code to merge, and there was little to gain.
    """
    loops = [k for k, x in enumerate(s.body) if isinstance(x, Loop)]
    if s.kind != "serial" or s.step > 1 or s.rest or len(loops) != 1:
        return None
    loop = s.body[loops[0]]
    assert isinstance(loop, Loop)
    simple = all(isinstance(x, Load | Let | Index | Init | Finish | Store | Loop) for x in s.body)
    folds = all(isinstance(x, Load | Let | Index | Fold) for x in loop.body)
    opened = {x.acc for x in s.body if isinstance(x, Init) and x.monoid.name == "sum"}
    folded = {x.acc for x in loop.body if isinstance(x, Fold)}
    moving = all(s.var in x.at.names for x in s.body if isinstance(x, Store))
    still = not any(s.var in bound.names for bound in (loop.lo, *loop.hi))
    fits = loop.kind == "vector" and simple and folds and moving and still
    return loops[0] if fits and folded and folded <= opened else None


def _copies(body: Body, var: str, rows: int, own: set[str]) -> Body:
    """What all rows share, once, then what is left of each row; `own` as in `parted`."""
    shared, left = parted(body, var, own)
    each = (Renaming(f".{k}", own).body(substitute(left, var, Poly.of(var) + k)) for k in range(rows))
    return (*shared, *(x for row in each for x in row))
