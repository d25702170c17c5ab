"""The remainder of any f64 modulo pi/2, from a product with 2/pi in integers whose multiples of 4 are never formed.

Payne & Hanek 1983, "Radian reduction for trigonometric functions".  x = m 2^e with an integer m of 53 bits; of the bits
of 2/pi those that give whole multiples of 4 are skipped, and the next 189 are taken, as seven limbs of 27 bits.  No f64
comes closer to a multiple of pi/2 than 2^-62 (Muller, "Elementary Functions", table 11.1), so that more than 70 bits of
the remainder are right.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.codegen.vecmath import coefficients as c
from graphc.codegen.vecmath.forms import INF, LAYOUT, NAN, add_exactly, multiply_exactly
from graphc.codegen.vecmath.tables import TWO_OVER_PI_BITS, TWO_OVER_PI_BYTES

if TYPE_CHECKING:
    from graphc.codegen.llvm.builder import Builder
    from graphc.codegen.llvm.writer import Operand

LIMBS, LIMB = 7, 27
MASK = (1 << LIMB) - 1
FRACTION = LIMB - 2  # bits of the highest limb of the product below its two integer bits
FORM = LAYOUT["f64"]


def reduce_by_product(b: Builder, x: Operand) -> tuple[Operand, Operand, Operand]:
    """(n, r, low): x = n pi/2 + r + low for |x| >= 2^46, n modulo 4; NaN for an infinite x."""
    bits = b.bits(b.abs(x))
    exponent = b.shr(bits, FORM.fraction)
    m = b.or_(b.and_(bits, (1 << FORM.fraction) - 1), 1 << FORM.fraction)
    n, *limbs = _nearest(b, _product(b, m, _window(b, exponent)))
    r, low = _times_half_pi(b, *_as_floats(b, limbs))
    negative, infinite = b.lt(x, 0.0), b.eq(b.abs(x), INF)
    n = b.select(negative, b.neg(n), n)
    r, low = (b.select(negative, b.neg(v), v) for v in (r, low))
    return n, b.select(infinite, NAN, r), low


def _window(b: Builder, exponent: Operand) -> list[Operand]:
    """The limbs of 2/pi, lowest first, the highest of which starts with the bit that stands for 2 in the product."""
    last = FORM.bias + FORM.fraction + 1 + TWO_OVER_PI_BITS
    lowest = b.sub(last - LIMBS * LIMB + 1, b.maximum(exponent, FORM.bias + FORM.fraction - 8))
    return [_limb(b, b.add(lowest, k * LIMB)) for k in range(LIMBS)]


def _limb(b: Builder, position: Operand) -> Operand:
    """The bits of 2/pi from a position on, counted from its lowest."""
    word = b.words_of("two_over_pi", TWO_OVER_PI_BYTES, b.shr(position, 3))
    return b.and_(b.shr(word, b.and_(position, 7)), MASK)


def _product(b: Builder, m: Operand, window: list[Operand]) -> list[Operand]:
    """m times the window modulo 2^189, lowest limb first; m has two limbs itself."""
    low, high = b.and_(m, MASK), b.shr(m, LIMB)
    carry, below, result = b.const(0, m), b.const(0, m), []
    for limb in window:
        total = b.add(b.add(b.mul(low, limb), b.mul(high, below)), carry)
        result.append(b.and_(total, MASK))
        carry, below = b.shr(total, LIMB), limb
    return result


def _nearest(b: Builder, product: list[Operand]) -> list[Operand]:
    """The nearest integer, then the limbs of what is left, highest first, of which the first has a sign."""
    *lower, top = product
    n = b.shr(b.add(top, 1 << FRACTION - 1), FRACTION)
    return [n, b.sub(top, b.shl(n, FRACTION)), *reversed(lower)]


def _as_floats(b: Builder, limbs: list[Operand]) -> tuple[Operand, Operand]:
    """The signed fraction in two parts, from five limbs; the first two make one float, and the next adds exactly."""
    first = b.add(b.shl(limbs[0], LIMB), limbs[1])
    scales = (2.0 ** -(FRACTION + k * LIMB) for k in range(1, 5))
    a, d, e, f = (b.mul(b.cast(v, "f64"), s) for v, s in zip((first, *limbs[2:5]), scales, strict=True))
    total, error = add_exactly(b, a, d)
    return add_exactly(b, total, b.xadd(error, b.xadd(e, f)))


def _times_half_pi(b: Builder, value: Operand, low: Operand) -> tuple[Operand, Operand]:
    head, tail, _ = c.HALF_PI["f64"]
    product, error = multiply_exactly(b, value, head)
    return add_exactly(b, product, b.fma(value, tail, b.fma(low, head, error)))
