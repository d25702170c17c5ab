"""Guards that hold at every point of the space are dropped: the border of a pad is on some sides only."""

from __future__ import annotations

from graphc.codegen.lower.rewriting import Rewriting
from graphc.codegen.nest.cluster import Cluster, Place
from graphc.codegen.nest.loops import Guard
from graphc.ir.poly import Poly
from graphc.records import dataclass, replace


def drop_sure_guards(cluster: Cluster) -> Cluster:
    guarded = [v.place for v in cluster.values if v.place and v.place.guards]
    if not any(_is_sure(g, cluster.axes) for p in guarded for g in p.guards):
        return cluster
    return _Dropping(cluster, cluster.axes, lambda p: p).run()


@dataclass
class _Dropping(Rewriting):
    def place(self, p: Place) -> Place:
        return replace(p, guards=tuple(g for g in p.guards if not _is_sure(g, self.axes)))


def _is_sure(g: Guard, axes: dict[str, Poly]) -> bool:
    """Is the index in [0, bound) wherever all axes are in theirs?

    Its least and its greatest value are taken axis by axis; what is left must be constants that settle it.
    """
    least = most = g.index
    for a, n in axes.items():
        step = g.index.coefficient(a).constant
        if step is None:
            return False
        low, high = (Poly(), n - 1) if step >= 0 else (n - 1, Poly())
        least, most = least.substitute(a, low), most.substitute(a, high)
    below = (g.bound - most).constant
    return least.constant is not None and least.constant >= 0 and below is not None and below > 0
