"""Elementary functions as straight-line builder code: they fuse with what surrounds them and serve any width.

Each takes the builder and operands of one float type (f32 or f64, any number of lanes) and returns an operand of the
same type.  There is a form for AVX-512, whose instructions take floats apart and hold tables in registers, and a
portable one; `Builder.wide` decides.  Nothing branches, nothing calls a library.  Special values (signed zeros,
infinities, NaN, subnormals, the ends of the range) are those of C99 Annex F.

`ULP` is the largest error, in units in the last place, of both forms where the target has fused multiply-add.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from graphc.codegen.vecmath.error import erf, erfc
from graphc.codegen.vecmath.exponential import exp, exp2, expm1, sigmoid
from graphc.codegen.vecmath.hyperbolic import acosh, asinh, atanh, cosh, sinh, tanh
from graphc.codegen.vecmath.inverse_trigonometric import acos, asin, atan, atan2
from graphc.codegen.vecmath.logarithm import log, log1p, log2, log10
from graphc.codegen.vecmath.power import pow  # noqa: A004
from graphc.codegen.vecmath.trigonometric import cos, sin, tan

FUNCTIONS: Final[dict[str, Callable[..., Any]]] = {
    f.__name__: f
    for f in (
        *(exp, exp2, expm1, sigmoid, log, log2, log10, log1p, pow),
        *(sin, cos, tan, asin, acos, atan, atan2),
        *(sinh, cosh, tanh, asinh, acosh, atanh, erf, erfc),
    )
}

ULP: Final[dict[str, tuple[float, float]]] = dict.fromkeys(FUNCTIONS, (2.5, 2.5))
