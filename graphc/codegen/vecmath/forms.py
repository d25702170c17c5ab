"""What the elementary functions share: the layout of the floats, polynomials, exact sums and products, powers of two.

No number is converted to an integer here: adding `magic`, which is so large that its last bit stands for 1, rounds a
float to an integer and leaves that integer in the low bits of the sum.  Unlike a conversion it is never undefined.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from typing import TYPE_CHECKING, TypeAlias

from graphc.records import dataclass

if TYPE_CHECKING:
    from graphc.codegen.llvm.builder import Builder
    from graphc.codegen.llvm.writer import Operand

    Number: TypeAlias = Operand | float

INF, NAN = float("inf"), float("nan")
LONG = 6  # coefficients from which on a chain is long


@dataclass(frozen=True)
class Layout:
    """A binary float: fraction bits, exponent bias, least normal number; the magic number and its bits."""

    fraction: int
    bias: int
    magic: float
    least: float

    @property
    def magic_bits(self) -> int:
        """1.5 * 2**fraction."""
        return (self.bias + self.fraction << self.fraction) + (1 << self.fraction - 1)


LAYOUT = {
    "f32": Layout(23, 127, 1.5 * 2.0**23, 2.0**-126),
    "f64": Layout(52, 1023, 1.5 * 2.0**52, 2.0**-1022),
}


def layout(x: Operand) -> Layout:
    return LAYOUT[x.dtype]


# ------------------------------------------------------------------------------------------------------- polynomials


def horner(b: Builder, x: Operand, coefficients: Sequence[Number]) -> Operand:
    """Lowest power first; the least work and the least rounding."""
    *rest, last = coefficients
    return reduce(lambda value, c: b.fma(value, x, c), reversed(rest), b.match(x, last)[1])


def polynomial(b: Builder, x: Operand, coefficients: Sequence[Number]) -> Operand:
    """Lowest power first; a long one of an f64 in pairs, which halves the chain of dependent operations.

    A processor works on several vectors of an array at once, which hides the latency of short chains: to cut them
    is more work.
    """
    if x.dtype == "f32" or len(coefficients) < LONG:
        return horner(b, x, coefficients)
    pairs = zip(coefficients[::2], coefficients[1::2], strict=False)
    odd_one = coefficients[len(coefficients) & ~1 :]
    return horner(b, b.mul(x, x), [*(b.fma(x, high, low) for low, high in pairs), *odd_one])


# --------------------------------------------------------------------------------------------------- exact operations


def add_exactly(b: Builder, large: Number, small: Number) -> tuple[Operand, Operand]:
    """(sum, rounding error) where |large| >= |small| or large is 0 (Dekker 1971)."""
    total = b.xadd(large, small)
    return total, b.xadd(b.xsub(large, total), small)


def sum_exactly(b: Builder, x: Operand, y: Operand) -> tuple[Operand, Operand]:
    """(sum, rounding error) of any two (Knuth, "Seminumerical Algorithms", 4.2.2)."""
    total = b.xadd(x, y)
    share = b.xsub(total, x)
    return total, b.xadd(b.xsub(x, b.xsub(total, share)), b.xsub(y, share))


def one_plus(b: Builder, x: Operand) -> tuple[Operand, Operand]:
    """(1 + x, rounding error), exact unless |x| is so large that 1 hardly counts."""
    total = b.xadd(x, 1.0)
    return total, b.xsub(x, b.xsub(total, 1.0))


def multiply_exactly(b: Builder, x: Operand, y: Number) -> tuple[Operand, Operand]:
    """(product, rounding error)."""
    product = b.xmul(x, y)
    return product, b.fma(x, y, b.neg(product))


# ---------------------------------------------------------------------------------------------------------- selection


def clamp(b: Builder, x: Operand, low: float, high: float) -> Operand:
    """x brought into an interval; NaN stays NaN."""
    return at_most(b, b.select(b.lt(x, low), low, x), high)


def at_most(b: Builder, x: Operand, bound: float) -> Operand:
    """The smaller of the two; NaN stays NaN.  One instruction, unlike `minimum`, which has two operands to ask."""
    return b.select(b.gt(x, bound), bound, x)


def keep_zero(b: Builder, x: Operand, value: Operand) -> Operand:
    """f(x) for an odd f: sums lose the sign of zero."""
    return b.select(b.eq(x, 0.0), x, value)


def sign_bit(b: Builder, x: Operand) -> Operand:
    """Whether x is negative, also -0."""
    return b.lt(b.bits(x), 0)


# ------------------------------------------------------------------------------------------------------ powers of two


def rounded(b: Builder, x: Operand, scale: float, unit: float = 1.0) -> tuple[Operand, Operand]:
    """The multiple n of a power of two nearest x * scale: (its magic number + n, whose low bits count units, and n)."""
    magic = layout(x).magic * unit
    t = b.fma(x, scale, magic)
    return t, b.xsub(t, magic)


def low_integer(b: Builder, t: Operand) -> Operand:
    """n of magic + n, as an integer."""
    return b.sub(b.bits(t), layout(t).magic_bits)


def power_of_two(b: Builder, n: Operand, like: Operand) -> Operand:
    """2**n for an integer n in the range of normal numbers."""
    form = layout(like)
    return b.real(b.shl(b.add(n, form.bias), form.fraction))


def scale(b: Builder, x: Operand, n: Operand) -> Operand:
    """x * 2**floor(n), rounded once; portably for an integral n, in two factors lest one leave the range of floats."""
    if b.wide(x):
        return b.scalef(x, n)
    whole = low_integer(b, b.xadd(n, layout(n).magic))
    half = b.shr(whole, 1)
    return b.mul(b.mul(x, power_of_two(b, half, x)), power_of_two(b, b.sub(whole, half), x))
