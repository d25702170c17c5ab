"""Squared deviations from a mean in the pass that finds the mean, where a second one would read memory again.

That is so along an outer axis of an array that no cache holds.  A row of the vector axis is in the first-level cache
when it is looked at again, and two plain sums cost less than one that moves its mean along.  The mean itself stays a
plain sum: merging moments makes NaN of an infinity.
"""

from __future__ import annotations

import math

from graphc.codegen.lower.analysis import Analysis
from graphc.codegen.lower.rewriting import Rewriting
from graphc.codegen.nest.cluster import Cluster, Reduction, Value
from graphc.codegen.nest.elements import ITEMSIZE, is_float
from graphc.codegen.nest.monoids import MOMENTS, SUM
from graphc.ir.poly import Poly
from graphc.records import dataclass, field, replace

CACHED = 1 << 20  # bytes that a second pass finds in a cache of its own core
USUAL = 256  # length of an axis that is not known
ROUNDING = 1e-6  # of the inverse of a count in f32
SQUARES = 2  # the component of the moments


def one_pass(cluster: Cluster) -> Cluster:
    """The same cluster with moments for the sums of squared deviations along outer axes."""
    facts = Analysis(cluster)
    found = {r.id: x for r in facts.reductions if (x := _deviating(cluster, r)) and _is_read_again(facts, r, x)}
    if not found:
        return cluster
    return _Moments(cluster, cluster.axes, lambda p: p, moved=found).run()


def _is_read_again(facts: Analysis, r: Reduction, x: Value) -> bool:
    size = ITEMSIZE[x.dtype]
    for a in x.axes:
        size *= facts.cluster.axes[a].constant or USUAL
    return facts.in_buffer(r) and size > CACHED


def _deviating(cluster: Cluster, r: Reduction) -> Value | None:
    """x where a reduction is the sum of (x - mean of x)^2 over the axes of that mean."""
    square = r.args[0]
    if r.monoid is not SUM or square.op != "mul" or square.args[0] is not square.args[1]:
        return None
    deviation = square.inputs[0]
    if deviation.op != "sub" or len(deviation.inputs) < 2 or not is_float(deviation.dtype):
        return None
    x, y = deviation.inputs
    return next((item for item, m in ((x, y), (y, x)) if _is_mean(cluster, m, item, r.over)), None)


def _is_mean(cluster: Cluster, m: Value, x: Value, over: frozenset[str]) -> bool:
    """Is m the sum of x over some axes, divided by the number of its terms?"""
    if m.op not in ("mul", "div") or len(m.inputs) < 2:
        return False
    total, divisor = m.inputs
    r = total.reduction
    if r is None or r.monoid is not SUM or r.args != (x,) or r.over != over:
        return False
    count = math.prod((cluster.axes[a] for a in over), start=Poly.of(1))
    return _is_number(divisor, count, m.op == "mul")


def _is_number(v: Value, count: Poly, inverse: bool) -> bool:
    """Is v the count, or its inverse, up to rounding?"""
    if v.op == "const" and count.constant:
        (number,) = v.args
        assert not isinstance(number, Value)
        return math.isclose(number * count.constant if inverse else number / count.constant, 1, rel_tol=ROUNDING)
    return not inverse and v.op == "cast" and v.inputs[0].op == "index" and v.inputs[0].index == count


@dataclass
class _Moments(Rewriting):
    """`moved` gives the items of the reductions that become moments."""

    moved: dict[int, Value] = field(default_factory=dict)

    def value(self, v: Value) -> Value:
        new = super().value(v)
        return replace(new, component=SQUARES) if v.reduction and v.reduction.id in self.moved else new

    def reduction(self, r: Reduction) -> Reduction:
        if r.id in self.moved and r.id not in self.reductions:
            item = self.values[self.moved[r.id].id]
            self.reductions[r.id] = replace(r, monoid=MOMENTS, args=(item,))
        return super().reduction(r)
