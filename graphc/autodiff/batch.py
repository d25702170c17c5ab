"""Vectorisation: a graph of one item as a graph of a batch of items, operation by operation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from graphc.errors import UnsupportedError
from graphc.ir.graph import Graph
from graphc.ir.node import Node, Value


class Batched(NamedTuple):
    """What stands for a value of one item: a tensor with the batch axis first, or the same for all items."""

    value: Any
    is_mapped: bool


def batch(graph: Graph, ys: Sequence[Value], xs: Mapping[Value, Any]) -> list[Batched]:
    """The ys for all items, as more nodes of the same graph, where `xs` have the batch axis.

    What does not depend on the xs stands for itself.  Every node is attributed to the line of the operation that it
    vectorises.
    """
    known = {v: Batched(x, True) for v, x in xs.items()}
    for node in _between(graph, ys, xs):
        if any(v in known for v in node.inputs):
            with graph.building(node.loc):
                known[node.out] = _apply(node, [known.get(v, Batched(v, False)) for v in node.inputs])
    return [known.get(y, Batched(y, False)) for y in ys]


def replay(graph: Graph, ys: Sequence[Value], xs: Mapping[Value, Batched]) -> list[Batched]:
    """The ys computed in another world, from tensors there that stand for every placeholder that they need.

    Raises UnsupportedError for a placeholder or variable that nothing stands for.
    """
    known = dict(xs)
    for node in _needed(graph, ys, known):
        known[node.out] = _apply(node, [known[v] for v in node.inputs])
    return [known[y] for y in ys]


def _apply(node: Node, operands: Sequence[Batched]) -> Batched:
    if not node.op.is_source and any(x.is_mapped for x in operands):
        assert node.op.batch is not None
        mapped = tuple(x.is_mapped for x in operands)
        return Batched(node.op.batch(mapped, *(x.value for x in operands), **node.attrs), True)
    if node.op.is_source and "pure" not in node.op.traits:
        raise UnsupportedError(
            f"a {node.op.name} made inside a function that is mapped", fix="make it outside", loc=node.loc
        )
    return Batched(node.op(*(x.value for x in operands), **node.attrs), False)


def _between(graph: Graph, ys: Sequence[Value], xs: Mapping[Value, Any]) -> list[Node]:
    first = min((x.node.id for x in xs), default=0)
    return [n for n in _needed(graph, ys, xs) if n.id >= first]


def _needed(graph: Graph, ys: Sequence[Value], xs: Mapping[Value, Any]) -> Iterator[Node]:
    """What the ys are computed from, short of the xs, in order."""
    needed = {y.node.id for y in ys if y not in xs}
    for node in reversed(graph.nodes):
        if node.id in needed:
            needed.update(v.node.id for v in node.inputs if v not in xs)
    return (node for node in list(graph.nodes) if node.id in needed)
