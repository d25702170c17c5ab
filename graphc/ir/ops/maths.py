"""Powers, exponentials, logarithms, trigonometric and hyperbolic functions and their inverses, the error function."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.ir.ops.arithmetic import div, mul, neg, sub
from graphc.ir.ops.elementwise import binary, elementwise, unary
from graphc.ir.ops.logic import eq, select
from graphc.ir.primitive import Primitive, constant_like
from graphc.ir.types import NUMBERS, SIGNED

_TWO_OVER_ROOT_PI = 2.0 / math.sqrt(math.pi)


def lifted(f: Callable[[float], float]) -> Callable[[Any], Any]:
    """A function of one Python float, over arrays, computed in float64."""
    lifted = np.frompyfunc(f, 1, 1)

    def numpy(x: Any) -> Any:
        x = np.asarray(x)
        return np.asarray(lifted(x.astype(np.float64)), np.float64).astype(x.dtype)

    return numpy


def _sigmoid(x: Any) -> Any:
    e = np.exp(-np.abs(x))
    return (np.where(x < 0, e, 1) / (1 + e)).astype(x.dtype, copy=False)


def _logit(x: Any) -> Any:
    """By arctanh around 1/2, where the difference of the logarithms cancels."""
    centre = 2 * np.arctanh(np.clip(2 * x - 1, -0.5, 0.5))
    with np.errstate(divide="ignore", invalid="ignore"):
        tails = np.log(x) - np.log1p(-x)
    return np.where(np.abs(2 * x - 1) < 0.5, centre, tails).astype(x.dtype, copy=False)


def _one(x: Any) -> Any:
    return constant_like(1, x)


def _one_minus_square(x: Any) -> Any:
    return sub(_one(x), mul(x, x))


def _one_plus_square(x: Any) -> Any:
    return sub(_one(x), neg(mul(x, x)))


def _gauss(x: Any, sign: float) -> Any:
    """+-2/sqrt(pi) exp(-x^2), the derivative of erf and erfc."""
    return mul(exp(neg(mul(x, x))), sign * _TWO_OVER_ROOT_PI)


exp: Primitive = elementwise("exp", np.exp, lambda b, x: b.exp(x), lambda y, x: (y,), cases=unary(-9, 9), ulp=1.25)
exp2: Primitive = elementwise(
    "exp2", np.exp2, lambda b, x: b.exp2(x), lambda y, x: (mul(y, math.log(2)),), cases=unary(-9, 9), ulp=1.75
)
expm1: Primitive = elementwise(
    "expm1", np.expm1, lambda b, x: b.expm1(x), lambda y, x: (sub(y, -1),), cases=unary(-4, 4), ulp=2
)
log: Primitive = elementwise(
    "log", np.log, lambda b, x: b.log(x), lambda y, x: (div(_one(x), x),), cases=unary(0.1, 9), ulp=1.25
)
log2: Primitive = elementwise(
    "log2", np.log2, lambda b, x: b.log2(x), lambda y, x: (div(constant_like(1 / math.log(2), x), x),),
    cases=unary(0.1, 9), ulp=2.25,
)  # fmt: skip
log10: Primitive = elementwise(
    "log10", np.log10, lambda b, x: b.log10(x), lambda y, x: (div(constant_like(1 / math.log(10), x), x),),
    cases=unary(0.1, 9), ulp=2.25,
)  # fmt: skip
log1p: Primitive = elementwise(
    "log1p", np.log1p, lambda b, x: b.log1p(x), lambda y, x: (div(_one(x), sub(x, -1)),), cases=unary(-0.9, 9), ulp=1.5
)
sqrt: Primitive = elementwise(
    "sqrt", np.sqrt, lambda b, x: b.sqrt(x), lambda y, x: (div(constant_like(0.5, y), y),), cases=unary(0.1, 9)
)
rsqrt: Primitive = elementwise(
    "rsqrt", lambda x: (1 / np.sqrt(x)).astype(x.dtype), lambda b, x: b.rsqrt(x),
    lambda y, x: (mul(div(y, x), -0.5),), cases=unary(0.1, 9), ulp=1.5,
)  # fmt: skip
cbrt: Primitive = elementwise(
    "cbrt", np.cbrt, lambda b, x: b.cbrt(x), lambda y, x: (div(constant_like(1 / 3, y), mul(y, y)),),
    cases=unary(0.1, 9), ulp=0.75,
)  # fmt: skip

sin: Primitive = elementwise("sin", np.sin, lambda b, x: b.sin(x), lambda y, x: (cos(x),), cases=unary(-9, 9), ulp=1.75)
cos: Primitive = elementwise(
    "cos", np.cos, lambda b, x: b.cos(x), lambda y, x: (neg(sin(x)),), cases=unary(-9, 9), ulp=1.75
)
tan: Primitive = elementwise(
    "tan", np.tan, lambda b, x: b.tan(x), lambda y, x: (_one_plus_square(y),), cases=unary(-1, 1), ulp=2.5
)
arcsin: Primitive = elementwise(
    "asin",
    np.arcsin,
    lambda b, x: b.asin(x),
    lambda y, x: (rsqrt(_one_minus_square(x)),),
    cases=unary(-0.9, 0.9),
    ulp=2.25,
)
arccos: Primitive = elementwise(
    "acos", np.arccos, lambda b, x: b.acos(x), lambda y, x: (neg(rsqrt(_one_minus_square(x))),),
    cases=unary(-0.9, 0.9), ulp=1.5,
)  # fmt: skip
arctan: Primitive = elementwise(
    "atan", np.arctan, lambda b, x: b.atan(x), lambda y, x: (div(_one(x), _one_plus_square(x)),), cases=unary(), ulp=2
)


def _arctan2_partials(z: Any, y: Any, x: Any) -> tuple[Any, Any]:
    """x and -y over the squared distance; 0, of every order, at the origin, where there are none."""
    square = sub(mul(x, x), neg(mul(y, y)))
    zero = constant_like(0, square)
    is_origin = eq(square, zero)
    safe = select(is_origin, _one(square), square)
    return div(select(is_origin, zero, x), safe), neg(div(select(is_origin, zero, y), safe))


arctan2: Primitive = elementwise(
    "atan2", np.arctan2, lambda b, y, x: b.atan2(y, x), _arctan2_partials, cases=binary(0.5, 2.0), ulp=2.25
)
sinh: Primitive = elementwise("sinh", np.sinh, lambda b, x: b.sinh(x), lambda y, x: (cosh(x),), cases=unary(), ulp=2.25)
cosh: Primitive = elementwise("cosh", np.cosh, lambda b, x: b.cosh(x), lambda y, x: (sinh(x),), cases=unary(), ulp=2)
tanh: Primitive = elementwise(
    "tanh", np.tanh, lambda b, x: b.tanh(x), lambda y, x: (_one_minus_square(y),), cases=unary(), ulp=2
)
arcsinh: Primitive = elementwise(
    "asinh", np.arcsinh, lambda b, x: b.asinh(x), lambda y, x: (rsqrt(_one_plus_square(x)),), cases=unary(), ulp=1.5
)
arccosh: Primitive = elementwise(
    "acosh", np.arccosh, lambda b, x: b.acosh(x), lambda y, x: (rsqrt(sub(mul(x, x), _one(x))),),
    cases=unary(1.1, 9), ulp=2.5,
)  # fmt: skip
arctanh: Primitive = elementwise(
    "atanh", np.arctanh, lambda b, x: b.atanh(x), lambda y, x: (div(_one(x), _one_minus_square(x)),),
    cases=unary(-0.9, 0.9), ulp=2,
)  # fmt: skip
logit: Primitive = elementwise(
    "logit", _logit, lambda b, x: b.logit(x), lambda y, x: (div(_one(x), mul(x, sub(_one(x), x))),),
    cases=unary(0.1, 0.9), ulp=1.5,
)  # fmt: skip
sigmoid: Primitive = elementwise(
    "sigmoid", _sigmoid, lambda b, x: b.sigmoid(x), lambda y, x: (mul(y, sub(_one(y), y)),), cases=unary(-9, 9), ulp=2.5
)
erf: Primitive = elementwise(
    "erf", lifted(math.erf), lambda b, x: b.erf(x), lambda y, x: (_gauss(x, 1),), cases=unary(), ulp=1.75
)
erfc: Primitive = elementwise(
    "erfc", lifted(math.erfc), lambda b, x: b.erfc(x), lambda y, x: (_gauss(x, -1),), cases=unary(), ulp=2.5
)


# ------------------------------------------------------------------------------------------------------- power


def _power(x: Any, y: Any) -> Any:
    """NumPy's; a negative exponent of an integer, which NumPy refuses, gives the integer part of the quotient."""
    x, y = np.asarray(x), np.asarray(y)
    with np.errstate(all="ignore"):
        if x.dtype.kind != "i" or not np.any(y < 0):
            return np.power(x, y)
        unit = np.where(y % 2 == 0, x * x, x)
        return np.where(y < 0, np.where(np.abs(x) == 1, unit, 0), np.power(x, np.maximum(y, 0))).astype(x.dtype)


