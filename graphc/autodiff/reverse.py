"""Reverse mode: the gradient of a graph as more nodes of the same graph.

The walk goes backwards over node numbers, which are topological, and visits what lies between the xs and the ys only.
It calls each primitive's `vjp` rule on values, so the result can be differentiated again.
"""

from __future__ import annotations

from collections.abc import Sequence

from graphc.autodiff.shifts import is_neutral_shift
from graphc.errors import GradientError, GraphMismatchError
from graphc.ir.graph import Graph, building_location
from graphc.ir.node import Node, Value
from graphc.ir.ops.arithmetic import add
from graphc.ir.ops.shape import expand, sum_to
from graphc.ir.primitive import constant_like
from graphc.ir.types import FLOATS, Type


def gradients(
    graph: Graph, ys: Sequence[Value], xs: Sequence[Value], grad_ys: Sequence[Value | None] | None = None
) -> list[Value | None]:
    """The sum over ys of grad_y * dy/dx for every x, in x's type; None where no y depends on x.

    `grad_ys` has a cotangent of y's type per y; without one (or where it is None) y has one element and 1 is taken.
    Every node made is attributed to the line of the operation that it differentiates.  Raises GradientError for an x
    or y that is no float, for a y of several elements without cotangent and for a cotangent of another type,
    GraphMismatchError for values of another graph.
    """
    for v in (*ys, *xs):
        check_differentiable(graph, v)
    with graph.building(building_location()):
        cotangents = _seeds(ys, grad_ys)
    between = _dependents(graph, xs, ys)
    for node in reversed(between):
        g = cotangents.get(node.out)
        if g is not None:
            with graph.building(node.loc):
                _pull_back(node, g, cotangents)
    return [cotangents.get(x) for x in xs]


def check_differentiable(graph: Graph, v: Value) -> None:
    """A float of this graph."""
    if not graph.owns(v):
        raise GraphMismatchError(
            "a tensor of another graph",
            expected=f"a tensor of graph {graph.name!r}",
            got=f"{v!r}: {v.type}, made at {v.node.loc}",
            loc=building_location(),
        )
    if v.dtype not in FLOATS:
        raise GradientError(
            "only floats have gradients",
            expected="float16, float32 or float64",
            got=f"{v.type}, made at {v.node.loc}",
            fix='convert it with x.astype("float32")',
            loc=building_location(),
        )


def _seeds(ys: Sequence[Value], grad_ys: Sequence[Value | None] | None) -> dict[Value, Value]:
    given = [None] * len(ys) if grad_ys is None else list(grad_ys)
    if len(given) != len(ys):
        raise GradientError(
            "one cotangent per y", expected=f"{len(ys)} in grad_ys", got=str(len(given)), loc=building_location()
        )
    cotangents: dict[Value, Value] = {}
    for y, g in zip(ys, given, strict=True):
        accumulate(cotangents, y, _one(y) if g is None else _checked(g, y.type))
    return cotangents


def _one(y: Value) -> Value:
    if y.type.size != 1:
        raise GradientError(
            "the gradient of a tensor of several elements needs a cotangent",
            expected=f"a scalar, or a cotangent {y.type} in grad_ys",
            got=f"{y.type}, made at {y.node.loc}",
            fix="reduce it first, e.g. y.sum()",
            loc=building_location(),
        )
    one: Value = constant_like(1, y)
    return one if y.shape == () else expand(one, shape=y.shape)


def _checked(g: Value, expected: Type) -> Value:
    if g.type != expected:
        raise GradientError(
            "a cotangent has the type of its y",
            expected=str(expected),
            got=f"{g.type}, made at {g.node.loc}",
            loc=building_location(),
        )
    return g


def _dependents(graph: Graph, xs: Sequence[Value], ys: Sequence[Value]) -> list[Node]:
    """The nodes through which a gradient passes on its way to the xs, in order."""
    reached = set(xs)
    found = []
    last = max((y.node.id for y in ys), default=-1)
    for node in graph.nodes[min((x.node.id for x in xs), default=last) : last + 1]:
        passes = node.op.differentiable and any(v in reached for v in node.inputs)
        if passes and not is_neutral_shift(graph, node, ys, last):
            found.append(node)
            reached.update(Value(node, k) for k, t in enumerate(node.types) if t.dtype in FLOATS)
    return found


def _pull_back(node: Node, g: Value, cotangents: dict[Value, Value]) -> None:
    """Hand the cotangent of a node's result on to its operands."""
    assert node.op.vjp is not None
    parts = node.op.vjp(g, node.out, *node.inputs, **node.attrs)
    for x, part in zip(node.inputs, parts, strict=True):
        if part is not None:
            accumulate(cotangents, x, sum_to(part, x.shape))


def accumulate(total: dict[Value, Value], v: Value, part: Value) -> None:
    known = total.get(v)
    total[v] = part if known is None else add(known, part)
