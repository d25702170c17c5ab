"""The logarithm of the gamma function and its derivatives: formulas of Abramowitz & Stegun, chapter 6.

lgamma, digamma (psi) and trigamma are primitives; the derivative of trigamma is an expression of others, so lgamma can
be differentiated as often as one likes.  Compiled code is within 2.75 units in the last place for positive arguments;
of a negative argument, where they are a difference, within 5, in units of the larger of 1 and its terms.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from graphc.ir.ops.arithmetic import add, div, mul, sub
from graphc.ir.ops.elementwise import elementwise, unary
from graphc.ir.ops.logic import lt, select
from graphc.ir.ops.maths import cos, lifted, sin
from graphc.ir.primitive import Primitive, constant_like

BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6)
"""B_2, B_4, ... B_14."""
ASYMPTOTIC = 12.0  # from here on a series with these numbers has 16 digits or more


# ------------------------------------------------------------------------------------------------ of one Python float


def log_gamma(x: float) -> float:
    """log |Gamma(x)|; infinite at 0 and at negative integers, where `math.lgamma` raises, and beyond 2.55e305."""
    try:
        return math.lgamma(x)
    except (ValueError, OverflowError):
        return math.inf


def psi(x: float) -> float:
    """6.3.18 after 6.3.5 and 6.3.7; minus or plus infinity at 0 or -0, NaN at negative integers and -inf."""
    if x == 0:
        return -math.copysign(math.inf, x)
    if x < 0:
        left = math.remainder(x, 1) if x > -math.inf else 0.0
        return psi(1 - x) - math.pi / math.tan(math.pi * left) if left else math.nan
    steps = 0.0
    while x < ASYMPTOTIC:
        steps, x = steps + 1 / x, x + 1
    series = _series([b / (2 * k) for k, b in enumerate(BERNOULLI, 1)], 1 / x)
    return math.log(x) - 0.5 / x - series - steps


def psi_prime(x: float) -> float:
    """6.4.12 after 6.4.6 and 6.4.7; infinite at 0 and negative integers, NaN at -inf."""
    if x <= 0:
        return _reflected_prime(x)
    steps = 0.0
    while x < ASYMPTOTIC:
        w = 1 / x
        steps, x = steps + w * w, x + 1
    w = 1 / x
    return steps + (w + 0.5 * w * w + w * _series(BERNOULLI, w))


def _reflected_prime(x: float) -> float:
    if x == -math.inf:
        return math.nan
    sine = math.sin(math.pi * math.remainder(x, 1))
    ratio = math.pi / sine if sine else math.inf
    return ratio * ratio - psi_prime(1 - x)


def _series(coefficients: Sequence[float], w: float) -> float:
    """The sum of c_k w^(2 k), k = 1, 2, ..."""
    return sum(c * w ** (2 * k) for k, c in enumerate(coefficients, 1))


# --------------------------------------------------------------------------------------- the derivative of trigamma

STEPS = 10


def _trigamma_slope(x: Any) -> Any:
    """psi''(x), with the reflection psi''(x) = psi''(1 - x) - 2 pi^3 cos(pi x) / sin^3(pi x)."""
    one, negative = constant_like(1, x), lt(x, constant_like(0, x))
    value = _positive_slope(select(negative, sub(one, x), x))
    angle = mul(select(negative, x, constant_like(-0.5, x)), math.pi)
    sine = sin(angle)
    turned = div(mul(cos(angle), 2 * math.pi**3), mul(mul(sine, sine), sine))
    return select(negative, sub(value, turned), value)


def _positive_slope(x: Any) -> Any:
    """-2 / x^3 - ... for some steps, then the derivative of 6.4.12."""
    ws = [div(constant_like(1, x), sub(x, -k)) for k in range(STEPS + 1)]
    total = _tail(ws[-1])
    for w in ws[:-1]:
        total = add(total, mul(mul(mul(w, w), w), 2))
    return mul(total, -1)


def _tail(w: Any) -> Any:
    """w^2 + w^3 + the sum of (2 k + 1) B_2k w^(2 k + 2), for w = 1 / x."""
    square = mul(w, w)
    curve = constant_like(0, w)
    for k, b in reversed([*enumerate(BERNOULLI, 1)]):
        curve = mul(sub(curve, -(2 * k + 1) * b), square)
    return mul(square, sub(add(curve, w), -1))


# -------------------------------------------------------------------------------------------------------- primitives

lgamma: Primitive = elementwise(
    "lgamma", lifted(log_gamma), lambda b, x: b.lgamma(x), lambda y, x: (digamma(x),), cases=unary(2.5, 9), ulp=2.5
)
digamma: Primitive = elementwise(
    "digamma", lifted(psi), lambda b, x: b.digamma(x), lambda y, x: (trigamma(x),), cases=unary(0.1, 9), ulp=3
)
trigamma: Primitive = elementwise(
    "trigamma", lifted(psi_prime), lambda b, x: b.trigamma(x), lambda y, x: (_trigamma_slope(x),),
    cases=unary(0.1, 9), ulp=2.75,
)  # fmt: skip
