"""1 / sqrt(x) without the divider: the machine's estimate, good to 2^-14, and steps of Newton's iteration.

With e = 1 - x y^2 the root is y (1 - e)^(-1/2) = y (1 + e / 2 + 3 e^2 / 8 + ...), two terms to a step, three where a
step has to reach further (Muller et al., "Handbook of Floating-Point Arithmetic", 2nd ed., section 4.7).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from graphc.codegen.llvm.builder import Builder
    from graphc.codegen.llvm.writer import Operand


def rsqrt(b: Builder, x: Operand) -> Operand:
    if not b.wide(x):
        return b.div(1.0, b.sqrt(x))
    estimate = b.rsqrt14(x)
    y = estimate
    if x.dtype == "f64":
        e = _residual(b, x, y)
        y = b.fma(b.mul(y, e), b.fma(e, 0.375, 0.5), y)
    e = _residual(b, x, y)
    return b.select(b.isnan(e), estimate, b.fma(b.mul(y, e), 0.5, y))  # the estimate is exact for 0 and infinity


def _residual(b: Builder, x: Operand, y: Operand) -> Operand:
    """1 - x y^2"""
    return b.fma(b.neg(b.mul(x, y)), y, 1.0)
