"""asin, acos, atan and atan2: polynomials on a part of the range, and pi/2 or pi in two parts for the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.codegen.vecmath import coefficients as c
from graphc.codegen.vecmath.forms import polynomial, sign_bit
from graphc.codegen.vecmath.roots import quick_sqrt

if TYPE_CHECKING:
    from graphc.codegen.llvm.builder import Builder
    from graphc.codegen.llvm.writer import Operand

LEAST = {"f32": 2.0**-149, "f64": 2.0**-1074}


def asin(b: Builder, x: Operand) -> Operand:
    """The inverse sine; NaN outside [-1, 1]."""
    large, angle = _half_angle(b, b.abs(x))
    folded = _minus_from(b, c.HALF_PI[x.dtype], b.add(angle, angle))
    return b.copysign(b.select(large, folded, angle), x)


def acos(b: Builder, x: Operand) -> Operand:
    """The inverse cosine; NaN outside [-1, 1]."""
    large, angle = _half_angle(b, b.abs(x))
    double = b.add(angle, angle)
    outer = b.select(b.lt(x, 0.0), _minus_from(b, c.PI[x.dtype], double), double)
    return b.select(large, outer, _minus_from(b, c.HALF_PI[x.dtype], b.copysign(angle, x)))


def _half_angle(b: Builder, a: Operand) -> tuple[Operand, Operand]:
    """(whether a > 1/2, asin(a) or else asin(sqrt((1 - a) / 2))): asin(a) = pi/2 - 2 asin(sqrt((1 - a) / 2))."""
    large = b.gt(a, 0.5)
    square = b.select(large, b.mul(b.xsub(1.0, a), 0.5), b.mul(a, a))
    z = b.select(large, quick_sqrt(b, square), a)
    return large, b.fma(b.mul(square, polynomial(b, square, c.ASIN[a.dtype])), z, z)


def _minus_from(b: Builder, whole: c.Parts, angle: Operand) -> Operand:
    """pi or pi/2, in parts, less an angle."""
    return b.xadd(b.xsub(whole[0], angle), whole[1])


def atan(b: Builder, x: Operand) -> Operand:
    """The inverse tangent; pi/2 - atan(1 / x) above 1."""
    a = b.abs(x)
    steep = b.gt(a, 1.0)
    t = b.select(steep, b.div(-1.0, a), a)
    head, tail = (b.select(steep, b.const(part, x), 0.0) for part in c.HALF_PI[x.dtype][:2])
    return b.copysign(b.xadd(head, b.xadd(t, b.fma(_bend(b, t), t, tail))), x)


def _bend(b: Builder, t: Operand) -> Operand:
    """atan(t) / t - 1 for |t| <= 1."""
    square = b.mul(t, t)
    return b.mul(square, polynomial(b, square, c.ATAN[t.dtype]))


def atan2(b: Builder, y: Operand, x: Operand) -> Operand:
    """The angle of the point (x, y), in [-pi, pi]; signed zeros and infinities as in IEEE 754."""
    ratio, steep = _ratio(b, b.abs(y), b.abs(x))
    angle = b.fma(_bend(b, ratio), ratio, ratio)
    angle = b.select(steep, _minus_from(b, c.HALF_PI[x.dtype], angle), angle)
    return b.copysign(b.select(sign_bit(b, x), _minus_from(b, c.PI[x.dtype], angle), angle), y)


def _ratio(b: Builder, y: Operand, x: Operand) -> tuple[Operand, Operand]:
    """(smaller / larger, whether y is the larger); two infinities give 1, two zeros 0, and a NaN NaN."""
    steep = b.gt(y, x)
    small, large = b.select(steep, x, y), b.select(steep, y, x)
    large = b.select(b.lt(large, LEAST[x.dtype]), LEAST[x.dtype], large)
    return b.select(b.eq(small, large), 1.0, b.div(small, large)), steep
