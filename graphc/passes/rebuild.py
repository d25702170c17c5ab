"""Build a graph anew from another, node by node: the one way in which passes make their result."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import TypeAlias

from graphc.ir.graph import Graph, Update
from graphc.ir.node import Node, Value

Transfer: TypeAlias = Callable[[Graph, Node, tuple[Value, ...]], Sequence[Value]]
"""(new graph, old node, its operands in the new graph) -> its results in the new graph."""


def copy(graph: Graph, node: Node, inputs: tuple[Value, ...]) -> tuple[Value, ...]:
    """The same operation on the new operands."""
    new = graph.add(node.op, inputs, node.attrs, node.types, node.loc)
    return (Value(new),) if len(new.types) == 1 else tuple(Value(new, k) for k in range(len(new.types)))


def _take(graph: Graph, node: Node, inputs: tuple[Value, ...]) -> tuple[Value, ...]:
    """The same where every node is copied: no two of them become equal."""
    new = graph.take(node, inputs)
    return (Value(new),) if len(new.types) == 1 else tuple(Value(new, k) for k in range(len(new.types)))


def rebuild(
    graph: Graph, transfer: Transfer = _take, keep: Collection[int] | None = None, into: Graph | None = None
) -> Graph:
    """Pass every node, or those whose ids are in `keep`, through `transfer`; the signature follows.

    Without a `transfer` they are copied.
    """
    out = Graph(graph.name) if into is None else into
    values: dict[int, Sequence[Value]] = {}
    for node in graph.nodes:
        if keep is None or node.id in keep:
            inputs = tuple([values[v.node.id][v.index] for v in node.inputs])
            values[node.id] = transfer(out, node, inputs)

    def new(v: Value) -> Value:
        return values[v.node.id][v.index]

    out.inputs = [new(v) for v in graph.inputs]
    out.variables = [new(v) for v in graph.variables]
    out.outputs = [new(v) for v in graph.outputs]
    out.updates = [Update(new(u.variable), new(u.value)) for u in graph.updates]
    out.initial = dict(graph.initial)
    return out


def roots(graph: Graph) -> list[Value]:
    """What must survive: outputs, updates, and the leaves that make up the signature."""
    updates = [v for u in graph.updates for v in (u.variable, u.value)]
    return [*graph.inputs, *graph.variables, *graph.outputs, *updates]


def reachable(graph: Graph) -> set[int]:
    """Ids of the nodes that the roots depend on, roots included."""
    live = {v.node.id for v in roots(graph)}
    for node in reversed(graph.nodes):
        if node.id in live:
            live.update([v.node.id for v in node.inputs])
    return live
