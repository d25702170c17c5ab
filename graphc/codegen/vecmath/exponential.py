"""exp, exp2, expm1 and the logistic function.

x = n ln 2 + r with |r| <= ln(2) / 2, e^x = 2^n (1 + r + r^2 q(r)).  f64 on AVX-512 reduces sixteen times further and
takes 2^(j/16) from a table in registers (Tang 1989, "Table-driven implementation of the exponential function").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.codegen.vecmath import coefficients as c
from graphc.codegen.vecmath import tables
from graphc.codegen.vecmath.forms import (
    INF,
    at_most,
    clamp,
    horner,
    keep_zero,
    low_integer,
    multiply_exactly,
    polynomial,
    power_of_two,
    rounded,
    scale,
)

if TYPE_CHECKING:
    from graphc.codegen.llvm.builder import Builder
    from graphc.codegen.llvm.writer import Operand

    Scaled = tuple[Operand, Operand, Operand]

FINITE = {"f32": (-104.5, 89.0), "f64": (-746.0, 710.0)}  # outside, e^x is 0 or infinite
FINITE_POWER = {"f32": (-151.0, 129.0), "f64": (-1076.0, 1025.0)}
NOTHING = -1e5  # e^x and 2^x are so small that they are 0 at once
DISTINCT = {"f32": (-17.5, 88.8), "f64": (-38.0, 709.9)}  # below, e^x - 1 is -1


def exp(b: Builder, x: Operand) -> Operand:
    """e^x."""
    return exp_of_sum(b, x)


def exp_of_sum(b: Builder, x: Operand, low: Operand | None = None) -> Operand:
    """e^(x + low), low below an ulp of x."""
    n, head, tail = exp_parts(b, near(b, x, *FINITE[x.dtype]), low)
    return scale(b, b.xadd(head, tail), n)


def near(b: Builder, x: Operand, low: float, high: float) -> Operand:
    """x brought near the range of finite results that are not 0; from below it, on AVX-512, far away.

    There a result that is not quite 0 takes the processor twenty times as long as a plain 0.
    """
    return at_most(b, b.select(b.lt(x, low), NOTHING if b.wide(x) else low, x), high)


def exp_parts(b: Builder, x: Operand, low: Operand | None = None) -> Scaled:
    """(n, head, tail): e^(x + low) = (head + tail) 2^floor(n), head + tail being more digits than one float holds.

    x is near the finite range, so that n is small.
    """
    return _sixteenths(b, x, low) if x.dtype == "f64" and b.wide(x) else _halves(b, x, low)


def _halves(b: Builder, x: Operand, low: Operand | None) -> Scaled:
    _, n, p = _minus_one(b, x, low)
    return n, b.const(1.0, x), p


def _sixteenths(b: Builder, x: Operand, low: Operand | None) -> Scaled:
    """n is a multiple of 1/16, so r is sixteen times smaller."""
    head, tail, _ = c.LN2["f64"]
    t, n = rounded(b, x, c.INVERSE_LN2["f64"][0], 1 / 16)
    r = b.fma(n, -tail, b.fma(n, -head, x))
    return _from_table(b, t, n, _narrow(b, r if low is None else b.add(r, low)))


def _narrow(b: Builder, r: Operand) -> Operand:
    """e^r - 1"""
    return b.fma(b.mul(r, r), horner(b, r, c.EXP_NARROW["f64"]), r)


def exp_of_square(b: Builder, a: Operand) -> Scaled:
    """The parts of e^(-a^2), whose exponent is never rounded: a^2 + n head is one fused operation on an exact product.

    Where -a^2 is near the finite range.
    """
    if not (a.dtype == "f64" and b.wide(a)):
        return exp_parts(b, *map(b.neg, multiply_exactly(b, a, a)))
    head, tail, _ = c.LN2["f64"]
    t, n = rounded(b, b.xmul(a, a), -c.INVERSE_LN2["f64"][0], 1 / 16)
    r = b.neg(b.fma(a, a, b.xmul(n, head)))
    return _from_table(b, t, n, _narrow(b, b.fma(n, -tail, r)))


def _from_table(b: Builder, t: Operand, n: Operand, p: Operand) -> Scaled:
    """2^n (1 + p); the table looks at the low four bits of its index only, the sixteenths."""
    head = b.table(b.bits(t), tables.EXP2_HEAD)
    return n, head, b.fma(head, p, b.table(b.bits(t), tables.EXP2_TAIL))


def _minus_one(b: Builder, x: Operand, low: Operand | None = None) -> tuple[Operand, Operand, Operand]:
    """(magic + n, n, e^r - 1)."""
    head, tail, _ = c.LN2[x.dtype]
    t, n = rounded(b, x, c.INVERSE_LN2[x.dtype][0])
    r = b.fma(n, -tail, b.fma(n, -head, x))
    r = r if low is None else b.add(r, low)
    return t, n, b.fma(b.mul(r, r), polynomial(b, r, c.EXP[x.dtype]), r)


def exp_plus_one(b: Builder, x: Operand) -> Operand:
    """e^x + 1 where e^x is a normal number."""
    if x.dtype == "f64" and b.wide(x):
        n, head, tail = _sixteenths(b, x, None)
        return b.xadd(b.xadd(b.scalef(head, n), 1.0), b.scalef(tail, n))
    t, _, p = _minus_one(b, x)
    power = power_of_two(b, low_integer(b, t), x)
    return b.fma(power, p, b.xadd(power, 1.0))


def exp2(b: Builder, x: Operand) -> Operand:
    """2^x."""
    x = near(b, x, *FINITE_POWER[x.dtype])
    return _exp2_sixteenths(b, x) if x.dtype == "f64" and b.wide(x) else exp2_of_sum(b, x)


def exp2_of_sum(b: Builder, x: Operand, low: Operand | None = None) -> Operand:
    """2^(x + low), their sum being near the finite range, where low is at most about 1."""
    n = rounded(b, x if low is None else b.xadd(x, low), 1.0)[1]
    r = b.xsub(x, n)
    return scale(b, power_series(b, r if low is None else b.xadd(r, low)), n)


def power_series(b: Builder, r: Operand) -> Operand:
    """2^r for |r| <= 1/2."""
    return b.fma(r, polynomial(b, r, c.EXP2[r.dtype]), 1.0)


def _exp2_sixteenths(b: Builder, x: Operand) -> Operand:
    t, n = rounded(b, x, 1.0, 1 / 16)
    r = b.xsub(x, n)
    _, head, tail = _from_table(b, t, n, b.mul(r, horner(b, r, c.EXP2_NARROW["f64"])))
    return b.scalef(b.xadd(head, tail), n)


def expm1(b: Builder, x: Operand) -> Operand:
    """e^x - 1 = 2^n (e^r - 1) + (2^n - 1), at half the scale: n reaches one beyond the largest exponent."""
    low, high = DISTINCT[x.dtype]
    t, n, p = _minus_one(b, clamp(b, x, low, high))
    half = power_of_two(b, b.sub(low_integer(b, t), 1), x)
    scaled = b.mul(b.fma(half, p, b.xsub(half, 0.5)), 2.0)
    value = b.select(b.eq(n, 0.0), p, scaled)
    return keep_zero(b, x, b.select(b.gt(x, high), INF, value))


def sigmoid(b: Builder, x: Operand) -> Operand:
    """1 / (1 + e^-x), from e^-|x| so that both tails keep their digits."""
    e = exp(b, b.neg(b.abs(x)))
    return b.div(b.select(b.lt(x, 0.0), e, 1.0), b.xadd(e, 1.0))
