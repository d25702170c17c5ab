"""Slices: a concatenation that is stored is computed in place, each part in its slice of the array (else: `parts`).

That takes a part that is computed for this alone and is one contiguous piece of the whole: the axis is the first one
that is longer than 1.  Such are the stacked results of an unrolled loop.
"""

from __future__ import annotations

from collections.abc import Collection

from graphc.ir.graph import Graph
from graphc.ir.node import Node, Value
from graphc.ir.ops.arithmetic import alias
from graphc.ir.poly import Poly
from graphc.passes.access import find_anchors, is_contiguous_join, storage
from graphc.passes.rebuild import copy, rebuild
from graphc.records import dataclass


@dataclass(frozen=True, slots=True)
class Slice:
    """The items of `whole` from `start` on, in row-major order."""

    whole: Value
    start: int


def own_parts(graph: Graph) -> Graph:
    """A copy in which every part of a join has storage of its own: what it shares with others is copied."""
    anchors = find_anchors(graph)
    joins = {n.id for n in graph.nodes if n.id in anchors and is_contiguous_join(n)}
    if not joins:
        return graph
    taken = {storage(v, anchors) for v in graph.outputs}

    def transfer(out: Graph, node: Node, inputs: tuple[Value, ...]) -> tuple[Value, ...]:
        if node.id in joins:
            inputs = tuple(own(out, old, new) for old, new in zip(node.inputs, inputs, strict=True))
        return copy(out, node, inputs)

    def own(out: Graph, old: Value, new: Value) -> Value:
        base = storage(old, anchors)
        if base not in taken and _is_computed(base, anchors):
            taken.add(base)
            return new
        with out.building(old.node.loc):
            copied: Value = alias(new, tag=-1 - len(out))
        return copied

    return rebuild(graph, transfer)


def find_slices(graph: Graph, anchors: Collection[int]) -> dict[Value, Slice]:
    """The arrays that are parts of another; no part of a concatenation that has one which is shared or not computed."""
    taken = {storage(v, anchors) for v in graph.outputs}
    slices: dict[Value, Slice] = {}
    for node in graph.nodes:
        if node.id not in anchors or not is_contiguous_join(node):
            continue
        parts = [storage(v, anchors) for v in node.inputs]
        apart = len(set(parts)) == len(parts) and taken.isdisjoint(parts) and slices.keys().isdisjoint(parts)
        if apart and all(_is_computed(p, anchors) for p in parts):
            slices |= _slices(node, parts)
    return slices


def _slices(node: Node, parts: list[Value]) -> dict[Value, Slice]:
    sizes = {p: Poly.of(p.type.size).evaluate({}) for p in parts}
    start, out = 0, dict[Value, Slice]()
    for p in parts:
        out[p] = Slice(node.out, start)
        start += sizes[p]
    return out


def _is_computed(base: Value, anchors: Collection[int]) -> bool:
    """By a kernel that writes each of its elements once; a join is written by others."""
    node = base.node
    plain = node.op.is_elementwise or (node.op.loops is not None and "scatter" not in node.op.traits)
    return node.id in anchors and plain and not node.op.is_source and not is_contiguous_join(node)
