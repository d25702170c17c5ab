"""Before fusion: nothing but what results need, and storage that nothing else shares for results and parts of joins."""

from __future__ import annotations

from graphc.ir.graph import Graph
from graphc.ir.node import Value
from graphc.ir.ops.arithmetic import alias
from graphc.passes.access import find_anchors, storage
from graphc.passes.rebuild import reachable, rebuild
from graphc.passes.slices import own_parts


def own_outputs(graph: Graph) -> Graph:
    """A copy in which every output has storage of its own: arguments, constants, views and repeats are copied.

    Dead nodes go, whether or not the pass prune did run: a kernel has no place for what nobody reads.
    """
    graph = rebuild(graph, keep=reachable(graph))
    anchors = find_anchors(graph)
    taken: set[Value] = set()
    for k, v in enumerate(graph.outputs):
        base = storage(v, anchors)
        if base.node.id in anchors and base not in taken:
            taken.add(base)
            continue
        with graph.building(v.node.loc):
            graph.outputs[k] = alias(v, tag=-1 - k)
        taken.add(graph.outputs[k])
    return own_parts(graph)
