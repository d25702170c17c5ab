"""sinh, cosh, tanh and their inverses, logit: odd polynomials near 0, exponentials or logarithms elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.codegen.nest.elements import ITEMSIZE
from graphc.codegen.vecmath import coefficients as c
from graphc.codegen.vecmath import tables
from graphc.codegen.vecmath.exponential import FINITE, exp_plus_one
from graphc.codegen.vecmath.forms import (
    INF,
    NAN,
    add_exactly,
    at_most,
    layout,
    low_integer,
    one_plus,
    polynomial,
    power_of_two,
    rounded,
    scale,
)
from graphc.codegen.vecmath.logarithm import log_of_sum, split
from graphc.codegen.vecmath.piecewise import by_octaves
from graphc.records import dataclass

if TYPE_CHECKING:
    from graphc.codegen.llvm.builder import Builder
    from graphc.codegen.llvm.writer import Operand

TANH_SMALL = {"f32": 0.7, "f64": 0.55}
TANH_ONE = {"f32": 9.3, "f64": 20.0}
HUGE = {"f32": 2.0**20, "f64": 2.0**40}  # x^2 + 1, x^2 - 1 and x + 1/x are x^2 and x from here on


def odd_polynomial(b: Builder, x: Operand, coefficients: c.Polynomial) -> Operand:
    """x + x^3 p(x^2)."""
    square = b.mul(x, x)
    return b.fma(b.mul(square, polynomial(b, square, coefficients)), x, x)


def sinh(b: Builder, x: Operand) -> Operand:
    """The hyperbolic sine."""
    p = _exponential_parts(b, x)
    value = b.xadd(p.difference, b.fma(p.bend, p.difference, b.mul(p.sine, p.sum)))
    return b.copysign(scale(b, value, b.xsub(p.n, 1.0)), x)


def cosh(b: Builder, x: Operand) -> Operand:
    """The hyperbolic cosine."""
    p = _exponential_parts(b, x)
    value = b.xadd(p.sum, b.fma(p.sine, p.difference, b.mul(p.bend, p.sum)))
    return scale(b, value, b.xsub(p.n, 1.0))


@dataclass(frozen=True)
class Parts:
    """|x| = n ln 2 + r: n, sinh r, cosh r - 1, 1 + 4^-n and 1 - 4^-n.

    2 sinh |x| = 2^n e^r - 2^-n e^-r = 2^n (sinh r (1 + 4^-n) + cosh r (1 - 4^-n)), which is 2 sinh r for n = 0, and
    2 cosh |x| is the same with the sums exchanged.
    """

    n: Operand
    sine: Operand
    bend: Operand
    sum: Operand
    difference: Operand


def _exponential_parts(b: Builder, x: Operand) -> Parts:
    head, tail, _ = c.LN2[x.dtype]
    a = at_most(b, b.abs(x), FINITE[x.dtype][1] + 1)
    t, n = rounded(b, a, c.INVERSE_LN2[x.dtype][0])
    r = b.fma(n, -tail, b.fma(n, -head, a))
    square = b.mul(r, r)
    sine = b.fma(b.mul(square, polynomial(b, square, c.SINH[x.dtype])), r, r)
    bend = b.mul(square, polynomial(b, square, c.COSH[x.dtype]))
    falling = _inverse_square(b, t, n)
    return Parts(n, sine, bend, b.xadd(falling, 1.0), b.xsub(1.0, falling))


def _inverse_square(b: Builder, t: Operand, n: Operand) -> Operand:
    """4^-n, or something as small where that is no normal number."""
    if b.wide(n):
        return b.scalef(b.const(1.0, n), b.mul(n, -2.0))
    whole = b.minimum(low_integer(b, t), layout(n).bias // 2)
    return power_of_two(b, b.mul(whole, -2), n)


def tanh(b: Builder, x: Operand) -> Operand:
    """The hyperbolic tangent; 1 - 2 / (e^2x + 1) away from 0."""
    if x.dtype == "f32" and b.wide(x):
        return by_octaves(b, x, tables.TANH_PIECES)
    magnitude = b.abs(x)
    bounded = at_most(b, magnitude, TANH_ONE[x.dtype])
    large = b.xsub(1.0, b.div(2.0, exp_plus_one(b, b.add(bounded, bounded))))
    small = odd_polynomial(b, magnitude, c.TANH[x.dtype])
    return b.copysign(b.select(b.lt(magnitude, TANH_SMALL[x.dtype]), small, large), x)


def asinh(b: Builder, x: Operand) -> Operand:
    """The inverse hyperbolic sine, log(x + sqrt(x^2 + 1))."""
    a = b.abs(x)
    root = b.intrinsic("sqrt", b.fma(a, a, 1.0))  # the instruction: its unit is idle
    large = _log_of_root_sum(b, a, *add_exactly(b, root, a))
    small = odd_polynomial(b, a, c.ASINH[x.dtype])
    return b.copysign(b.select(b.lt(a, 1.0), small, large), x)


def acosh(b: Builder, x: Operand) -> Operand:
    """The inverse hyperbolic cosine, log(1 + t + sqrt(t^2 + 2 t)) with t = x - 1; NaN below 1."""
    t = b.xsub(x, 1.0)
    root = b.intrinsic("sqrt", b.fma(t, t, b.add(t, t)))
    above_one, lost = add_exactly(b, root, t)
    total, error = one_plus(b, above_one)
    return b.select(b.lt(x, 1.0), NAN, _log_of_root_sum(b, x, total, b.add(error, lost)))


def _log_of_root_sum(b: Builder, x: Operand, total: Operand, error: Operand) -> Operand:
    """log(total + error), or log(2 x) where x^2 may overflow."""
    huge = b.gt(x, HUGE[x.dtype])
    doublings = b.select(huge, b.const(1.0, x), 0.0)
    return log_of_sum(b, b.select(huge, x, total), b.select(huge, 0.0, error), doublings)


def atanh(b: Builder, x: Operand) -> Operand:
    """The inverse hyperbolic tangent; infinite at 1, NaN beyond.

    log((1 + a) / (1 - a)) / 2 = k ln(2) / 2 + atanh(s) with s = (1 + a - 2^k (1 - a)) / (1 + a + 2^k (1 - a)); the
    integer k, which is 0 near 0, is such that -0.1 < s < 0.271.
    """
    a = b.abs(x)
    rest = b.xsub(1.0, a)
    k, power = _exponent(b, b.mul(rest, b.fma(rest, 0.72, 0.8)))
    step = b.xsub(power, 1.0)
    s = b.div(b.fma(b.neg(step), rest, b.add(a, a)), b.fma(step, rest, 2.0))
    return b.copysign(_outside(b, rest, _logarithm(b, k, s, 0.5)), x)


def logit(b: Builder, x: Operand) -> Operand:
    """log(x / (1 - x)), precise also next to its zero at 1/2; infinite at 0 and 1, NaN beyond.

    log(large / small) = k ln 2 + 2 atanh(s), s = (large - 2^k small) / (large + 2^k small), of x and 1 - x.
    """
    other = b.xsub(1.0, x)
    low = b.xsub(b.xsub(1.0, other), x)  # of the larger: where 1 - x is the smaller it is exact
    first = b.lt(x, other)
    small, large = b.select(first, x, other), b.select(first, other, x)
    k = b.neg(_floor_log2(b, b.mul(small, b.fma(small, 2.88, 1.6))))
    scaled = scale(b, small, k)
    s = b.div(b.add(b.xsub(large, scaled), low), b.xadd(large, scaled))
    return b.copysign(_outside(b, small, _logarithm(b, k, s, 1.0)), b.xsub(x, 0.5))


def _logarithm(b: Builder, k: Operand, s: Operand, factor: float) -> Operand:
    """factor (k ln 2 + 2 atanh(s))"""
    square, double = b.mul(s, s), b.mul(s, 2 * factor)
    head, tail = (part * factor for part in c.LN2[s.dtype][:2])
    bend = b.mul(square, polynomial(b, square, c.ATANH[s.dtype]))
    return b.fma(k, head, b.xadd(double, b.fma(double, bend, b.mul(k, tail))))


def _floor_log2(b: Builder, x: Operand) -> Operand:
    """The exponent of a positive x, subnormal ones included."""
    return b.getexp(x) if b.wide(x) else split(b, b.mul(x, 0.75))[1]


def _exponent(b: Builder, x: Operand) -> tuple[Operand, Operand]:
    """(k, 2^k), where 2^-k <= x < 2^(1 - k); any numbers for x <= 0."""
    form = layout(x)
    shifted = b.and_(b.bits(x), (1 << 8 * ITEMSIZE[x.dtype] - 1) - (1 << form.fraction))
    power = b.real(b.sub(2 * form.bias << form.fraction, shifted))
    if b.wide(x):
        return b.neg(b.getexp(x)), power
    whole = b.sub(form.magic_bits + form.bias, b.shr(shifted, form.fraction))
    return b.xsub(b.real(whole), form.magic), power


def _outside(b: Builder, rest: Operand, value: Operand) -> Operand:
    """The value where 1 - |x| > 0."""
    if b.wide(rest):
        return b.fixup(value, rest, zero="inf", negative="nan", minus_infinity="nan")
    return b.select(b.lt(rest, 0.0), NAN, b.select(b.eq(rest, 0.0), INF, value))
