"""pow: 2^(y log2 |x|) with the logarithm good to many more digits than the result, then the special cases of IEEE 754.

An error of the logarithm is multiplied by y log x, up to 709.  f32 takes its logarithm in f64; f64 as a sum of two f64,
good to 2^-65: by table on AVX-512, elsewhere as 2 atanh((m - 1) / (m + 1)).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.codegen.vecmath import coefficients as c
from graphc.codegen.vecmath import tables
from graphc.codegen.vecmath.exponential import exp_of_sum, power_series
from graphc.codegen.vecmath.forms import (
    INF,
    NAN,
    add_exactly,
    clamp,
    estrin,
    horner,
    multiply_exactly,
    one_plus,
    scale,
    sign_bit,
)
from graphc.codegen.vecmath.logarithm import split, table_index

if TYPE_CHECKING:
    from graphc.codegen.builder import Builder
    from graphc.codegen.writer import Operand

    Pair = tuple[Operand, Operand]

SINGLE_EXPONENTS = 200.0  # 2^200 and 2^-200 are beyond f32
DOUBLE_EXPONENTS = 800.0  # e^800 and e^-800 are beyond f64


def pow(b: Builder, x: Operand, y: Operand) -> Operand:  # noqa: A001
    """x^y; NaN for a negative x and a y that is not an integer."""
    m, e = split(b, b.abs(x))
    magnitude = _single(b, m, e, y) if x.dtype == "f32" else _double(b, m, e, y)
    return _special_cases(b, x, y, magnitude)


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
    curve = b.fma(f, estrin(b, f, coefficients), -0.5)
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
    head, tail = _log_by_table(b, m, e) if b.wide(m) else _log_by_series(b, m, e)
    infinite = b.eq(b.abs(e), INF)
    head, tail = b.select(infinite, e, head), b.select(infinite, 0.0, tail)
    product, error = multiply_exactly(b, y, head)
    error = b.fma(y, tail, error)
    return exp_of_sum(b, product, b.select(b.lt(b.abs(product), DOUBLE_EXPONENTS), error, 0.0))


def _log_by_table(b: Builder, m: Operand, e: Operand) -> Pair:
    """log(m 2^e) = e ln 2 + log(1/c) + log(1 + r), m c = 1 + r + lost."""
    ln2, ln2_tail, _ = c.LN2["f64"]
    index = table_index(b, m)
    product, lost = multiply_exactly(b, m, b.table(index, tables.RECIPROCAL))
    r = b.xsub(product, 1.0)
    start, error = add_exactly(b, b.fma(e, ln2, b.table(index, tables.LOG_HEAD)), r)
    square, square_error = multiply_exactly(b, b.xmul(r, -0.5), r)
    total, second_error = add_exactly(b, start, square)
    cubic = b.mul(b.mul(b.mul(r, r), r), estrin(b, r, c.LOG_NARROW_DOUBLE["f64"]))
    slope = b.fma(r, b.xsub(r, 1.0), 1.0)  # 1 / (1 + r) as far as it matters for the lost part
    low = b.add(cubic, b.fma(e, ln2_tail, b.table(index, tables.LOG_TAIL)))
    low = b.xadd(low, b.fma(lost, slope, square_error))
    return add_exactly(b, total, b.xadd(low, b.xadd(error, second_error)))


def _log_by_series(b: Builder, m: Operand, e: Operand) -> Pair:
    """log(m 2^e) = e ln 2 + 2 s + 2 s^3 (1/3 + s^2 p(s^2)), s = (m - 1) / (m + 1)."""
    ln2, ln2_tail, _ = c.LN2["f64"]
    s, s_low = _ratio(b, m)
    bend, bend_low = _cubic_terms(b, s, s_low)
    start, error = add_exactly(b, b.mul(e, ln2), b.add(s, s))
    total, second_error = add_exactly(b, start, b.add(bend, bend))
    low = b.fma(e, ln2_tail, b.mul(b.xadd(s_low, bend_low), 2.0))
    return add_exactly(b, total, b.xadd(low, b.xadd(error, second_error)))


def _ratio(b: Builder, m: Operand) -> Pair:
    """(m - 1) / (m + 1) in two parts; m - 1 is exact."""
    numerator = b.xsub(m, 1.0)
    denominator, lost = one_plus(b, m)
    s = b.div(numerator, denominator)
    left = b.fma(b.neg(s), lost, b.fma(b.neg(s), denominator, numerator))
    return s, b.div(left, denominator)


def _cubic_terms(b: Builder, s: Operand, s_low: Operand) -> Pair:
    """s^3 (1/3 + s^2 p(s^2)) in two parts."""
    square, square_low = multiply_exactly(b, s, s)
    square_low = b.fma(b.add(s, s), s_low, square_low)
    third, third_low, _ = c.THIRD["f64"]
    factor, factor_low = add_exactly(b, third, b.xmul(square, horner(b, square, c.LOG_SERIES["f64"])))
    product, product_low = multiply_exactly(b, square, factor)
    product_low = b.add(product_low, b.fma(square, b.add(factor_low, third_low), b.mul(square_low, factor)))
    result, result_low = multiply_exactly(b, s, product)
    return result, b.add(result_low, b.fma(s, product_low, b.mul(s_low, product)))


# ------------------------------------------------------------------------------------------------------ special cases


def _special_cases(b: Builder, x: Operand, y: Operand, magnitude: Operand) -> Operand:
    """The sign, NaN where there is no real power, and 1 for 1^y, x^0 and (-1)^inf."""
    whole = b.eq(b.trunc(y), y)
    half = b.mul(y, 0.5)
    odd = b.and_(whole, b.ne(b.trunc(half), half))
    signed = b.select(b.and_(sign_bit(b, x), odd), b.neg(magnitude), magnitude)
    negative = b.and_(b.lt(x, 0.0), b.ne(b.abs(x), INF))
    value = b.select(b.and_(negative, b.not_(whole)), NAN, signed)
    unit = b.and_(b.eq(b.abs(x), 1.0), b.eq(b.abs(y), INF))
    one = b.or_(b.or_(b.eq(x, 1.0), b.eq(y, 0.0)), unit)
    return b.select(one, 1.0, value)
