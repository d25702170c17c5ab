"""The builder protocol over NumPy scalars: what every scalar operation means, one value at a time.

Written with NumPy and `math` alone, so that it shares nothing with the code that it judges.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.codegen.nest.elements import greatest, is_float, is_integer, least
from graphc.ir.ops.gamma import log_gamma, psi, psi_prime
from graphc.records import dataclass

NUMPY: dict[str, type[np.generic]] = {
    "bool": np.bool_,
    "i8": np.int8,
    "i16": np.int16,
    "i32": np.int32,
    "i64": np.int64,
    "u8": np.uint8,
    "u16": np.uint16,
    "u32": np.uint32,
    "u64": np.uint64,
    "f16": np.float16,
    "f32": np.float32,
    "f64": np.float64,
}
BITS = {"f32": "i32", "f64": "i64"}
REAL = {"i32": "f32", "i64": "f64"}


@dataclass(frozen=True, slots=True)
class Number:
    """A value of the oracle: a NumPy scalar of exactly the type named."""

    value: Any
    dtype: str


Operand = Number | float


def number(value: Any, dtype: str) -> Number:
    return Number(NUMPY[dtype](value), dtype)


def _convert(x: Number, dtype: str) -> Any:
    """NumPy's conversion where it is defined; a float beyond the integers saturates, and NaN is 0."""
    if is_float(x.dtype) and is_integer(dtype):
        if math.isnan(x.value):
            return 0
        if not least(dtype) <= x.value <= greatest(dtype):
            return least(dtype) if x.value < 0 else greatest(dtype)
        return min(int(x.value), int(greatest(dtype)))
    return x.value.astype(NUMPY[dtype])


def _operands(xs: tuple[Operand, ...]) -> tuple[list[Any], str]:
    """Numbers take the type of the other operands."""
    dtype = next(x.dtype for x in xs if isinstance(x, Number))
    return [x.value if isinstance(x, Number) else NUMPY[dtype](x) for x in xs], dtype


def _lifted(f: Callable[..., Any], result: str | None = None) -> Any:
    """A method that applies f to scalars of one type; the result has that type or the one named."""

    def method(*xs: Operand) -> Number:
        values, dtype = _operands(xs)
        return number(f(*values), result or dtype)

    return staticmethod(method)


def _fma(x: Any, y: Any, z: Any) -> Any:
    return float(x) * float(y) + float(z)


def _quotient(x: Any, y: Any) -> Any:
    """Rounds towards zero; the division by zero gives 0 and the most negative value over -1 itself."""
    if y == 0:
        return x.dtype.type(0)
    q = abs(int(x)) // abs(int(y))
    return np.int64(q if (x < 0) == (y < 0) else -q).astype(x.dtype) if q < 1 << 63 else -x if y < 0 else x


def _sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x)) if x >= 0 else np.exp(x) / (1 + np.exp(x))


class Oracle:
    """The protocol; `B` is the one instance."""

    features: frozenset[str] = frozenset()

    add = xadd = _lifted(np.add)
    sub = xsub = _lifted(np.subtract)
    mul = xmul = _lifted(np.multiply)
    div = _lifted(np.divide)
    neg, abs, fma = _lifted(np.negative), _lifted(np.abs), _lifted(_fma)
    quotient, rest = _lifted(_quotient), _lifted(np.fmod)
    floordiv, mod = _lifted(np.floor_divide), _lifted(np.remainder)
    and_, or_, xor, not_ = (_lifted(f) for f in (np.bitwise_and, np.bitwise_or, np.bitwise_xor, np.invert))
    shl, shr = _lifted(np.left_shift), _lifted(np.right_shift)
    lt, le, gt = _lifted(np.less, "bool"), _lifted(np.less_equal, "bool"), _lifted(np.greater, "bool")
    ge, eq, ne = _lifted(np.greater_equal, "bool"), _lifted(np.equal, "bool"), _lifted(np.not_equal, "bool")
    isnan = _lifted(np.isnan, "bool")
    maximum, minimum = _lifted(np.maximum), _lifted(np.minimum)
    floor, ceil, rint, trunc = (_lifted(f) for f in (np.floor, np.ceil, np.rint, np.trunc))
    rsqrt, cbrt = _lifted(lambda x: 1 / np.sqrt(x)), _lifted(np.cbrt)
    sqrt, copysign, pow, atan2 = (_lifted(f) for f in (np.sqrt, np.copysign, np.power, np.arctan2))
    exp, exp2, expm1 = _lifted(np.exp), _lifted(np.exp2), _lifted(np.expm1)
    log, log2, log10, log1p = (_lifted(f) for f in (np.log, np.log2, np.log10, np.log1p))
    sin, cos, tan = _lifted(np.sin), _lifted(np.cos), _lifted(np.tan)
    asin, acos, atan = _lifted(np.arcsin), _lifted(np.arccos), _lifted(np.arctan)
    sinh, cosh, tanh = _lifted(np.sinh), _lifted(np.cosh), _lifted(np.tanh)
    asinh, acosh, atanh = _lifted(np.arcsinh), _lifted(np.arccosh), _lifted(np.arctanh)
    logit = _lifted(lambda x: np.log(x) - np.log1p(-x))
    erf, erfc, sigmoid = _lifted(math.erf), _lifted(math.erfc), _lifted(_sigmoid)
    lgamma, digamma, trigamma = (_lifted(lambda x, f=f: f(float(x))) for f in (log_gamma, psi, psi_prime))

    @staticmethod
    def number(value: float, dtype: str) -> Number:
        return number(value, dtype)

    @staticmethod
    def const(value: float, like: Number) -> Number:
        return number(value, like.dtype)

    @staticmethod
    def cast(x: Operand, dtype: str) -> Number:
        return number(_convert(x, dtype) if isinstance(x, Number) else x, dtype)

    @staticmethod
    def select(c: Number, x: Operand, y: Operand) -> Number:
        (p, q), dtype = _operands((x, y))
        return number(p if c.value else q, dtype)

    def rarely(self, c: Number, fast: Sequence[Number], slow: Callable[..., Sequence[Number]], *args: Number) -> Any:
        """slow(b, *args) where c holds, else `fast`."""
        return list(slow(self, *args) if c.value else fast)

    @staticmethod
    def bits(x: Number) -> Number:
        return Number(x.value.view(NUMPY[BITS[x.dtype]]), BITS[x.dtype])

    @staticmethod
    def real(x: Number) -> Number:
        return Number(x.value.view(NUMPY[REAL[x.dtype]]), REAL[x.dtype])

    @staticmethod
    def wide(x: Number) -> bool:
        """One value is never a full vector."""
        return False


B = Oracle()
