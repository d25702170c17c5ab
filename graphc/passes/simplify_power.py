"""Powers, and multiplication and division by powers of two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.ir.node import Node, Value
from graphc.ir.ops.arithmetic import div, floordiv, mod, mul
from graphc.ir.ops.logic import and_, shr
from graphc.ir.ops.maths import power, rsqrt, sqrt
from graphc.ir.types import INTEGERS, numpy_dtype
from graphc.passes.match import fill, fit, has_no_sign, is_float, is_item, item, number
from graphc.passes.rewrite import Result, RuleSet

rule = RuleSet("simplify")


@rule(div)
def divide_by_power_of_two(n: Node) -> Result:
    """x / 2^k -> x * 2^-k, which rounds the same number"""
    x, y = n.inputs
    c = item(y)
    if c is None or not np.isfinite(c) or abs(np.frexp(c)[0]) != 0.5:
        return None
    info = np.finfo(numpy_dtype(x.dtype))
    inverse = 1.0 / float(c)
    if not float(info.tiny) <= abs(inverse) <= float(info.max):
        return None
    return fit(mul(x, number(inverse, x)), n)


@rule(floordiv)
def floor_divide_by_power_of_two(n: Node) -> Result:
    """x // 2^k -> x >> k for integers: an arithmetic shift rounds down"""
    x, k = n.inputs[0], _exponent(n.inputs[1])
    return None if k is None else fit(shr(x, number(k, x)), n)


@rule(mod)
def remainder_by_power_of_two(n: Node) -> Result:
    """x % 2^k -> x & (2^k - 1) for integers: the remainder takes the sign of the divisor"""
    x, k = n.inputs[0], _exponent(n.inputs[1])
    return None if k is None else fit(and_(x, number((1 << k) - 1, x)), n)


def _exponent(v: Value) -> int | None:
    """k where v repeats the integer 2^k."""
    c = item(v)
    if c is None or v.dtype not in INTEGERS or c <= 0 or int(c) & (int(c) - 1):
        return None
    return int(c).bit_length() - 1


@rule(power)
def power_of_small_number(n: Node) -> Result:
    """x ** 0 -> 1, x ** 1 -> x, and products for x ** 2, x ** 3, x ** 4 (within 1.5 ULP, pow has 2.5)"""
    x, y = n.inputs
    c = item(y)
    make = None if c is None else _PRODUCTS.get(float(c))
    if c == 0:
        return fill(1, n)
    return None if make is None else fit(make(x), n)


_PRODUCTS: dict[float, Callable[[Any], Any]] = {
    1: lambda x: x,
    2: lambda x: mul(x, x),
    3: lambda x: mul(mul(x, x), x),
    4: lambda x: mul(mul(x, x), mul(x, x)),
}


@rule(power)
def power_of_minus_one(n: Node) -> Result:
    """x ** -1 -> 1 / x for floats"""
    x, y = n.inputs
    return fit(div(number(1, x), x), n) if is_float(x) and is_item(y, -1) else None


@rule(power)
def power_of_half(n: Node) -> Result:
    """x ** 0.5 -> sqrt(x), as NumPy has it: NaN for -inf"""
    return fit(sqrt(n.inputs[0]), n) if is_item(n.inputs[1], 0.5) else None


@rule(power)
def power_of_halves(n: Node) -> Result:
    """x ** 1.5, 2.5, -0.5, -1.5, -2.5 -> products and quotients of roots where x has no sign (within 1.5 ULP)

    No step leaves the range of the type before the result does.
    """
    x, y = n.inputs
    c = item(y)
    make = None if c is None else _ROOTS.get(float(c))
    return fit(make(x), n) if make and has_no_sign(x) else None


_ROOTS: dict[float, Callable[[Any], Any]] = {
    1.5: lambda x: mul(x, sqrt(x)),
    2.5: lambda x: mul(mul(x, x), sqrt(x)),
    -0.5: rsqrt,
    -1.5: lambda x: div(rsqrt(x), x),
    -2.5: lambda x: div(rsqrt(x), mul(x, x)),
}
