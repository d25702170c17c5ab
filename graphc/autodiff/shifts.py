"""Maxima that a result does not depend on, such as the one that is subtracted before a softmax.

In exp(x - m) / sum(exp(x - m)) and in log(sum(exp(x - m))) + m the maximum m of x cancels: the derivative with respect
to it is zero.  So that it need not be computed, to a zero with rounding errors, it is followed through the graph: a
value is c + k m, or c exp(k m), with a c that does not depend on m.  Where k becomes 0 in all values, m is a neutral
shift.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection

from graphc.ir.graph import Graph
from graphc.ir.node import Node, Value
from graphc.ir.types import FLOATS, Shape
from graphc.records import dataclass


@dataclass(frozen=True, slots=True)
class Plus:
    """c + k m"""

    k: int


@dataclass(frozen=True, slots=True)
class Times:
    """c exp(k m)"""

    k: int


Form = Plus | Times


def is_neutral_shift(graph: Graph, node: Node, ys: Collection[Value], last: int) -> bool:
    """Whether the node is a maximum or minimum that no y depends on; no y has a node behind number `last`."""
    if node.op.name not in ("max", "min") or node.out.dtype not in FLOATS:
        return False
    return _Shift(node).vanishes(graph, ys, last)


class _Shift:
    """The forms of all values that depend on m, which has the shape `reduced`, `kept` or, repeated, `whole`."""

    def __init__(self, node: Node) -> None:
        self.axes = node.attrs["axes"]
        self.whole: Shape = node.inputs[0].shape
        self.reduced = node.out.shape
        self.kept: Shape = tuple(1 if a in self.axes else d for a, d in enumerate(self.whole))
        self.forms: dict[Value, Form] = {node.out: Plus(1)}

    def vanishes(self, graph: Graph, ys: Collection[Value], last: int) -> bool:
        (m,) = self.forms
        if m in ys:
            return False
        users = [n.id for n in graph.users(m)]  # a heap: operands come before what is made of them
        while users and users[0] <= last:
            node = graph.nodes[heapq.heappop(users)]
            if node.out in self.forms:
                continue
            form = self.form(node)
            if form is None:
                return False
            if form.k:
                if node.out in ys:
                    return False
                self.forms[node.out] = form
                for user in graph.users(node.out):
                    heapq.heappush(users, user.id)
        return True

    def form(self, node: Node) -> Form | None:
        """That of a node with operands which depend on m; None if it is no such form."""
        operands = [self.forms.get(v) for v in node.inputs]
        if node.op.name == "sum":
            summed = node.inputs[0].shape == self.whole and node.attrs["axes"] == self.axes
            return operands[0] if summed and isinstance(operands[0], Times) else None
        if node.op.name == "reshape":
            return operands[0] if node.out.shape in (self.kept, self.reduced) else None
        aligned = all(self.is_aligned(v.shape, node.out.shape) for v in node.inputs if v in self.forms)
        return _of(node.op.name, operands) if aligned else None

    def is_aligned(self, shape: Shape, out: Shape) -> bool:
        """Whether m meets the items that it was reduced from, where it is repeated to another shape."""
        padded = (1,) * (len(out) - len(shape)) + shape
        return shape == out or (out == self.whole and padded == self.kept)


def _of(name: str, operands: list[Form | None]) -> Form | None:
    match name, operands:
        case "expand", [form]:
            return form
        case "exp", [Plus(k)]:
            return Times(k)
        case "log", [Times(k)]:
            return Plus(k)
        case "neg", [Plus(k)]:
            return Plus(-k)
        case "add" | "sub", [Plus() | None as x, Plus() | None as y]:
            return Plus(_k(x) + (_k(y) if name == "add" else -_k(y)))
        case "mul" | "div", [Times() | None as x, Times() | None as y]:
            return Times(_k(x) + (_k(y) if name == "mul" else -_k(y)))
    return None


def _k(form: Form | None) -> int:
    return form.k if form else 0
