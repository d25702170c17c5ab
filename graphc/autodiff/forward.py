"""Forward mode: the derivative of a graph along given tangents, as more nodes of the same graph."""

from __future__ import annotations

from collections.abc import Sequence

from graphc.autodiff.reverse import accumulate, check_differentiable
from graphc.autodiff.shifts import is_neutral_shift
from graphc.errors import GradientError
from graphc.ir.graph import Graph, building_location
from graphc.ir.node import Node, Value
from graphc.ir.ops.shape import expand


def jvp(graph: Graph, ys: Sequence[Value], xs: Sequence[Value], tangents: Sequence[Value | None]) -> list[Value | None]:
    """The sum over xs of dy/dx * tangent for every y, in y's type; None where it is zero for all inputs.

    A tangent has the type of its x; None stands for zero.  Every node made is attributed to the line of the operation
    that it differentiates.  Raises GradientError for an x or y that is no float and for a tangent of another type,
    GraphMismatchError for values of another graph.
    """
    for v in (*ys, *xs):
        check_differentiable(graph, v)
    with graph.building(building_location()):
        known = _seeds(xs, tangents)
    first = min((x.node.id for x in known), default=0)
    last = max((y.node.id for y in ys), default=-1) if known else -1
    for node in graph.nodes[first : last + 1]:
        if any(v in known for v in node.inputs) and not is_neutral_shift(graph, node, ys, last):
            with graph.building(node.loc):
                _push_forward(node, known)
    return [known.get(y) for y in ys]


def _seeds(xs: Sequence[Value], tangents: Sequence[Value | None]) -> dict[Value, Value]:
    if len(tangents) != len(xs):
        raise GradientError("one tangent per x", expected=str(len(xs)), got=str(len(tangents)), loc=building_location())
    known: dict[Value, Value] = {}
    for x, t in zip(xs, tangents, strict=True):
        if t is None:
            continue
        if t.type != x.type:
            raise GradientError(
                "a tangent has the type of its x", expected=str(x.type), got=str(t.type), loc=building_location()
            )
        accumulate(known, x, t)
    return known


def _push_forward(node: Node, known: dict[Value, Value]) -> None:
    """The tangent of a node's result from those of its operands."""
    if node.op.jvp is None:
        return
    t = node.op.jvp([known.get(v) for v in node.inputs], node.out, *node.inputs, **node.attrs)
    if t is not None:
        shape = node.out.shape
        accumulate(known, node.out, t if t.shape == shape else expand(t, shape=shape))
