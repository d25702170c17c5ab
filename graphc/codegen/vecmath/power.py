"""x^y as e^(y log x) with a logarithm of many more digits than the result, then the special cases of IEEE 754.

Those are behind a branch, which 0 < x < infinity and a finite y pass by.  An error of the logarithm is
multiplied by y log x, up to 709.  On AVX-512 the logarithm is a sum of two floats; portably f32 takes its logarithm in
f64, which is a sum of two f64 for f64.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.codegen.vecmath import coefficients as c
from graphc.codegen.vecmath import tables
from graphc.codegen.vecmath.exponential import FINITE_POWER, exp2_of_sum, exp_of_sum, near, power_series
from graphc.codegen.vecmath.forms import INF, NAN, clamp, multiply_exactly, polynomial, rounded, scale, sign_bit
from graphc.codegen.vecmath.logarithm import split
from graphc.codegen.vecmath.logarithm_in_parts import log_of_parts

if TYPE_CHECKING:
    from graphc.codegen.llvm.builder import Builder
    from graphc.codegen.llvm.writer import Operand

SINGLE_EXPONENTS = 200.0  # 2^200 and 2^-200 are beyond f32
DOUBLE_EXPONENTS = 800.0  # e^800 and e^-800 are beyond f64
NORMAL_POWERS = 125.0  # 2^125 and 2^-125 are normal numbers, and what is not quite as large or small


def pow(b: Builder, x: Operand, y: Operand) -> Operand:  # noqa: A001
    """x^y; NaN for a negative x and a y that is not an integer."""
    if x.dtype == "f32" and b.wide(x):
        return _by_short_table(b, x, y)
    m, e = split(b, b.abs(x))
    magnitude = _single(b, m, e, y) if x.dtype == "f32" else _double(b, m, e, y)
    ordinary = b.and_(b.and_(b.gt(x, 0.0), b.lt(x, INF)), b.lt(b.abs(y), INF))
    return b.rarely(b.not_(ordinary), [magnitude], _special_cases, x, y, magnitude)[0]


# -------------------------------------------------------------------------------------------------- f32 on AVX-512


def _by_short_table(b: Builder, x: Operand, y: Operand) -> Operand:
    """Also what overflows or is subnormal is left to the branch."""
    head, tail = _log2_in_parts(b, *split(b, b.abs(x)))
    power, error = multiply_exactly(b, y, head)
    error = b.fma(y, tail, error)
    ordinary = b.and_(b.gt(x, 0.0), b.lt(b.abs(power), NORMAL_POWERS))
    return b.rarely(b.not_(ordinary), [exp2_of_sum(b, power, error)], _of_any_size, x, y, power, error)[0]


def _log2_in_parts(b: Builder, m: Operand, e: Operand) -> tuple[Operand, Operand]:
    """log2(m 2^e) = e + log2(1/c) + log2(1 + r), good to 2^-32; r = m c - 1 is exact, and so is the larger sum."""
    index = b.bits(rounded(b, m, 32.0)[0])
    r = b.fma(m, b.table(index, tables.SHORT_RECIPROCAL), -1.0)
    factor, factor_tail = c.INVERSE_LN2["f32"][:2]
    start = b.xadd(e, b.table(index, tables.SHORT_LOG2_HEAD))
    head = b.fma(r, factor, start)
    error = b.fma(r, factor, b.xsub(start, head))
    bend = b.fma(r, polynomial(b, r, c.LOG2_NARROW["f32"]), factor_tail)
    return head, b.fma(r, bend, b.xadd(error, b.table(index, tables.SHORT_LOG2_TAIL)))


def _of_any_size(b: Builder, x: Operand, y: Operand, power: Operand, error: Operand) -> tuple[Operand]:
    """The error is at most 2 where the power is near the finite range."""
    least, most = FINITE_POWER["f32"]
    bounded = near(b, power, least - 2, most + 2)
    small = b.select(b.eq(bounded, power), error, 0.0)
    return _special_cases(b, x, y, exp2_of_sum(b, bounded, small))


# --------------------------------------------------------------------------------------------------- other magnitudes


def _single(b: Builder, m: Operand, e: Operand, y: Operand) -> Operand:
    """(m 2^e)^y."""
    p = clamp(b, b.mul(b.cast(y, "f64"), _log2_in_double(b, m, e)), -SINGLE_EXPONENTS, SINGLE_EXPONENTS)
    n = b.rint(p)
    mantissa = power_series(b, b.cast(b.xsub(p, n), "f32"))
    return scale(b, mantissa, b.cast(n, "f32"))


def _log2_in_double(b: Builder, m: Operand, e: Operand) -> Operand:
    """log2(m 2^e) of f32 lanes in f64 lanes, good to 2^-34."""
    f = b.xsub(b.cast(m, "f64"), 1.0)
    curve = b.fma(f, polynomial(b, f, c.LOG_SINGLE["f64"]), -0.5)
    return b.fma(b.fma(b.mul(f, f), curve, f), c.INVERSE_LN2["f64"][0], b.cast(e, "f64"))


def _double(b: Builder, m: Operand, e: Operand, y: Operand) -> Operand:
    head, tail = log_of_parts(b, m, e)
    product, error = multiply_exactly(b, y, head)
    error = b.fma(y, tail, error)
    return exp_of_sum(b, product, b.select(b.lt(b.abs(product), DOUBLE_EXPONENTS), error, 0.0))


# ------------------------------------------------------------------------------------------------------ special cases


def _special_cases(b: Builder, x: Operand, y: Operand, magnitude: Operand) -> tuple[Operand]:
    """The sign, NaN where there is no real power, and 1 for 1^y, x^0 and (-1)^inf."""
    whole = b.eq(b.trunc(y), y)
    half = b.mul(y, 0.5)
    odd = b.and_(whole, b.ne(b.trunc(half), half))
    signed = b.select(b.and_(sign_bit(b, x), odd), b.neg(magnitude), magnitude)
    negative = b.and_(b.lt(x, 0.0), b.ne(b.abs(x), INF))
    value = b.select(b.and_(negative, b.not_(whole)), NAN, signed)
    unit = b.and_(b.eq(b.abs(x), 1.0), b.eq(b.abs(y), INF))
    one = b.or_(b.or_(b.eq(x, 1.0), b.eq(y, 0.0)), unit)
    return (b.select(one, 1.0, value),)
