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
    keep_zero,
    layout,
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
    """log 2 in this base; 1 / ln base; the rest of log(1 + x), wide and narrow; logarithms of the table's reciprocals,
    head and tail.
    """

    log2: Mapping[str, c.Parts]
    factor: Mapping[str, c.Parts]
    curve: Mapping[str, c.Polynomial]
    narrow: Mapping[str, c.Polynomial]
    head: tables.Table
    tail: tables.Table


ONE = {"f32": (1.0, 0.0), "f64": (1.0, 0.0)}
NATURAL = Base(c.LN2, ONE, c.LOG, c.LOG_NARROW, tables.LOG_HEAD, tables.LOG_TAIL)
BINARY = Base(ONE, c.INVERSE_LN2, c.LOG2, c.LOG2_NARROW, tables.LOG2_HEAD, tables.LOG2_TAIL)
DECIMAL = Base(c.LOG10_2, c.INVERSE_LN10, c.LOG10, c.LOG10_NARROW, tables.LOG10_HEAD, tables.LOG10_TAIL)


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
    return or_infinite(b, e, _assemble(b, m, e, low, NATURAL))


def short_log(b: Builder, x: Operand) -> Operand:
    """The natural logarithm of an f64 to no more digits than an f32 needs, 2^-35."""
    m, e = split(b, x)
    f = b.xsub(m, 1.0)
    curve = b.fma(f, polynomial(b, f, c.LOG_SINGLE["f64"]), -0.5)
    return b.fma(e, c.LN2["f64"][0], b.fma(b.mul(f, f), curve, f))


def _log(b: Builder, x: Operand, base: Base) -> Operand:
    return _assemble(b, *split(b, x), None, base)


def or_infinite(b: Builder, e: Operand, value: Operand) -> Operand:
    """An infinite exponent, of 0 or infinity, is its own logarithm."""
    if b.wide(e):
        return b.fixup(value, e, infinity="x", minus_infinity="x")
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
    """log((m + low) 2^e); where e is infinite m is 1."""
    if m.dtype == "f64" and b.wide(m):
        return or_infinite(b, e, _by_table(b, m, e, low, base))
    return _by_polynomial(b, m, e, low, base)


def _by_polynomial(b: Builder, m: Operand, e: Operand, low: Operand | None, base: Base) -> Operand:
    """The parts of log 2 have one sign: infinite multiples of them can be added."""
    head, tail = base.log2[m.dtype][:2]
    f = b.xsub(m, 1.0)
    f = f if low is None else b.add(f, low)
    factor, curve = base.factor[m.dtype][0], polynomial(b, f, base.curve[m.dtype])
    if base is BINARY:  # e needs no factor
        return b.fma(b.mul(f, f), curve, b.fma(f, factor, e))
    small = b.mul(e, tail)
    if base is NATURAL:
        return b.fma(e, head, b.xadd(f, b.fma(b.mul(f, f), curve, small)))
    return b.fma(e, head, b.fma(f, b.fma(f, curve, factor), small))


def _by_table(b: Builder, m: Operand, e: Operand, low: Operand | None, base: Base) -> Operand:
    """The large terms, e log 2 + log(1/c) and the linear one of r = m c - 1, are added exactly; the others correct."""
    (head, tail), (factor, factor_tail) = base.log2["f64"][:2], base.factor["f64"][:2]
    index = table_index(b, m)
    reciprocal = b.table(index, tables.RECIPROCAL)
    r = b.fma(m, reciprocal, -1.0)
    r = r if low is None else b.fma(low, reciprocal, r)
    start = b.fma(e, head, b.table(index, base.head))
    total = b.fma(r, factor, start)
    error = b.fma(r, factor, b.xsub(start, total))
    small = b.add(error, b.fma(e, tail, b.table(index, base.tail)))
    bend = b.fma(r, polynomial(b, r, base.narrow["f64"]), factor_tail)
    return b.xadd(total, b.fma(r, bend, small))


def table_index(b: Builder, m: Operand) -> Operand:
    """round(16 m), of which tables look at the low four bits."""
    return b.bits(rounded(b, m, 16.0)[0])
