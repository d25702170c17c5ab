"""The logarithm of an f64 as a sum of two, good to 2^-65, for functions that multiply it by large numbers.

By table on AVX-512, elsewhere as 2 atanh((m - 1) / (m + 1)).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.codegen.vecmath import coefficients as c
from graphc.codegen.vecmath import tables
from graphc.codegen.vecmath.forms import INF, add_exactly, horner, multiply_exactly, one_plus, polynomial
from graphc.codegen.vecmath.logarithm import table_index

if TYPE_CHECKING:
    from graphc.codegen.llvm.builder import Builder
    from graphc.codegen.llvm.writer import Operand

    Pair = tuple[Operand, Operand]


def log_of_parts(b: Builder, m: Operand, e: Operand) -> Pair:
    """log(m 2^e), m and e being those of `logarithm.split`."""
    head, tail = _log_by_table(b, m, e) if b.wide(m) else _log_by_series(b, m, e)
    infinite = b.eq(b.abs(e), INF)
    return b.select(infinite, e, head), b.select(infinite, 0.0, tail)


def _log_by_table(b: Builder, m: Operand, e: Operand) -> Pair:
    """log(m 2^e) = e ln 2 + log(1/c) + log(1 + r), m c = 1 + r + lost."""
    ln2, ln2_tail, _ = c.LN2["f64"]
    index = table_index(b, m)
    product, lost = multiply_exactly(b, m, b.table(index, tables.RECIPROCAL))
    r = b.xsub(product, 1.0)
    start, error = add_exactly(b, b.fma(e, ln2, b.table(index, tables.LOG_HEAD)), r)
    square, square_error = multiply_exactly(b, b.xmul(r, -0.5), r)
    total, second_error = add_exactly(b, start, square)
    cubic = b.mul(b.mul(b.mul(r, r), r), polynomial(b, r, c.LOG_NARROW_DOUBLE["f64"]))
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
