"""Division that never traps: integers as NumPy defines them, floats by the rules of NumPy's `divmod`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from graphc.codegen.llvm.types import is_unsigned
from graphc.codegen.nest.elements import ITEMSIZE, is_float

if TYPE_CHECKING:
    from graphc.codegen.llvm.builder import Builder
    from graphc.codegen.llvm.writer import Operand


def quotient(b: Builder, x: Operand, y: Operand) -> Operand:
    """x / y towards zero; x / 0 is 0, and the least value by -1 wraps to itself."""
    if is_float(x.dtype):
        return b.trunc(b.div(x, y))
    value = b.divide_exactly("udiv" if is_unsigned(x.dtype) else "sdiv", x, _safe_divisor(b, x, y))
    return value if _is_plain(y) else b.select(b.eq(y, 0), 0, value)


def rest(b: Builder, x: Operand, y: Operand) -> Operand:
    """x - y * quotient(x, y), with the sign of x; the remainder of an integer by 0 is 0."""
    if is_float(x.dtype):
        return b.divide_exactly("frem", x, y)
    return b.divide_exactly("urem" if is_unsigned(x.dtype) else "srem", x, _safe_divisor(b, x, y))


def floor_divide(b: Builder, x: Operand, y: Operand) -> Operand:
    """The floor of x / y."""
    if is_float(x.dtype):
        return _float_floor_divide(b, x, y)
    value = quotient(b, x, y)
    if is_unsigned(x.dtype):
        return value
    return b.select(_signs_differ(b, rest(b, x, y), y), b.sub(value, 1), value)


def modulo(b: Builder, x: Operand, y: Operand) -> Operand:
    """What is left of x after floor division, with the sign of y."""
    left = rest(b, x, y)
    if is_float(x.dtype):
        return b.select(b.eq(y, 0), left, _float_modulo(b, left, y))
    if is_unsigned(x.dtype):
        return left
    return b.select(_signs_differ(b, left, y), b.add(left, y), left)


def _is_plain(y: Operand) -> bool:
    """A scalar constant other than 0 and -1."""
    return y.integer not in (None, 0, -1)


def _safe_divisor(b: Builder, x: Operand, y: Operand) -> Operand:
    """y, or 1 where the machine would trap; x / 1 and x % 1 are also the wrapped answers for the least value by -1."""
    if _is_plain(y):
        return y
    bad = b.eq(y, 0)
    if not is_unsigned(x.dtype):
        least = -(1 << (8 * ITEMSIZE[x.dtype] - 1))
        bad = b.or_(bad, b.and_(b.eq(x, least), b.eq(y, -1)))
    return b.select(bad, 1, y)


def _signs_differ(b: Builder, left: Operand, y: Operand) -> Operand:
    """A remainder that is not 0 and points the other way than the divisor."""
    return b.and_(b.ne(left, 0), b.lt(b.xor(left, y), 0))


def _float_modulo(b: Builder, left: Operand, y: Operand) -> Operand:
    """The remainder of C moved to the sign of y; a zero takes the sign of y."""
    other_way = b.xor(b.lt(y, 0), b.lt(left, 0))
    return b.select(b.ne(left, 0), b.select(other_way, b.xadd(left, y), left), b.copysign(b.const(0.0, y), y))


def _float_floor_divide(b: Builder, x: Operand, y: Operand) -> Operand:
    """`npy_divmod`: the exact multiple of y next to x, so that floor division and modulo agree."""
    left, plain = rest(b, x, y), b.div(x, y)
    other_way = b.and_(b.ne(left, 0), b.xor(b.lt(y, 0), b.lt(left, 0)))
    multiple = b.div(b.xsub(x, left), y)
    multiple = b.select(other_way, b.xsub(multiple, 1), multiple)
    floor = b.floor(multiple)
    near = b.select(b.gt(b.xsub(multiple, floor), 0.5), b.xadd(floor, 1), floor)
    signed = b.select(b.ne(multiple, 0), near, b.copysign(b.const(0.0, x), plain))
    return b.select(b.eq(y, 0), plain, signed)
