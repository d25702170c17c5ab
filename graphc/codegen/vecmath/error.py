"""The error function and its complement."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.codegen.vecmath import coefficients as c
from graphc.codegen.vecmath import tables
from graphc.codegen.vecmath.exponential import exp, exp_parts
from graphc.codegen.vecmath.forms import add_exactly, at_most, clamp, estrin, multiply_exactly, one_plus, scale
from graphc.codegen.vecmath.piecewise import by_octaves, erf_by_table

if TYPE_CHECKING:
    from graphc.codegen.llvm.builder import Builder
    from graphc.codegen.llvm.writer import Operand

ERF_ONE = {"f32": 4.0, "f64": 6.0}
ERFC_ZERO = {"f32": 10.5, "f64": 27.5}


def erf(b: Builder, x: Operand) -> Operand:
    """The error function; away from 0 it is 1 - e^-p(x), p a polynomial for -log(erfc)."""
    if b.wide(x):
        return by_octaves(b, x, tables.ERF_PIECES) if x.dtype == "f32" else erf_by_table(b, x)
    a = b.abs(x)
    large = b.xsub(1.0, exp(b, b.neg(estrin(b, at_most(b, a, ERF_ONE[x.dtype]), c.ERF_TAIL[x.dtype]))))
    return b.copysign(b.select(b.lt(a, 1.0), _erf_near_zero(b, a), large), x)


def _erf_near_zero(b: Builder, x: Operand) -> Operand:
    """x + x p(x^2) for |x| <= 1."""
    return b.fma(estrin(b, b.mul(x, x), c.ERF[x.dtype]), x, x)


def erfc(b: Builder, x: Operand) -> Operand:
    """1 - erf(x) below 1/2, e^(-x^2) erfcx(x) above; 2 - erfc(-x) for negative x."""
    a = b.abs(x)
    tail = _erfc_tail(b, clamp(b, a, 0.5, ERFC_ZERO[x.dtype]))
    tail = b.select(b.lt(x, 0.0), b.xsub(2.0, tail), tail)
    return b.select(b.lt(a, 0.5), b.xsub(1.0, _erf_near_zero(b, x)), tail)


def _erfc_tail(b: Builder, a: Operand) -> Operand:
    """erfc(a) for a >= 1/2: products of sums of two, rounded once, at the end."""
    n, *parts = exp_parts(b, *map(b.neg, multiply_exactly(b, a, a)))
    e, e_low = add_exactly(b, *parts)
    value, low = _erfcx(b, a)
    return scale(b, b.fma(e, value, b.fma(e, low, b.mul(e_low, value))), n)


def _erfcx(b: Builder, a: Operand) -> tuple[Operand, Operand]:
    """e^(a^2) erfc(a) in two parts, for a >= 1/2."""
    w, w_low = _reciprocal_of_next(b, a)
    u = b.fma(w, 3.0, -1.0)
    first, *rest = c.ERFCX[a.dtype]
    ratio, ratio_low = add_exactly(b, first, b.xmul(u, estrin(b, u, rest)))
    value, low = multiply_exactly(b, w, ratio)
    return value, b.add(low, b.fma(w, ratio_low, b.mul(w_low, ratio)))


def _reciprocal_of_next(b: Builder, a: Operand) -> tuple[Operand, Operand]:
    """1 / (a + 1) in two parts, for a >= 1/2."""
    total, lost = one_plus(b, a)
    w = b.div(1.0, total)
    remainder = b.fma(b.neg(w), lost, b.fma(b.neg(w), total, 1.0))
    return w, b.mul(remainder, w)
