"""sin, cos and tan: x less the nearest multiple n of pi/2, then polynomials chosen by n modulo 4.

pi/2 is taken in three parts, which serves as long as n is small.  Where some lane is beyond that, a branch leads to the
reduction of an f32 in f64, and of an f64 by integers.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import zip_longest
from typing import TYPE_CHECKING

from graphc.codegen.vecmath import coefficients as c
from graphc.codegen.vecmath.forms import add_exactly, horner, keep_zero, multiply_exactly, polynomial, rounded
from graphc.codegen.vecmath.payne_hanek import reduce_by_product

if TYPE_CHECKING:
    from graphc.codegen.llvm.builder import Builder
    from graphc.codegen.llvm.writer import Operand

    Reduced = tuple[Operand, Operand, Operand]
    Fraction = tuple[Operand, Operand]

TWO_OVER_PI = 0.6366197723675814
NEAR = {"f32": 1e5, "f64": 2.0**46}  # from here on n would be wrong by more than 1/256


def sin(b: Builder, x: Operand) -> Operand:
    """The sine."""
    n, r, _ = reduce(b, x, _rounded_once)
    return keep_zero(b, x, sine_of_quarter(b, n, r))


def cos(b: Builder, x: Operand) -> Operand:
    """The cosine."""
    n, r, _ = reduce(b, x, _rounded_once)
    return sine_of_quarter(b, b.add(n, 1), r)


def tan(b: Builder, x: Operand) -> Operand:
    """The tangent; steep enough to need r in two parts."""
    return keep_zero(b, x, tangent_of_quarter(b, *reduce(b, x, _in_two_parts)))


def tangent_of_quarter(b: Builder, n: Operand, r: Operand, low: Operand) -> Operand:
    """tan(r + low + n pi/2): tan(r), or -1 / tan(r) in every second quarter."""
    odd = _is_odd(b, n)
    if r.dtype == "f32":
        tangent = _by_polynomial(b, r, low)
        return b.select(odd, b.div(-1.0, tangent), tangent)
    above, below = _by_fraction(b, r, low)
    return b.div(b.select(odd, b.neg(below), above), b.select(odd, above, below))


def _by_polynomial(b: Builder, r: Operand, low: Operand) -> Operand:
    """`low` is multiplied by 1 + r^2, which is near enough to the derivative 1 + tan(r)^2."""
    square = b.mul(r, r)
    bend = b.mul(square, polynomial(b, square, c.TAN[r.dtype]))
    return b.xadd(r, b.fma(bend, r, b.fma(low, square, low)))


def _by_fraction(b: Builder, r: Operand, low: Operand) -> Fraction:
    """Half the terms that a polynomial needs.

    Two small things enter above: `low` times the derivative 1 + tan(r)^2, for which 1 + r^2 is near enough, and what
    the rounding of the denominator lost.
    """
    square = b.mul(r, r)
    p, (first, *rest) = TANGENT
    below, lost = add_exactly(b, first, b.xmul(square, horner(b, square, rest)))
    slope = b.mul(b.mul(low, below), b.xadd(square, 1.0))
    return b.fma(r, horner(b, square, p), b.fma(b.neg(r), lost, slope)), below


def _convergent(terms: int, factor: float) -> tuple[c.Polynomial, c.Polynomial]:
    """(p, q) with tan(r) = r p(r^2) / q(r^2), from so many terms of r / (1 - r^2 / (3 - r^2 / (5 - ...))).

    Lambert 1761; Abramowitz & Stegun 4.3.94.  The floats hold the coefficients exactly.  The factor brings p and q
    near the upper end of a binade, where rounding is relatively finest.
    """
    p, q = [factor], [factor * (2 * terms - 1)]
    for odd in range(2 * terms - 3, 0, -2):
        sums = zip_longest((odd * v for v in q), [0.0, *(-v for v in p)], fillvalue=0.0)
        p, q = q, [a + v for a, v in sums]
    return tuple(p), tuple(q)


TANGENT = _convergent(9, 1.875)  # error 2^-60 for |r| < 0.79


def _is_odd(b: Builder, n: Operand) -> Operand:
    return b.ne(b.and_(n, 1), 0)


def sine_of_quarter(b: Builder, n: Operand, r: Operand) -> Operand:
    """sin(r + n pi/2): the sine or the cosine of r, negated in the second half of the circle."""
    square = b.mul(r, r)
    sine = b.fma(b.mul(square, r), horner(b, square, c.SIN[r.dtype]), r)
    cosine = b.fma(b.mul(square, square), horner(b, square, c.COS[r.dtype]), b.fma(square, -0.5, 1.0))
    value = b.select(_is_odd(b, n), cosine, sine)
    sign = b.shl(b.and_(n, 2), 30 if r.dtype == "f32" else 62)
    return b.real(b.xor(b.bits(value), sign))


def precise_sine_and_cosine(b: Builder, r: Operand, low: Operand) -> tuple[Operand, Operand]:
    """sin(r + low) and cos(r + low) for |r| <= pi/4: their largest terms are added last, rounded once."""
    square, error = multiply_exactly(b, r, r)
    cubic = b.mul(b.mul(square, r), horner(b, square, c.SIN[r.dtype]))
    sine = b.xadd(r, b.xadd(cubic, b.fma(b.mul(square, -0.5), low, low)))
    start, lost = add_exactly(b, 1.0, b.mul(square, -0.5))
    bend = b.fma(b.mul(square, square), horner(b, square, c.COS[r.dtype]), b.fma(error, -0.5, lost))
    return sine, b.xadd(start, b.fma(b.neg(r), low, bend))


def reduce_half_turns(b: Builder, x: Operand) -> Reduced:
    """(n, r, low): pi x less whole half turns is n pi/2 + r + low, |r| <= pi/4; r is 0 for an integer x, n even."""
    left = b.xsub(x, b.rint(x))
    t, n = rounded(b, left, 2.0)
    rest = b.fma(n, -0.5, left)
    r, error = multiply_exactly(b, rest, c.PI[x.dtype][0])
    return b.bits(t), r, b.fma(rest, c.PI[x.dtype][1], error)


def reduce(b: Builder, x: Operand, near: Callable[[Builder, Operand], Reduced]) -> Reduced:
    """(n, r, low): x = n pi/2 + r + low, n known modulo 4, |r| slightly above pi/4 at most, low below an ulp of r."""
    if x.dtype == "f32" and "fma" not in b.features:
        return _reduce_in_double(b, x)
    far = _reduce_in_double if x.dtype == "f32" else reduce_by_product
    n, r, low = b.rarely(b.gt(b.abs(x), NEAR[x.dtype]), near(b, x), far, x)
    return n, r, low


def _rounded_once(b: Builder, x: Operand) -> Reduced:
    """pi/2 in three parts: x - n head is exact, and the last part hardly counts.  What rounding lost is not known."""
    head, middle, tail = c.HALF_PI[x.dtype]
    t, n = rounded(b, x, TWO_OVER_PI)
    r = b.fma(n, -tail, b.fma(n, -middle, b.fma(n, -head, x)))
    return b.bits(t), r, b.const(0.0, x)


def _in_two_parts(b: Builder, x: Operand) -> Reduced:
    """The same with what rounding lost (Cody & Waite 1980)."""
    if x.dtype == "f32":
        return _in_short_parts(b, x)
    head, middle, tail = c.HALF_PI[x.dtype]
    t, n = rounded(b, x, TWO_OVER_PI)
    first = b.fma(n, -head, x)
    product, error = multiply_exactly(b, n, middle)
    second = b.xsub(first, product)
    lost = b.xsub(b.xsub(first, second), product)
    return b.bits(t), *add_exactly(b, second, b.xsub(lost, b.fma(n, tail, error)))


def _in_short_parts(b: Builder, x: Operand) -> Reduced:
    """The second part of pi/2 is so short that its multiple is exact too; next to a multiple of pi/2 so is `second`."""
    head, middle, tail, end = c.HALF_PI_SHORT
    t, n = rounded(b, x, TWO_OVER_PI)
    first = b.fma(n, -head, x)
    second = b.fma(n, -middle, first)
    lost = b.fma(n, -middle, b.xsub(first, second))
    r = b.fma(n, -tail, second)
    low = b.fma(n, -tail, b.xsub(second, r))
    return b.bits(t), r, b.xadd(low, b.fma(n, -end, lost))


def _reduce_in_double(b: Builder, x: Operand) -> Reduced:
    """An f32 as an f64, which is near far longer; n may be so large that one f64 holds too few digits of r."""
    n, wide, rest = reduce(b, b.cast(x, "f64"), _in_two_parts)
    r = b.cast(wide, "f32")
    return b.cast(n, "i32"), r, b.cast(b.xadd(b.xsub(wide, b.cast(r, "f64")), rest), "f32")
