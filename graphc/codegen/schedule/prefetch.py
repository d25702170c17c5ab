"""Ask for the next row while the later stages of this one compute: memory would be idle then."""

from __future__ import annotations

from graphc.codegen.nest.loops import Body, Kernel, Load, Loop, Phase, Prefetch, map_loops
from graphc.ir.poly import Poly
from graphc.records import replace


def prefetch(kernel: Kernel, ahead: int) -> Kernel:
    """In the second stage of a row, hints for what the first stage of a later row will load.

    Only in phases that are cut in chunks: what is small is in the cache.
    """
    inputs = frozenset(b.name for b in kernel.buffers if b.role == "in")

    def one(phase: Phase) -> Phase:
        if not (phase.chunk and ahead):
            return phase
        return replace(phase, body=map_loops(lambda s: _with_hints(s, inputs, ahead), phase.body))

    return replace(kernel, phases=tuple(map(one, kernel.phases)))


def _with_hints(s: Loop, inputs: frozenset[str], ahead: int) -> Body:
    stages = [x for x in s.body if isinstance(x, Loop) and x.kind == "vector"]
    if len(stages) < 2 or stages[0].var != stages[1].var:
        return (s,)
    first, second = stages[:2]
    hints = tuple(
        Prefetch(x.buffer, x.at.substitute(s.var, Poly.of(s.var) + ahead))
        for x in first.body
        if isinstance(x, Load) and x.buffer in inputs and {s.var, first.var} <= x.at.names and not x.indices
    )
    body = tuple(replace(x, body=(*hints, *x.body)) if x is second else x for x in s.body)
    return (replace(s, body=body),)