def _scalar_power(b: Any, x: Any, y: Any) -> Any:
    return b.pow(x, y) if x.dtype in ("f32", "f64") else _integer_power(b, x, y)


def _integer_power(b: Any, x: Any, y: Any) -> Any:
    """Square and multiply over the bits of the exponent; wraps like repeated multiplication."""
    bits = int(x.dtype[1:])
    result, square = b.const(1, x), x
    for k in range(bits - (x.dtype in SIGNED)):
        result = b.select(b.ne(b.and_(y, 1 << k), 0), b.mul(result, square), result)
        square = b.mul(square, square)
    if x.dtype not in SIGNED:
        return result
    unit = b.select(b.eq(b.and_(y, 1), 0), b.mul(x, x), x)
    inverse = b.select(b.eq(b.abs(x), 1), unit, b.const(0, x))
    return b.select(b.lt(y, 0), inverse, result)


def _power_partials(z: Any, x: Any, y: Any) -> tuple[Any, Any]:
    """y x^(y-1), which is 0 for y = 0 whatever x; z log x, which is 0 for x = 0 (its limit for y > 0)."""
    is_constant = eq(y, constant_like(0, y))
    left = select(is_constant, constant_like(0, z), mul(y, power(select(is_constant, _one(x), x), sub(y, 1))))
    return left, mul(z, log(select(eq(x, constant_like(0, x)), _one(x), x)))


power: Primitive = elementwise(
    "pow", _power, _scalar_power, _power_partials, dtypes=NUMBERS, cases=binary(0.5, 3.0, 0.0, 3.0), ulp=2.25
)
