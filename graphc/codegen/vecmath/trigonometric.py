"""sin, cos and tan: x less the nearest multiple n of pi/2, then polynomials chosen by n modulo 4.

f32 takes two roads.  Up to 10^5 pi/2 in three parts is enough (Cody & Waite 1980).  Beyond, in f64: a large x is an
integer m times 2^k, k one of a few powers, and m (2^k modulo 2 pi) has the same sine; the product is kept in two parts.
f64 keeps the rounding errors of the reduction and serves |x| <= 2^50; the result is NaN beyond.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.codegen.vecmath import coefficients as c
from graphc.codegen.vecmath.forms import NAN, estrin, horner, keep_zero, multiply_exactly, rounded

if TYPE_CHECKING:
    from graphc.codegen.builder import Builder
    from graphc.codegen.writer import Operand

TWO_OVER_PI = 0.6366197723675814
NEAR = 1e5
DOUBLE_RANGE = 2.0**50
SIGNIFICANT = 24  # bits of an f32


def sin(b: Builder, x: Operand) -> Operand:
    """The sine."""
    n, r = reduce(b, x)
    return keep_zero(b, x, _sine_of_quarter(b, n, r))


def cos(b: Builder, x: Operand) -> Operand:
    """The cosine."""
    n, r = reduce(b, x)
    return _sine_of_quarter(b, b.add(n, 1), r)


def tan(b: Builder, x: Operand) -> Operand:
    """The tangent."""
    n, r = reduce(b, x)
    square = b.mul(r, r)
    tangent = b.fma(b.mul(square, estrin(b, square, c.TAN[x.dtype])), r, r)
    return keep_zero(b, x, b.select(_is_odd(b, n), b.div(-1.0, tangent), tangent))


def _is_odd(b: Builder, n: Operand) -> Operand:
    return b.ne(b.and_(n, 1), 0)


def _sine_of_quarter(b: Builder, n: Operand, r: Operand) -> Operand:
    """sin(r + n pi/2): the sine or the cosine of r, negated in the second half of the circle."""
    square = b.mul(r, r)
    sine = b.fma(b.mul(square, r), horner(b, square, c.SIN[r.dtype]), r)
    cosine = b.fma(b.mul(square, square), horner(b, square, c.COS[r.dtype]), b.fma(square, -0.5, 1.0))
    value = b.select(_is_odd(b, n), cosine, sine)
    sign = b.shl(b.and_(n, 2), 30 if r.dtype == "f32" else 62)
    return b.real(b.xor(b.bits(value), sign))


def reduce(b: Builder, x: Operand) -> tuple[Operand, Operand]:
    """(n, r): x = n pi/2 + r, n an integer known modulo 4, |r| slightly above pi/4 at most."""
    if x.dtype == "f64":
        return _reduce_double(b, x)
    n, r = _reduce_near(b, x)
    far_n, far_r = _reduce_far(b, x)
    far = b.gt(b.abs(x), NEAR)
    return b.select(far, far_n, n), b.select(far, far_r, r)


def _reduce_near(b: Builder, x: Operand) -> tuple[Operand, Operand]:
    t, n = rounded(b, x, TWO_OVER_PI)
    r = x
    for part in c.HALF_PI["f32"]:
        r = b.fma(n, -part, r)
    return b.bits(t), r


def _reduce_double(b: Builder, x: Operand) -> tuple[Operand, Operand]:
    """x - n head is exact; the rounding error of the next step is added to the last."""
    head, middle, tail = c.HALF_PI["f64"]
    t, n = rounded(b, x, TWO_OVER_PI)
    first = b.fma(n, -head, x)
    product, error = multiply_exactly(b, n, middle)
    second = b.xsub(first, product)
    lost = b.xsub(b.xsub(first, second), product)
    r = b.xadd(second, b.xsub(lost, b.fma(n, tail, error)))
    return b.bits(t), b.select(b.le(b.abs(x), DOUBLE_RANGE), r, NAN)


def _reduce_far(b: Builder, x: Operand) -> tuple[Operand, Operand]:
    """For any f32, in f64 lanes: the product stays below 2^47, where the magic number still serves."""
    m, head, tail = _residue(b, x)
    product, error = multiply_exactly(b, m, head)
    error = b.fma(m, tail, error)
    t, n = rounded(b, product, TWO_OVER_PI)
    r = b.fma(n, -c.HALF_PI["f64"][1], b.fma(n, -c.HALF_PI["f64"][0], product))
    return b.cast(b.bits(t), "i32"), b.cast(b.add(r, error), "f32")


def _residue(b: Builder, x: Operand) -> tuple[Operand, Operand, Operand]:
    """(m, head, tail): x and m (head + tail) differ by whole turns; m is an integer where x is no longer small."""
    wide, magnitude = b.cast(x, "f64"), b.abs(x)
    unit, head, tail = b.const(1.0, wide), b.const(1.0, wide), b.const(0.0, wide)
    for exponent, (turn, rest) in c.TURNS.items():
        reached = b.ge(magnitude, 2.0 ** (exponent + SIGNIFICANT - 1))
        unit = b.select(reached, 2.0**-exponent, unit)
        head, tail = b.select(reached, turn, head), b.select(reached, rest, tail)
    return b.mul(wide, unit), head, tail
