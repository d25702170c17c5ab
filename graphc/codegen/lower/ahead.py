"""What an outer loop does not change and an inner one needs: dear values are computed once, before the outer loop.

Of `x * exp(w)`, with rows in x and one row in w, the exponentials are computed before the loop over the rows; so are
the deviations that columns are divided by, and the lengths of one of two sets of points.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from graphc.codegen.lower.analysis import Analysis
from graphc.codegen.nest.cluster import Effect, Value
from graphc.ir.poly import Poly

DEAR = 8  # operations, a division being eight: from here on a load takes less
MOST_ITEMS = 1 << 16  # that are kept: more would not stay in a cache


def ahead_of(facts: Analysis, k: int, effects: Iterable[Effect], ready: Callable[[Value], bool]) -> list[Value]:
    """The values to be computed before the loop over axis k for effects inside it."""
    if k == facts.last:
        return []
    effects = facts.closure(effects, ready)
    inside = facts.reached(effects, ready)
    free = _unchanged(facts, k, inside, ready)
    early = {i for i in free if _pays(facts, k, inside[i])}
    needed = {a.id for e in effects for a in e.args} | {
        a.id for v in inside.values() if v.id not in early for a in v.inputs
    }
    return [inside[i] for i in sorted(early & needed)]


def _unchanged(facts: Analysis, k: int, inside: dict[int, Value], ready: Callable[[Value], bool]) -> set[int]:
    """Those that neither vary along axis k nor wait for a reduction."""
    free = set[int]()
    for i in sorted(inside):
        v = inside[i]
        waits = v.reduction or any(a.id not in free and not ready(a) for a in v.inputs)
        if not waits and facts.axes[k] not in v.axes:
            free.add(i)
    return free


def _pays(facts: Analysis, k: int, v: Value) -> bool:
    """Is it dear, and would the innermost loop compute it?"""
    items = Poly.of(1)
    for axis in facts.axes[k + 1 :]:
        items = items * facts.cluster.axes[axis] if axis in v.axes else items
    few = items.constant is None or items.constant <= MOST_ITEMS
    return facts.costs[v.id] >= DEAR and facts.axes[-1] in v.axes and few
