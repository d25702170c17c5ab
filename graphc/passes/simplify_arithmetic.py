"""Arithmetic that needs less work for the same bits: NaN, infinities, signed zeros and wrapping integers included.

So `x + 0.0` stays, as it turns -0.0 into 0.0, while `x + -0.0` goes; `0 * x` goes for integers only.
"""

from __future__ import annotations

import numpy as np

from graphc.ir.node import Node
from graphc.ir.ops.arithmetic import (
    absolute,
    add,
    alias,
    ceil,
    div,
    floor,
    floordiv,
    mul,
    neg,
    rint,
    sign,
    stop_gradient,
    sub,
    trunc,
)  # fmt: skip
from graphc.ir.ops.custom import custom
from graphc.ir.ops.logic import and_, eq, maximum, minimum, ne, or_, xor
from graphc.ir.ops.maths import cos, cosh
from graphc.ir.types import FLOATS, INTEGERS, UNSIGNED, numpy_dtype
from graphc.passes.match import fill, fit, has_no_sign, is_float, is_item, item, number, operand
from graphc.passes.rewrite import Result, RuleSet

rule = RuleSet("simplify")


@rule(alias, stop_gradient, custom)
def drop_gradient_markers(n: Node) -> Result:
    """alias(x), stop_gradient(x), custom(x, ...) -> x: they speak to autodiff, which is done"""
    return n.inputs[0]


@rule(add, mul, eq, ne, and_, or_, xor)
def constant_last(n: Node) -> Result:
    """c + x -> x + c: one order for rules to know and for equal operations to share"""
    x, y = n.inputs
    swapped = n.op(y, x) if item(x) is not None and item(y) is None else None
    return swapped


# ------------------------------------------------------------------------------------------- neutral elements


@rule(add)
def add_zero(n: Node) -> Result:
    """x + -0.0 -> x; of integers x + 0 -> x"""
    x, y = n.inputs
    return fit(x, n) if is_item(y, -0.0 if is_float(x) else 0) else None


@rule(sub)
def subtract_constant(n: Node) -> Result:
    """x - c -> x + (-c)"""
    x, y = n.inputs
    c = item(y)
    return None if c is None else fit(add(x, number(_negative(c), x)), n)


@rule(mul, div, floordiv)
def multiply_by_one(n: Node) -> Result:
    """x * 1, x / 1 -> x, and floordiv(x, 1) of integers"""
    x, y = n.inputs
    if n.op is floordiv and is_float(x):
        return None
    return fit(x, n) if is_item(y, 1) else None


@rule(mul, div)
def multiply_by_minus_one(n: Node) -> Result:
    """x * -1, x / -1 -> -x"""
    x, y = n.inputs
    return fit(neg(x), n) if x.dtype not in UNSIGNED and is_item(y, -1) else None


@rule(mul)
def multiply_by_zero(n: Node) -> Result:
    """x * 0 -> 0 for integers (a float could be NaN, infinite or negative)"""
    x, y = n.inputs
    return fill(0, n) if not is_float(x) and is_item(y, 0) else None


@rule(add, mul)
def join_integer_constants(n: Node) -> Result:
    """(x + c) + d -> x + (c + d), and the same with *, for integers, where the order does not matter"""
    inner, y = n.inputs
    if inner.op is not n.op or inner.dtype not in INTEGERS:
        return None
    c, d = item(inner.node.inputs[1]), item(y)
    if c is None or d is None:
        return None
    with np.errstate(all="ignore"):
        joined = n.op.numpy(c, d)
    return fit(n.op(inner.node.inputs[0], number(joined, inner)), n)


@rule(maximum, minimum)
def clip_by_nothing(n: Node) -> Result:
    """maximum(x, -inf) -> x, minimum(x, inf) -> x, and the same with the ends of an integer type"""
    for x, y in (n.inputs, n.inputs[::-1]):
        if is_item(y, _end(x.dtype, lowest=n.op is maximum)):
            return fit(x, n)
    return None


def _end(dtype: str, lowest: bool) -> float:
    if dtype in FLOATS:
        return -np.inf if lowest else np.inf
    info = np.iinfo(numpy_dtype(dtype))
    return int(info.min if lowest else info.max)


@rule(maximum, minimum, and_, or_)
def same_twice(n: Node) -> Result:
    """maximum(x, x), minimum(x, x), x & x, x | x -> x"""
    x, y = n.inputs
    return x if x == y else None


@rule(sub, xor)
def minus_itself(n: Node) -> Result:
    """x - x, x ^ x -> 0 for integers and booleans (a float could be NaN or infinite)"""
    x, y = n.inputs
    return fill(0, n) if x == y and not is_float(x) else None


# --------------------------------------------------------------------------------------------------------- signs


@rule(neg)
def negate_twice(n: Node) -> Result:
    """-(-x) -> x"""
    return operand(n.inputs[0], neg)


@rule(neg)
def negate_product(n: Node) -> Result:
    """-(x * c) -> x * -c, and the same with x / c and c / x"""
    x = n.inputs[0]
    if x.op not in (mul, div) or x.dtype in UNSIGNED:
        return None
    left, right = x.node.inputs
    if (c := item(right)) is not None:
        negated = x.op(left, number(_negative(c), right))
        return fit(negated, n)
    if (c := item(left)) is not None:
        negated = x.op(number(_negative(c), left), right)
        return fit(negated, n)
    return None


@rule(mul, div)
def negative_factors(n: Node) -> Result:
    """(-x) * (-y) -> x * y, (-x) * c -> x * -c, and the same with /"""
    left, right = n.inputs
    x, y = operand(left, neg), operand(right, neg)
    if x is None or x.dtype in UNSIGNED:
        return None
    if y is None and (c := item(right)) is not None:
        y = number(_negative(c), right)
    return None if y is None else fit(n.op(x, y), n)


@rule(add)
def add_negative(n: Node) -> Result:
    """x + (-y) -> x - y, (-x) + y -> y - x"""
    left, right = n.inputs
    if (y := operand(right, neg)) is not None:
        return sub(left, y)
    if (x := operand(left, neg)) is not None and item(right) is None:
        return sub(right, x)
    return None


@rule(sub)
def subtract_negative(n: Node) -> Result:
    """x - (-y) -> x + y"""
    y = operand(n.inputs[1], neg)
    return None if y is None else add(n.inputs[0], y)


@rule(absolute)
def absolute_of_absolute(n: Node) -> Result:
    """abs of abs, of exp, of sigmoid, of x * x or of an unsigned integer -> the operand"""
    x = n.inputs[0]
    return x if x.dtype in UNSIGNED or (is_float(x) and has_no_sign(x)) or x.op is absolute else None


@rule(absolute, cos, cosh)
def even_function(n: Node) -> Result:
    """abs(-x) -> abs(x), and the same with cos and cosh"""
    x = operand(n.inputs[0], neg)
    return None if x is None or x.dtype in UNSIGNED else n.op(x)


@rule(floor, ceil, rint, trunc)
def round_twice(n: Node) -> Result:
    """floor(ceil(x)) -> ceil(x), and any two roundings"""
    return n.inputs[0] if n.inputs[0].op in (floor, ceil, rint, trunc) else None


@rule(sign)
def sign_of_sign(n: Node) -> Result:
    """sign(sign(x)) -> sign(x)"""
    return n.inputs[0] if n.inputs[0].op is sign else None


def _negative(c: np.generic) -> np.generic:
    with np.errstate(all="ignore"):
        return np.negative(c)  # type: ignore[no-any-return]
