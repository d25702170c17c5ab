"""sinh, cosh, tanh and their inverses: an odd polynomial near 0, exponentials or logarithms elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.codegen.vecmath import coefficients as c
from graphc.codegen.vecmath import tables
from graphc.codegen.vecmath.exponential import exp_plus_one, half_exp
from graphc.codegen.vecmath.forms import NAN, add_exactly, at_most, one_plus, polynomial
from graphc.codegen.vecmath.logarithm import log_of_sum
from graphc.codegen.vecmath.piecewise import by_octaves

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
    growing, falling = _half_exponentials(b, x)
    large = b.copysign(b.xsub(growing, falling), x)
    return b.select(b.lt(b.abs(x), 1.0), odd_polynomial(b, x, c.SINH[x.dtype]), large)


def cosh(b: Builder, x: Operand) -> Operand:
    """The hyperbolic cosine."""
    return b.xadd(*_half_exponentials(b, x))


def _half_exponentials(b: Builder, x: Operand) -> tuple[Operand, Operand]:
    """(e^|x| / 2, e^-|x| / 2); the second stops where it no longer matters, subnormal numbers are slow."""
    e = half_exp(b, b.abs(x))
    return e, b.div(0.25, at_most(b, e, HUGE[x.dtype]))


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
    """The inverse hyperbolic tangent, log((1 + x) / (1 - x)) / 2; infinite at 1, NaN beyond."""
    a = b.abs(x)
    numerator, error = add_exactly(b, 1.0, a)
    denominator = b.xsub(1.0, a)
    ratio = b.div(numerator, denominator)
    left = b.add(b.fma(b.neg(ratio), denominator, numerator), error)
    large = b.mul(log_of_sum(b, ratio, b.div(left, denominator)), 0.5)
    return b.copysign(b.select(b.lt(a, 0.5), odd_polynomial(b, a, c.ATANH[x.dtype]), large), x)
