"""pow: 2^(y log2 |x|) with the logarithm good to many more digits than the result, then the special cases of IEEE 754.

Those are behind a branch, which 0 < x < infinity and a finite y pass by.  An error of the logarithm is
multiplied by y log x, up to 709.  f32 takes its logarithm in f64; f64 as a sum of two f64.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.codegen.vecmath import coefficients as c
from graphc.codegen.vecmath import tables
from graphc.codegen.vecmath.exponential import exp_of_sum, power_series
from graphc.codegen.vecmath.forms import INF, NAN, clamp, multiply_exactly, polynomial, scale, sign_bit
from graphc.codegen.vecmath.logarithm import split, table_index
from graphc.codegen.vecmath.logarithm_in_parts import log_of_parts

if TYPE_CHECKING:
    from graphc.codegen.llvm.builder import Builder
    from graphc.codegen.llvm.writer import Operand

SINGLE_EXPONENTS = 200.0  # 2^200 and 2^-200 are beyond f32
DOUBLE_EXPONENTS = 800.0  # e^800 and e^-800 are beyond f64


def pow(b: Builder, x: Operand, y: Operand) -> Operand:  # noqa: A001
    """x^y; NaN for a negative x and a y that is not an integer."""
    m, e = split(b, b.abs(x))
    magnitude = _single(b, m, e, y) if x.dtype == "f32" else _double(b, m, e, y)
    ordinary = b.and_(b.and_(b.gt(x, 0.0), b.lt(x, INF)), b.lt(b.abs(y), INF))
    return b.rarely(b.not_(ordinary), [magnitude], _special_cases, x, y, magnitude)[0]


# -------------------------------------------------------------------------------------------------------- magnitudes


def _single(b: Builder, m: Operand, e: Operand, y: Operand) -> Operand:
    """(m 2^e)^y."""
    p = clamp(b, b.mul(b.cast(y, "f64"), _log2_in_double(b, m, e)), -SINGLE_EXPONENTS, SINGLE_EXPONENTS)
    n = b.rint(p)
    mantissa = power_series(b, b.cast(b.xsub(p, n), "f32"))
    return scale(b, mantissa, b.cast(n, "f32"))


def _log2_in_double(b: Builder, m: Operand, e: Operand) -> Operand:
    """log2(m 2^e) of f32 lanes in f64 lanes, good to 2^-34."""
    f, start, coefficients = _near_one(b, m)
    curve = b.fma(f, polynomial(b, f, coefficients), -0.5)
    natural = b.add(b.fma(b.mul(f, f), curve, f), start)
    return b.fma(natural, c.INVERSE_LN2["f64"][0], b.cast(e, "f64"))


def _near_one(b: Builder, m: Operand) -> tuple[Operand, Operand, c.Polynomial]:
    """(f, s, polynomial of f): log m = s + log(1 + f), f small where there is a table."""
    wide = b.cast(m, "f64")
    if not b.wide(m):
        return b.xsub(wide, 1.0), b.const(0.0, wide), c.LOG_SINGLE["f64"]
    index = table_index(b, m)
    columns = tables.RECIPROCAL, tables.LOG_HEAD_SINGLE, tables.LOG_TAIL_SINGLE
    reciprocal, head, tail = (b.cast(b.table(index, column), "f64") for column in columns)
    return b.fma(wide, reciprocal, -1.0), b.add(head, tail), c.LOG_NARROW_SINGLE["f64"]


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
