"""Powers, and multiplication and division by powers of two."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.ir.node import Node, Value
from graphc.ir.ops.arithmetic import add, cast, div, floordiv, mod, mul
from graphc.ir.ops.logic import and_, eq, select, shr
from graphc.ir.ops.maths import power, rsqrt, sqrt
from graphc.ir.types import INTEGERS, numpy_dtype
from graphc.passes.match import fill, fit, has_no_sign, is_float, is_item, item, number, operand
from graphc.passes.rewrite import Result, RuleSet
from graphc.records import dataclass

rule = RuleSet("simplify")
LONGEST_WIDE = 16  # factors: more products in f64 take as long as pow


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


@rule(div)
def reciprocal_of_root(n: Node) -> Result:
    """1 / sqrt(x) -> rsqrt(x), which rounds about as often"""
    one, root = n.inputs
    x = operand(root, sqrt)
    return None if x is None or not is_item(one, 1) else fit(rsqrt(x), n)


@rule(power)
def power_of_whole_number(n: Node) -> Result:
    """x ** n -> products: exact for integers, within 2 ULP for floats; more factors of f32 are multiplied in f64"""
    x, y = n.inputs
    c = item(y)
    if c is None or not float(c).is_integer():
        return None
    if c == 0:
        return fill(1, n)
    exponent = int(c)
    if exponent < 0 and not is_float(x):
        return None
    if abs(exponent) <= _longest(x, exponent):
        return fit(_whole(_reciprocal(x) if exponent < 0 else x, abs(exponent)), n)
    if x.dtype != "f32" or abs(exponent) > LONGEST_WIDE:
        return None
    wide = _whole(cast(x, dtype="f64"), abs(exponent))
    return fit(cast(_reciprocal(wide) if exponent < 0 else wide, dtype="f32"), n)


def _longest(x: Value, exponent: int) -> int:
    """As many factors round seldom enough: measured, 1.9 ULP for x ** 4 and x ** -2, 2.9 and 3.4 for one more."""
    if x.dtype in INTEGERS:
        return 64
    return 2 if exponent < 0 else 4


def _whole(x: Any, exponent: int) -> Any:
    """By squares: x ** 5 is (x x)(x x) x."""
    if exponent == 1:
        return x
    square = _square(_whole(x, exponent // 2))
    return mul(square, x) if exponent % 2 else square


def _square(x: Any) -> Any:
    return mul(x, x)


def _reciprocal(x: Value) -> Value:
    inverse: Value = div(number(1, x), x)
    return inverse


@rule(power)
def power_of_half(n: Node) -> Result:
    """x ** 0.5 -> sqrt(x), as NumPy has it: NaN for -inf"""
    x, y = n.inputs
    return fit(sqrt(x), n) if is_item(y, 0.5) else None


@rule(power)
def power_of_halves(n: Node) -> Result:
    """x ** 1.5, 2.5, -0.5, -1.5 -> products with a square root (within 2.5 ULP), with pow's values at -0 and -inf"""
    x, y = n.inputs
    c = item(y)
    half = None if c is None else _HALVES.get(float(c))
    if half is None:
        return None
    if has_no_sign(x):
        return fit(half.make(x), n)
    value = half.make(add(x, number(0, x)))  # -0 + 0 is 0
    if half.at_minus_infinity is None:
        return fit(value, n)
    return fit(select(eq(x, number(-np.inf, x)), number(half.at_minus_infinity, x), value), n)


@dataclass(frozen=True)
class _Half:
    """A power as an expression, and what it is at -inf, where the expression is NaN."""

    make: Callable[[Any], Any]
    at_minus_infinity: float | None = None


_HALVES = {
    1.5: _Half(lambda x: mul(x, sqrt(x)), np.inf),
    2.5: _Half(lambda x: mul(_square(x), sqrt(x)), np.inf),
    -0.5: _Half(rsqrt, 0.0),
    -1.5: _Half(lambda x: mul(_reciprocal(x), sqrt(_reciprocal(x)))),
}
