"""Choices and conditions that are settled, or said twice."""

from __future__ import annotations

from graphc.ir.node import Node, Value
from graphc.ir.ops.logic import and_, eq, ge, gt, le, lt, mask, ne, not_, or_, select, shl, shr, xor
from graphc.passes.match import fill, fit, is_float, is_item, item, operand
from graphc.passes.rewrite import Result, RuleSet

rule = RuleSet("simplify")

_OPPOSITE = {eq: ne, ne: eq}
_OPPOSITE_OF_WHOLE = {**_OPPOSITE, lt: ge, ge: lt, gt: le, le: gt}


@rule(select)
def select_by_constant(n: Node) -> Result:
    """select(True, x, y) -> x, select(False, x, y) -> y"""
    c, x, y = n.inputs
    known = item(c)
    return None if known is None else fit(x if known else y, n)


@rule(select)
def select_same(n: Node) -> Result:
    """select(c, x, x) -> x"""
    _, x, y = n.inputs
    return fit(x, n) if x == y else None


@rule(select)
def select_by_negation(n: Node) -> Result:
    """select(not c, x, y) -> select(c, y, x)"""
    c, x, y = n.inputs
    opposite = operand(c, not_)
    return None if opposite is None or c.dtype != "bool" else select(opposite, y, x)


@rule(select)
def select_in_select(n: Node) -> Result:
    """select(c, select(c, x, _), y) -> select(c, x, y), and the same in the other branch and with masks"""
    c, x, y = n.inputs
    taken, left = _branch(c, x, 1), _branch(c, y, 2)
    if taken is x and left is y:
        return None
    return fit(select(c, taken, left), n)


def _branch(c: Value, v: Value, position: int) -> Value:
    """What v is where c holds (1), or where it does not (2)."""
    if v.op is select and v.node.inputs[0] == c:
        return v.node.inputs[position]
    return v.node.inputs[1] if v.op is mask and position == 1 and v.node.inputs[0] == c else v


@rule(mask)
def mask_by_constant(n: Node) -> Result:
    """mask(True, g) -> g, mask(False, g) -> 0, mask(c, 0) -> 0"""
    c, g = n.inputs
    known = item(c)
    if known is None:
        return fit(g, n) if is_item(g, 0) else None
    return fit(g, n) if known else fill(0, n)


@rule(mask)
def mask_in_mask(n: Node) -> Result:
    """mask(c, mask(c, g)), mask(c, select(c, g, _)) -> mask(c, g)"""
    c, g = n.inputs
    inner = _branch(c, g, 1)
    return None if inner is g else fit(mask(c, inner), n)


@rule(not_)
def not_twice(n: Node) -> Result:
    """not not x -> x"""
    return operand(n.inputs[0], not_)


@rule(not_)
def not_of_comparison(n: Node) -> Result:
    """not (x == y) -> x != y; of integers also not (x < y) -> x >= y (with a NaN both are false)"""
    x = n.inputs[0]
    if len(x.node.inputs) != 2:
        return None
    opposite = (_OPPOSITE if is_float(x.node.inputs[0]) else _OPPOSITE_OF_WHOLE).get(x.op)
    return None if opposite is None else opposite(*x.node.inputs)


@rule(and_, or_, xor)
def combine_with_constant(n: Node) -> Result:
    """x & True -> x, x & False -> False, x | False -> x, x ^ False -> x, and the same with integer bits"""
    x, y = n.inputs
    c = item(y)
    if c is None:
        return None
    if c == 0:
        return fill(0, n) if n.op is and_ else fit(x, n)
    if ~c == 0:  # every bit is set
        return {and_: fit(x, n), or_: fit(y, n), xor: fit(not_(x), n)}[n.op]
    return None


@rule(eq, ne, le, ge, lt, gt)
def compare_with_itself(n: Node) -> Result:
    """x < x -> False; of integers and booleans x == x -> True and so on (a NaN is unequal to itself)"""
    x, y = n.inputs
    if x != y or (is_float(x) and n.op not in (lt, gt)):
        return None
    return fill(n.op in (eq, le, ge), n)


@rule(shl, shr)
def shift_by_zero(n: Node) -> Result:
    """x << 0, x >> 0 -> x"""
    return fit(n.inputs[0], n) if is_item(n.inputs[1], 0) else None
