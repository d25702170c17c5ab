"""Division that never traps: integers as NumPy defines them, floats by the rules of NumPy's `divmod`.

Machines divide vectors of floats, not of integers, and leave float remainders to the C library.  So vectors of integers
are divided as floats so long that the quotient is exact; and the remainder of floats is one fused multiply-add where
the quotient has fewer bits than a float, which a branch asks for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from graphc.codegen.llvm.types import bit_width, is_unsigned
from graphc.codegen.nest.elements import is_float, least

if TYPE_CHECKING:
    from graphc.codegen.llvm.builder import Builder
    from graphc.codegen.llvm.writer import Operand

EXACT = {"f32": 2.0**22, "f64": 2.0**51}
"""Below, a rounded quotient of floats has the whole part of the exact one, or 1 more, and NumPy's floor division, which
divides twice, finds the same integer."""
LONG = 1 << 52
"""Up to here the whole part of a quotient in f64 is exact, whatever the divisor: x / y is at least 1 / y away from the
next integer k, a share of 1 / (k y) > 2^-53 of it.  f32 serves 16 bits and f64 32 bits for the same reason."""


def quotient(b: Builder, x: Operand, y: Operand) -> Operand:
    """x / y towards zero; x / 0 is 0, and the least value by -1 wraps to itself."""
    if is_float(x.dtype):
        return b.trunc(b.div(x, y))
    value = _whole_quotient(b, x, _safe_divisor(b, x, y))
    return value if _is_plain(y) else b.select(b.eq(y, 0), 0, value)


def rest(b: Builder, x: Operand, y: Operand) -> Operand:
    """x - y * quotient(x, y), with the sign of x; the remainder of an integer by 0 is 0."""
    if is_float(x.dtype):
        return _float_rest(b, x, y)
    safe = _safe_divisor(b, x, y)
    if _by_machine(x, y):
        return b.divide_exactly("urem" if is_unsigned(x.dtype) else "srem", x, safe)
    return b.sub(x, b.mul(_whole_quotient(b, x, safe), safe))


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


# ------------------------------------------------------------------------------------------------------------ integers


def _is_plain(y: Operand) -> bool:
    """A scalar constant other than 0 and -1."""
    return y.integer not in (None, 0, -1)


def _safe_divisor(b: Builder, x: Operand, y: Operand) -> Operand:
    """y, or 1 where the machine would trap; x / 1 and x % 1 are also the wrapped answers for the least value by -1."""
    if _is_plain(y):
        return y
    bad = b.eq(y, 0)
    if not is_unsigned(x.dtype):
        bad = b.or_(bad, b.and_(b.eq(x, least(x.dtype)), b.eq(y, -1)))
    return b.select(bad, 1, y)


def _signs_differ(b: Builder, left: Operand, y: Operand) -> Operand:
    """A remainder that is not 0 and points the other way than the divisor."""
    return b.and_(b.ne(left, 0), b.lt(b.xor(left, y), 0))


def _by_machine(x: Operand, y: Operand) -> bool:
    """One element; or a constant of at most 32 bits, for which the machine multiplies."""
    return x.lanes == 1 or (bit_width(x.dtype) < 64 and _is_plain(y))


def _whole_quotient(b: Builder, x: Operand, y: Operand) -> Operand:
    """The integer part of x / y for a safe divisor."""
    if _by_machine(x, y):
        return _machine_quotient(b, x, y)[0]
    value = _quotient_as_float(b, x, y)
    return b.rarely(_is_long(b, x), [value], _machine_quotient, x, y)[0] if bit_width(x.dtype) == 64 else value


def _machine_quotient(b: Builder, x: Operand, y: Operand) -> Sequence[Operand]:
    return (b.divide_exactly("udiv" if is_unsigned(x.dtype) else "sdiv", x, y),)


def _quotient_as_float(b: Builder, x: Operand, y: Operand) -> Operand:
    kind = "f32" if bit_width(x.dtype) <= 16 else "f64"
    return b.truncated(b.div(b.cast(x, kind), b.cast(y, kind)), x.dtype)


def _is_long(b: Builder, x: Operand) -> Operand:
    """|x| > 2^52"""
    if is_unsigned(x.dtype):
        return b.gt(x, LONG)
    return b.gt(b.cast(b.add(x, LONG), "u64"), 2 * LONG)


# -------------------------------------------------------------------------------------------------------------- floats


def _float_rest(b: Builder, x: Operand, y: Operand) -> Operand:
    if "fma" not in b.features:
        return _machine_rest(b, x, y)[0]
    q, left = _short_division(b, b.abs(x), b.abs(y))
    return b.rarely(_is_hard(b, q, y), [b.copysign(left, x)], _machine_rest, x, y)[0]


def _machine_rest(b: Builder, x: Operand, y: Operand) -> Sequence[Operand]:
    return (b.divide_exactly("frem", x, y),)


def _short_division(b: Builder, x: Operand, y: Operand) -> tuple[Operand, Operand]:
    """(quotient, remainder) of positive floats, both exact unless `_is_hard`: a quotient rounded up is 1 too large."""
    q = b.trunc(b.div(x, y))
    left = b.fma(b.neg(q), y, x)
    above = b.lt(left, 0)
    return b.select(above, b.xsub(q, 1), q), b.select(above, b.xadd(left, y), left)


def _is_hard(b: Builder, q: Operand, y: Operand) -> Operand:
    """A quotient of many bits, a divisor that is 0 or infinite, NaN."""
    return b.not_(b.and_(b.lt(q, EXACT[q.dtype]), b.lt(b.abs(y), float("inf"))))


def _float_modulo(b: Builder, left: Operand, y: Operand) -> Operand:
    """The remainder of C moved to the sign of y; a zero takes the sign of y."""
    other_way = b.xor(b.lt(y, 0), b.lt(left, 0))
    return b.select(b.ne(left, 0), b.select(other_way, b.xadd(left, y), left), b.copysign(b.const(0.0, y), y))


def _float_floor_divide(b: Builder, x: Operand, y: Operand) -> Operand:
    if "fma" not in b.features:
        return _floor_from_rest(b, x, y)[0]
    q, left = _short_division(b, b.abs(x), b.abs(y))
    down = b.neg(b.select(b.ne(left, 0), b.xadd(q, 1), q))
    value = b.select(b.lt(b.xor(b.bits(x), b.bits(y)), 0), down, q)
    return b.rarely(_is_hard(b, q, y), [value], _floor_from_rest, x, y)[0]


def _floor_from_rest(b: Builder, x: Operand, y: Operand) -> Sequence[Operand]:
    """`npy_divmod`: the exact multiple of y next to x, so that floor division and modulo agree."""
    left, plain = _machine_rest(b, x, y)[0], b.div(x, y)
    other_way = b.and_(b.ne(left, 0), b.xor(b.lt(y, 0), b.lt(left, 0)))
    multiple = b.div(b.xsub(x, left), y)
    multiple = b.select(other_way, b.xsub(multiple, 1), multiple)
    floor = b.floor(multiple)
    near = b.select(b.gt(b.xsub(multiple, floor), 0.5), b.xadd(floor, 1), floor)
    signed = b.select(b.ne(multiple, 0), near, b.copysign(b.const(0.0, x), plain))
    return (b.select(b.eq(y, 0), plain, signed),)
