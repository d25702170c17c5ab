"""The error function and its complement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.codegen.vecmath import coefficients as c
from graphc.codegen.vecmath import tables
from graphc.codegen.vecmath.exponential import exp, exp_of_square
from graphc.codegen.vecmath.forms import add_exactly, at_most, multiply_exactly, polynomial, scale
from graphc.codegen.vecmath.piecewise import by_octaves, erf_by_table, erfcx_by_table

if TYPE_CHECKING:
    from graphc.codegen.llvm.builder import Builder
    from graphc.codegen.llvm.writer import Operand

ERF_ONE = {"f32": 4.0, "f64": 6.0}
ERFC_ZERO = {"f32": 10.2, "f64": 27.3}
ERFCX_SHIFT = {"f32": 2.5, "f64": 3.5}
ERFCX_SLOPE = 1.125  # near 2 / sqrt(pi): near 0 the product with 1 + slope a does not depend on a


def erf(b: Builder, x: Operand) -> Operand:
    """The error function; away from 0 it is 1 - e^-p(x), p a polynomial for -log(erfc)."""
    if b.wide(x):
        return by_octaves(b, x, tables.ERF_PIECES) if x.dtype == "f32" else erf_by_table(b, x)
    a = b.abs(x)
    large = b.xsub(1.0, exp(b, b.neg(polynomial(b, at_most(b, a, ERF_ONE[x.dtype]), c.ERF_TAIL[x.dtype]))))
    return b.copysign(b.select(b.lt(a, 1.0), _erf_near_zero(b, a), large), x)


def _erf_near_zero(b: Builder, x: Operand) -> Operand:
    """x + x p(x^2) for |x| <= 1."""
    return b.fma(polynomial(b, b.mul(x, x), c.ERF[x.dtype]), x, x)


def erfc(b: Builder, x: Operand) -> Operand:
    """e^(-x^2) erfcx(x), rounded little more than once; 2 - erfc(-x) for negative x."""
    a = at_most(b, b.abs(x), ERFC_ZERO[x.dtype])
    n, head, tail = exp_of_square(b, a)
    if b.wide(x):
        value = erfcx_by_table(b, a)
        product = b.fma(head, value, b.mul(tail, value))
    else:
        product = _precise_product(b, head, tail, *_erfcx(b, a))
    value = scale(b, product, n)
    return b.select(b.lt(x, 0.0), b.xsub(2.0, value), value)


def _precise_product(b: Builder, head: Operand, tail: Operand, value: Operand, low: Operand) -> Operand:
    """(head + tail) (value + low)"""
    product, error = multiply_exactly(b, head, value)
    return b.xadd(product, b.fma(tail, value, b.fma(low, b.add(head, tail), error)))


def _erfcx(b: Builder, a: Operand) -> tuple[Operand, Operand]:
    """e^(a^2) erfc(a) in two parts for a >= 0, as p((a - k) / (a + k)) / (1 + slope a), p between 0.63 and 1.

    A form like that of Shepherd & Laframboise 1981, "Chebyshev approximation of (1 + 2x) exp(x^2) erfc x".  The
    second part corrects what the quotient and its divisor are wrong by.
    """
    k = ERFCX_SHIFT[a.dtype]
    divisor = b.fma(a, ERFCX_SLOPE, 1.0)
    lost = b.fma(a, ERFCX_SLOPE, b.xsub(1.0, divisor))
    inverse = b.div(1.0, divisor)
    u = b.fma(b.div(1.0, b.xadd(a, k)), -2 * k, 1.0)
    first, *rest = c.ERFCX[a.dtype]
    p, p_low = add_exactly(b, first, b.xmul(u, polynomial(b, u, rest)))
    value = b.xmul(p, inverse)
    left = b.fma(b.neg(value), lost, b.fma(b.neg(value), divisor, p))
    return value, b.mul(b.add(left, p_low), inverse)
