"""Dead code: nodes that nothing asked for."""

from __future__ import annotations

from collections import Counter
from typing import ClassVar

from graphc.ir.graph import Graph
from graphc.passes.base import Pass
from graphc.passes.rebuild import reachable, rebuild
from graphc.records import dataclass


@dataclass(frozen=True)
class Prune(Pass):
    """Drop every node that no output and no update can reach; placeholders and variables stay in the signature."""

    name: ClassVar[str] = "prune"

    def run(self, graph: Graph, fired: Counter[str] | None = None) -> Graph:
        live = reachable(graph)
        if len(live) == len(graph.nodes):
            return graph
        if fired is not None:
            fired.update(n.op.name for n in graph.nodes if n.id not in live)
        return rebuild(graph, keep=live)
