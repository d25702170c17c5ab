"""log, log2, log10, log1p, and logarithms of unevaluated sums for others.

x = m 2^e with m in [3/4, 3/2); log x = e log 2 + f - f^2 / 2 + f^3 q(f), f = m - 1.  f64 on AVX-512 first multiplies m
by a short reciprocal from a table, which leaves |f| < 0.044 (Tang 1990, "Table-driven implementation of the
logarithm").
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from graphc.codegen.vecmath import coefficients as c
from graphc.codegen.vecmath import tables
from graphc.codegen.vecmath.forms import (
    INF,
    NAN,
    add_exactly,
    keep_zero,
    layout,
    multiply_exactly,
    one_plus,
    polynomial,
    rounded,
)
from graphc.records import dataclass

if TYPE_CHECKING:
    from graphc.codegen.llvm.builder import Builder
    from graphc.codegen.llvm.writer import Operand

GETMANT_THREE_QUARTERS = 0b1011  # VGETMANT: mantissa in [3/4, 3/2), NaN for a negative operand


@dataclass(frozen=True)
class Base:
    """log 2 in this base; 1 / ln base, None for 1; logarithms of the table's reciprocals, head and tail."""

    log2: Mapping[str, c.Parts]
    factor: Mapping[str, c.Parts] | None
    head: tables.Table
    tail: tables.Table


NATURAL = Base(c.LN2, None, tables.LOG_HEAD, tables.LOG_TAIL)
ONE = {"f32": (1.0, 0.0), "f64": (1.0, 0.0)}
BINARY = Base(ONE, c.INVERSE_LN2, tables.LOG2_HEAD, tables.LOG2_TAIL)
DECIMAL = Base(c.LOG10_2, c.INVERSE_LN10, tables.LOG10_HEAD, tables.LOG10_TAIL)


def log(b: Builder, x: Operand) -> Operand:
    """The natural logarithm."""
    return _log(b, x, NATURAL)


def log2(b: Builder, x: Operand) -> Operand:
    """The logarithm to base 2; exact for powers of two."""
    return _log(b, x, BINARY)


def log10(b: Builder, x: Operand) -> Operand:
    """The logarithm to base 10."""
    return _log(b, x, DECIMAL)


def log1p(b: Builder, x: Operand) -> Operand:
    """log(1 + x)."""
    return keep_zero(b, x, log_of_sum(b, *one_plus(b, x)))


def log_of_sum(b: Builder, u: Operand, low: Operand, doublings: Operand | None = None) -> Operand:
    """log((u + low) 2^doublings), low below an ulp of u; where u is 0 or infinite low does not matter."""
    m, e = split(b, u)
    low = b.scalef(low, b.neg(e)) if b.wide(u) else b.mul(low, b.div(m, u))
    e = e if doublings is None else b.add(e, doublings)
    return _or_infinite(b, e, _assemble(b, m, e, low, NATURAL))


def short_log(b: Builder, x: Operand) -> Operand:
    """The natural logarithm of an f64 to no more digits than an f32 needs, 2^-35."""
    m, e = split(b, x)
    f = b.xsub(m, 1.0)
    curve = b.fma(f, polynomial(b, f, c.LOG_SINGLE["f64"]), -0.5)
    return _or_infinite(b, e, b.fma(e, c.LN2["f64"][0], b.fma(b.mul(f, f), curve, f)))


def _log(b: Builder, x: Operand, base: Base) -> Operand:
    m, e = split(b, x)
    return _or_infinite(b, e, _assemble(b, m, e, None, base))


def _or_infinite(b: Builder, e: Operand, value: Operand) -> Operand:
    """An infinite exponent, of 0 or infinity, is its own logarithm."""
    return b.select(b.eq(b.abs(e), INF), e, value)


def split(b: Builder, x: Operand) -> tuple[Operand, Operand]:
    """(m, e) with x = m 2^e; e is -inf for 0 and inf for infinity, m or e is NaN for NaN and negative numbers."""
    if b.wide(x):
        m = b.getmant(x, GETMANT_THREE_QUARTERS)
        return m, b.sub(b.getexp(x), b.getexp(m))
    m, e = _split_bits(b, x)
    e = b.select(b.lt(x, INF), e, x)
    e = b.select(b.eq(x, 0.0), -INF, e)
    return m, b.select(b.lt(x, 0.0), NAN, e)


def _split_bits(b: Builder, x: Operand) -> tuple[Operand, Operand]:
    """(m, e) of a positive finite x; a subnormal number is scaled into the normal range first."""
    form = layout(x)
    shift = float(form.fraction + 2)
    tiny = b.lt(x, form.least)
    bits = b.bits(b.select(tiny, b.mul(x, 2.0**shift), x))
    three_quarters = (form.bias << form.fraction) - (1 << form.fraction - 1)
    n = b.shr(b.sub(bits, three_quarters), form.fraction)
    m = b.real(b.sub(bits, b.shl(n, form.fraction)))
    e = b.xsub(b.real(b.add(n, form.magic_bits)), form.magic)
    return m, b.select(tiny, b.xsub(e, shift), e)


def _assemble(b: Builder, m: Operand, e: Operand, low: Operand | None, base: Base) -> Operand:
    """log((m + low) 2^e)."""
    if m.dtype == "f64" and b.wide(m):
        return _by_table(b, m, e, low, base)
    return _by_polynomial(b, m, e, low, base)


def _by_polynomial(b: Builder, m: Operand, e: Operand, low: Operand | None, base: Base) -> Operand:
    head, tail = base.log2[m.dtype][:2]
    f = b.xsub(m, 1.0)
    f = f if low is None else b.add(f, low)
    square = b.mul(f, f)
    cubic = b.mul(b.mul(square, f), polynomial(b, f, c.LOG[m.dtype]))
    if base.factor is None:
        rest = b.fma(square, -0.5, b.fma(e, tail, cubic))
        return b.fma(e, head, b.xadd(f, rest))
    factor, factor_tail = base.factor[m.dtype][:2]
    rest = b.fma(b.fma(square, -0.5, cubic), factor, b.fma(f, factor_tail, b.mul(e, tail)))
    return b.fma(e, head, b.fma(f, factor, rest))


def _by_table(b: Builder, m: Operand, e: Operand, low: Operand | None, base: Base) -> Operand:
    """The large terms, e log 2 + log(1/c) and r = m c - 1, are added exactly; everything else is a correction."""
    head, tail = base.log2["f64"][:2]
    index = table_index(b, m)
    reciprocal = b.table(index, tables.RECIPROCAL)
    r = b.fma(m, reciprocal, -1.0)
    r = r if low is None else b.fma(low, reciprocal, r)
    product, correction = (r, None) if base.factor is None else _times(b, r, base.factor["f64"])
    total, error = add_exactly(b, b.fma(e, head, b.table(index, base.head)), product)
    small = b.add(error, b.fma(e, tail, b.table(index, base.tail)))
    small = small if correction is None else b.add(small, correction)
    curve = b.fma(r, polynomial(b, r, c.LOG_NARROW["f64"]), -0.5)
    square = b.mul(r, r)
    square = square if base.factor is None else b.mul(square, base.factor["f64"][0])
    return b.xadd(total, b.fma(square, curve, small))


def table_index(b: Builder, m: Operand) -> Operand:
    """round(16 m), of which tables look at the low four bits."""
    return b.bits(rounded(b, m, 16.0)[0])


def _times(b: Builder, r: Operand, factor: c.Parts) -> tuple[Operand, Operand]:
    """r times a factor in parts, as a sum."""
    product, error = multiply_exactly(b, r, factor[0])
    return product, b.fma(r, factor[1], error)
