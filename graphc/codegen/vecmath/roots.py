"""Square and cube roots.

AVX-512 has an estimate of 1 / sqrt(x) to 14 bits; two or three steps of Newton's iteration take less time than its
division and its square root.  The last step of `sqrt` computes what is left of x exactly, so that the result is
rounded correctly (Markstein 1990, "Computation of elementary functions on the IBM RISC System/6000 processor").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.codegen.vecmath import coefficients as c
from graphc.codegen.vecmath.forms import INF, layout, multiply_exactly, polynomial, rounded, scale
from graphc.codegen.vecmath.logarithm import split

if TYPE_CHECKING:
    from graphc.codegen.llvm.builder import Builder
    from graphc.codegen.llvm.writer import Operand

EXACT_FROM = {"f32": 2.0**-100, "f64": 2.0**-960}  # below, what is left of x would be rounded


# ------------------------------------------------------------------------------------------------------- square roots


def sqrt(b: Builder, x: Operand) -> Operand:
    """The square root, rounded correctly; NaN below 0, -0 for -0."""
    if not b.wide(x):
        return b.intrinsic("sqrt", x)
    hard = b.and_(b.gt(x, 0.0), b.lt(x, EXACT_FROM[x.dtype]))
    return b.rarely(hard, [_by_estimate(b, x)], _by_instruction, x)[0]


def quick_sqrt(b: Builder, x: Operand) -> Operand:
    """The square root of 0 or a number of moderate size, within an ulp, beside other code.

    The instruction for f32 is done by the time that the code around it is; that for f64 would hold it up.
    """
    if x.dtype == "f32" or not b.wide(x):
        return b.intrinsic("sqrt", x)
    return _by_estimate(b, x)


def _by_instruction(b: Builder, x: Operand) -> tuple[Operand]:
    return (b.intrinsic("sqrt", x),)


def _by_estimate(b: Builder, x: Operand) -> Operand:
    """Goldschmidt's iteration: root and half, which stands for 1 / (2 root), share their corrections."""
    estimate = b.rsqrt14(x)
    root, half = b.xmul(x, estimate), b.xmul(estimate, 0.5)
    for _ in range(1 if x.dtype == "f32" else 2):
        error = b.fma(b.neg(half), root, 0.5)
        root, half = b.fma(root, error, root), b.fma(half, error, half)
    left = b.fma(b.neg(root), root, x)
    return b.fixup(b.fma(left, half, root), x, zero="x", infinity="x")


def rsqrt(b: Builder, x: Operand) -> Operand:
    """1 / sqrt(x); infinite at 0, with its sign, and NaN below."""
    if not b.wide(x):
        return b.div(1.0, b.sqrt(x))
    estimate = b.rsqrt14(x)
    y = estimate
    for _ in range(1 if x.dtype == "f32" else 2):
        error = b.fma(b.neg(b.xmul(x, y)), y, 1.0)
        y = b.fma(b.mul(y, error), b.fma(error, 0.375, 0.5), y)
    return b.select(b.isnan(error), estimate, y)  # of 0, infinity, NaN and negative numbers it is exact


# --------------------------------------------------------------------------------------------------------- cube roots


def cbrt(b: Builder, x: Operand) -> Operand:
    """The cube root, negative for a negative x.

    |x| = z 8^n with z = m 2^k, k being -1, 0 or 1; z^(-1/3) from a polynomial of m, then Newton's iteration.
    """
    m, e = split(b, b.abs(x))
    n = rounded(b, e, 1 / 3)[1]
    k = b.fma(n, -3.0, e)
    z, start = _by_thirds(b, k, m, (0.5, 1.0, 2.0)), polynomial(b, m, c.INVERSE_CBRT[x.dtype])
    y = _by_thirds(b, k, start, (2 ** (1 / 3), 1.0, 2 ** (-1 / 3)))
    y = y if x.dtype == "f32" else _refined(b, z, y)
    root = scale(b, _cube_root(b, z, y), n)
    if b.wide(x):
        root = b.fixup(root, e, infinity="x", minus_infinity="zero")
    return b.copysign(root if b.wide(x) else b.select(b.lt(b.abs(e), INF), root, x), x)


def _by_thirds(b: Builder, k: Operand, value: Operand, factors: tuple[float, float, float]) -> Operand:
    """value times the factor for k = -1, 0, 1."""
    below, same, above = factors
    if b.wide(k):  # k modulo the size of the table
        padding = (1.0,) * (k.lanes - 3)
        return b.mul(value, b.table(b.bits(b.xadd(k, layout(k).magic)), (same, above, *padding, below)))
    return b.mul(value, b.select(b.lt(k, 0.0), below, b.select(b.gt(k, 0.0), b.const(above, k), same)))


def _refined(b: Builder, z: Operand, y: Operand) -> Operand:
    """y nearer to z^(-1/3): with z y^3 = 1 - e that is y (1 - e)^(-1/3) = y (1 + e / 3 + 2 e^2 / 9 + ...)."""
    error = b.fma(b.neg(b.mul(z, y)), b.mul(y, y), 1.0)
    return b.fma(b.mul(y, error), b.fma(error, 2 / 9, 1 / 3), y)


def _cube_root(b: Builder, z: Operand, y: Operand) -> Operand:
    """t = z y^2 corrected by (z - t^3) / (3 t^2), t^3 being exact to twice the digits."""
    inverse_square = b.mul(y, y)
    t = b.xmul(z, inverse_square)
    square, square_low = multiply_exactly(b, t, t)
    left = b.fma(b.neg(t), square_low, b.fma(b.neg(t), square, z))
    return b.fma(left, b.mul(inverse_square, 1 / 3), t)
