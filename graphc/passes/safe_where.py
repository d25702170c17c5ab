"""Keep the branch that `where` did not take out of gradients.

The gradient of `where(x > 0, log(x), 0)` at x = 0 is a masked cotangent times 1/x: 0 * inf, a NaN.  A mask means that
the cotangent is absent there, so it may be applied after the product as well as before; after it, no factor can bring
a NaN back.  The rules carry masks through the operations that a cotangent goes through on its way to an input; a matrix
product ends it: what it adds up counts as present.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any, ClassVar, TypeAlias

from graphc.ir.graph import Graph
from graphc.ir.node import Node, Value
from graphc.ir.ops.arithmetic import add, cast, div, mul, neg
from graphc.ir.ops.index import gather, scatter_add
from graphc.ir.ops.logic import gt, mask, or_, select
from graphc.ir.ops.reduce import any_, sum_
from graphc.ir.ops.shape import expand, flip, pad, permute, reshape, slice_
from graphc.ir.primitive import Primitive
from graphc.passes.match import expand_to, is_item, number
from graphc.passes.rewrite import Result, RewritePass, Rule, RuleSet
from graphc.records import dataclass

rule = RuleSet("safe_where")

_VIEWS = (reshape, expand, permute, slice_, flip, pad)
_DEPTH = 8

Split: TypeAlias = tuple[Value, Value]
"""(where the cotangent is present, the cotangent without the mask)"""


@rule(mul)
def mask_after_product(n: Node) -> Result:
    """mask(c, g) * t -> mask(c, g * t)"""
    g, t = n.inputs
    return _masked(g, lambda x: mul(x, t)) or _masked(t, lambda x: mul(g, x))


@rule(div)
def mask_after_quotient(n: Node) -> Result:
    """mask(c, g) / t -> mask(c, g / t)"""
    g, t = n.inputs
    return _masked(g, lambda x: div(x, t))


def _masked(g: Value, then: Callable[[Value], Any]) -> Value | None:
    """`then` applied under the mask of g."""
    parts = split(g)
    if parts is None:
        return None
    masked: Value = mask(parts[0], then(parts[1]))
    return masked


def split(g: Value, depth: int = _DEPTH) -> Split | None:
    """Look through linear operations for the mask that a cotangent carries."""
    take_apart = _SPLITS.get(g.op)
    return take_apart(g, depth - 1) if take_apart and depth else None


def _split_mask(g: Value, depth: int) -> Split:
    """Of masks in masks, the condition that all of them hold is in the nesting: the outer one is taken off."""
    c, x = g.node.inputs
    return c, x


def _split_linear(g: Value, depth: int) -> Split | None:
    inner = split(g.node.inputs[0], depth)
    return inner and (inner[0], g.op(inner[1], **g.node.attrs))


def _split_view(g: Value, depth: int) -> Split | None:
    if g.op is pad and not is_item(number(g.node.attrs["value"], g), 0.0):
        return None
    inner = split(g.node.inputs[0], depth)
    return inner and (_view(g.node, inner[0]), _view(g.node, inner[1]))


def _view(node: Node, x: Value) -> Value:
    """The view of `node`, of another tensor that broadcasts to its operand."""
    seen: Value = node.op(expand_to(x, node.inputs[0].shape), **node.attrs)
    return seen


def _split_sum(g: Value, depth: int) -> Split | None:
    """A sum of absent terms is absent; where some are present, the others count as zeros."""
    inner = split(g.node.inputs[0], depth)
    if inner is None:
        return None
    c, x = inner
    present = any_(expand_to(c, g.node.inputs[0].shape), **g.node.attrs)
    return present, sum_(select(c, x, number(0, x)), **g.node.attrs)


def _split_choice(g: Value, depth: int) -> Split | None:
    """Items chosen by indices."""
    x, *indices = g.node.inputs
    inner = split(x, depth)
    return inner and tuple(g.op(expand_to(v, x.shape), *indices, **g.node.attrs) for v in inner)


def _split_scatter(g: Value, depth: int) -> Split | None:
    """A sum of scattered items is present where one of them is."""
    x, *indices = g.node.inputs
    inner = split(x, depth)
    if inner is None:
        return None
    c, y = inner
    count = g.op(cast(expand_to(c, x.shape), dtype="f32"), *indices, **g.node.attrs)
    present = select(c, y, number(0, y))
    return gt(count, number(0, count)), g.op(expand_to(present, x.shape), *indices, **g.node.attrs)


def _split_add(g: Value, depth: int) -> Split | None:
    """A sum is absent where both terms are."""
    x, y = g.node.inputs
    left = split(x, depth)
    right = left and split(y, depth)
    if left is None or right is None:
        return None
    (c, x), (d, y) = left, right
    if c == d:
        return c, add(x, y)
    zero = number(0, g)
    return or_(c, d), add(select(c, x, zero), select(d, y, zero))


_SPLITS: dict[Primitive, Callable[[Value, int], Split | None]] = {
    mask: _split_mask,
    neg: _split_linear,
    cast: _split_linear,
    sum_: _split_sum,
    add: _split_add,
    gather: _split_choice,
    scatter_add: _split_scatter,
    **dict.fromkeys(_VIEWS, _split_view),
}


@dataclass(frozen=True)
class SafeWhere(RewritePass):
    """Apply the masks of `where` last, so that a NaN of the branch not taken never reaches a gradient."""

    name: ClassVar[str] = "safe_where"
    rules: tuple[Rule, ...] = tuple(rule)

    def run(self, graph: Graph, fired: Counter[str] | None = None) -> Graph:
        return super().run(graph, fired) if any(n.op is mask for n in graph.nodes) else graph
