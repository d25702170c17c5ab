"""A vector divided by one number: its inverse is taken once, and each lane corrected by what the product leaves.

    r = 1 / |y|,  q = x r,  x / |y| = q - (q |y| - x) r

What is left is exact, so the quotient comes out as the divider rounds it, in a quarter of its time (Markstein 1990,
"Computation of elementary functions on the IBM RISC System/6000 processor").
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.codegen.llvm.types import bit_width
from graphc.codegen.nest.elements import is_float

if TYPE_CHECKING:
    from graphc.codegen.llvm.builder import Builder
    from graphc.codegen.llvm.writer import Operand

ORDINARY = {"f32": 2.0**100, "f64": 2.0**1000}  # |y| up to here, and from its inverse on, has a normal inverse


def is_shared(b: Builder, x: Operand, y: Operand) -> bool:
    """Whether all lanes of x are divided by one float that lives outside of the loop of x."""
    return "fma" in b.features and is_float(x.dtype) and x.lanes > 1 and y.lanes == 1 and y.depth < x.depth


def shared_quotient(b: Builder, x: Operand, y: Operand) -> Operand:
    """x / y as one division per lane gives it; a divisor without a normal inverse is left to the divider."""
    size = b.abs(y)
    most = ORDINARY[y.dtype]
    ordinary = b.and_(b.ge(size, 1 / most), b.le(size, most))
    inverse = b.emit(y.dtype, 1, f"fdiv {b.const(1.0, y)}, {size.text}", size)
    signed = _with_sign_of(b, x, y)
    q = b.xmul(signed, inverse)
    left = b.fma(q, size, b.neg(signed))
    quotient = b.fma(left, b.neg(inverse), q)
    quotient = b.select(b.isnan(quotient), q, quotient)  # nothing is left of an infinity
    return b.rarely(b.not_(ordinary), [quotient], _by_divider, x, y)[0]


def _with_sign_of(b: Builder, x: Operand, y: Operand) -> Operand:
    """x, negated where y is negative."""
    sign = b.and_(b.bits(y), -1 << (bit_width(y.dtype) - 1))
    return b.real(b.xor(b.bits(x), sign))


def _by_divider(b: Builder, x: Operand, y: Operand) -> tuple[Operand]:
    return (b.divide_lanes(x, y),)
