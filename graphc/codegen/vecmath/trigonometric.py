"""sin, cos and tan: x less the nearest multiple n of pi/2, then polynomials chosen by n modulo 4.

f64 has pi/2 in three parts and keeps the rounding errors (Cody & Waite 1980), which serves |x| <= 2^50; beyond, the
result is NaN.  f32 is reduced in f64 and serves every x: a large one is an integer m times 2^k, k one of a few powers,
and m (2^k modulo 2 pi) has the same sine; that product is kept in two parts.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.codegen.vecmath import coefficients as c
from graphc.codegen.vecmath.forms import NAN, add_exactly, estrin, horner, keep_zero, multiply_exactly, rounded

if TYPE_CHECKING:
    from graphc.codegen.builder import Builder
    from graphc.codegen.writer import Operand

    Reduced = tuple[Operand, Operand, Operand]

TWO_OVER_PI = 0.6366197723675814
DOUBLE_RANGE = 2.0**50
SIGNIFICANT = 24  # bits of an f32


def sin(b: Builder, x: Operand) -> Operand:
    """The sine."""
    n, r, _ = reduce(b, x)
    return keep_zero(b, x, _sine_of_quarter(b, n, r))


def cos(b: Builder, x: Operand) -> Operand:
    """The cosine."""
    n, r, _ = reduce(b, x)
    return _sine_of_quarter(b, b.add(n, 1), r)


def tan(b: Builder, x: Operand) -> Operand:
    """The tangent; steep enough to need r in two parts."""
    n, r, low = reduce(b, x)
    square = b.mul(r, r)
    bend = b.mul(square, estrin(b, square, c.TAN[x.dtype]))
    rough = b.fma(bend, r, r)
    slope = b.fma(rough, rough, 1.0)
    tangent = b.xadd(r, b.fma(bend, r, b.mul(low, slope)))
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


def reduce(b: Builder, x: Operand) -> Reduced:
    """(n, r, low): x = n pi/2 + r + low, n known modulo 4, |r| slightly above pi/4 at most, low below an ulp of r."""
    return _reduce_single(b, x) if x.dtype == "f32" else _reduce_double(b, x)


def _reduce_double(b: Builder, x: Operand) -> Reduced:
    """pi/2 in three parts: x - n head is exact, and the rounding error of the next step is added to the last."""
    head, middle, tail = c.HALF_PI["f64"]
    t, n = rounded(b, x, TWO_OVER_PI)
    first = b.fma(n, -head, x)
    product, error = multiply_exactly(b, n, middle)
    second = b.xsub(first, product)
    lost = b.xsub(b.xsub(first, second), product)
    r, low = add_exactly(b, second, b.xsub(lost, b.fma(n, tail, error)))
    return b.bits(t), b.select(b.le(b.abs(x), DOUBLE_RANGE), r, NAN), low


def _reduce_single(b: Builder, x: Operand) -> Reduced:
    """In f64 lanes: the product of the residue stays below 2^47, where the magic number still serves."""
    m, head, tail = _residue(b, x)
    product, error = multiply_exactly(b, m, head)
    t, n = rounded(b, product, TWO_OVER_PI)
    near = b.fma(n, -c.HALF_PI["f64"][1], b.fma(n, -c.HALF_PI["f64"][0], product))
    wide = b.add(near, b.fma(m, tail, error))
    r = b.cast(wide, "f32")
    return b.cast(b.bits(t), "i32"), r, b.cast(b.xsub(wide, b.cast(r, "f64")), "f32")


def _residue(b: Builder, x: Operand) -> Reduced:
    """(m, head, tail) in f64: x and m (head + tail) differ by whole turns, m is an integer where x is not small."""
    magnitude, unit = b.abs(x), b.const(1.0, x)
    like = b.cast(x, "f64")
    head, tail = b.const(1.0, like), b.const(0.0, like)
    for exponent, (turn, rest) in c.TURNS.items():
        reached = b.ge(magnitude, 2.0 ** (exponent + SIGNIFICANT - 1))
        unit = b.select(reached, 2.0**-exponent, unit)
        head, tail = b.select(reached, turn, head), b.select(reached, rest, tail)
    return b.cast(b.mul(x, unit), "f64"), head, tail
