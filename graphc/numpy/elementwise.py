"""NumPy's elementwise functions that are one primitive each: a row names the ufunc and the primitive.

The ufunc decides the element types (graphc.numpy.promote).  `boolean` and `integer` stand in where the loop's type is
one that the primitive does not take.  Works on symbolic and eager tensors, arrays, numbers and lists of numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.ir.ops import arithmetic, logic, maths
from graphc.ir.primitive import Primitive
from graphc.ir.types import BOOL, INTEGERS, short_dtype
from graphc.numpy.promote import (
    INT64,
    Convert,
    Kind,
    as_operand,
    as_operands,
    cast_to,
    conversion,
    converted,
    fits,
    kind,
    loop_dtypes,
    to_bool,
)

Function = Callable[..., Any]


def _describe(function: Function, ufunc: np.ufunc, parameters: str) -> Function:
    function.__name__ = function.__qualname__ = ufunc.__name__
    function.__doc__ = (
        f"np.{ufunc.__name__}({parameters}), elementwise, in NumPy's element types.\n\n"
        "Operands broadcast; raises ShapeError where they do not, DTypeError where NumPy has no such types."
    )
    return function


def _choose(op: Function, dtype: np.dtype[Any], boolean: Function | None, integer: Function | None) -> Function:
    short = short_dtype(dtype)
    if short in BOOL and boolean is not None:
        return boolean
    return integer if short in INTEGERS and integer is not None else op


# --------------------------------------------------------------------------------------------------- one operand


def unary(
    ufunc: np.ufunc, op: Function, *, boolean: Function | None = None, integer: Function | None = None
) -> Function:
    known: dict[Kind, tuple[Function, Convert | None]] = {}

    def learn(source: Kind) -> tuple[Function, Convert | None]:
        (target,) = loop_dtypes(ufunc, [source])
        entry = _choose(op, target, boolean, integer), conversion(source, target)
        known[source] = entry
        return entry

    def function(x: Any, /) -> Any:
        try:
            source = kind(x)
        except AttributeError:
            x = as_operand(x)
            source = kind(x)
        apply, convert = known.get(source) or learn(source)
        return apply(x if convert is None else convert(x))

    return _describe(function, ufunc, "x")


def same(x: Any) -> Any:
    return x


def _never(x: Any) -> Any:
    """isnan of integers"""
    return logic.ne(x, x)


# -------------------------------------------------------------------------------------------------- two operands

Entry = tuple[Function, Convert | None, Convert | None]


def binary(
    ufunc: np.ufunc, op: Primitive, *, boolean: Function | None = None, mixed: Function | None = None
) -> Function:
    """`mixed` takes over where the loop's two types differ."""
    known: dict[tuple[Kind, Kind], Entry] = {}

    def learn(left: Kind, right: Kind) -> Entry:
        a, b = loop_dtypes(ufunc, [left, right])
        traced_number = isinstance(left, type) and isinstance(right, type) and not {left, right} <= {int, float}
        apply = _choose(op, a, boolean, None) if a == b or mixed is None else mixed
        entry = apply, conversion(left, a, traced_number), conversion(right, b, traced_number)
        if op.name in _COMPARISONS and (left is int or right is int):
            entry = _with_any_number(op, a), None, None
        known[left, right] = entry
        return entry

    def function(x: Any, y: Any, /) -> Any:
        try:
            key = kind(x), kind(y)
        except AttributeError:
            x, y = as_operands(x, y)
            key = kind(x), kind(y)
        apply, left, right = known.get(key) or learn(*key)
        return apply(x if left is None else left(x), y if right is None else right(y))

    return _describe(function, ufunc, "x, y")


_COMPARISONS = frozenset({"eq", "ne", "lt", "le", "gt", "ge"})


def _with_any_number(op: Primitive, dtype: np.dtype[Any]) -> Function:
    """A comparison with a Python int; where the type cannot hold it, its sign alone decides."""

    def compare(x: Any, y: Any) -> Any:
        if type(y) is int and not fits(y, dtype):
            return _constant_mask(x, bool(op.numpy(0, y)))
        if type(x) is int and not fits(x, dtype):
            return _constant_mask(y, bool(op.numpy(x, 0)))
        return op(converted(x, dtype), converted(y, dtype))

    return compare


def _constant_mask(x: Any, value: bool) -> Any:
    return logic.eq(x, x) if value else logic.ne(x, x)


def _exact(op: Primitive) -> Function:
    """A comparison of i64 with u64: a negative number is below all of u64, the others fit it."""
    below, above = bool(op.numpy(-1, 0)), bool(op.numpy(0, -1))

    def compare(x: Any, y: Any) -> Any:
        signed, outcome = (x, below) if x.dtype == INT64 else (y, above)
        fitting = op(cast_to(x, "u64"), cast_to(y, "u64"))
        negative = logic.lt(signed, np.asarray(0))
        return logic.or_(fitting, negative) if outcome else logic.and_(fitting, logic.not_(negative))

    return compare


def _comparison(ufunc: np.ufunc, op: Primitive) -> Function:
    return binary(ufunc, op, mixed=_exact(op))


def _logical(ufunc: np.ufunc, op: Primitive) -> Function:
    """On truth values: what is not bool is compared with zero first."""

    def function(x: Any, y: Any, /) -> Any:
        return op(to_bool(x), to_bool(y))

    return _describe(function, ufunc, "x, y")


# -------------------------------------------------------------------------------------------- the rows: arithmetic

add = binary(np.add, arithmetic.add, boolean=logic.or_)
subtract = binary(np.subtract, arithmetic.sub)
multiply = binary(np.multiply, arithmetic.mul, boolean=logic.and_)
divide = true_divide = binary(np.divide, arithmetic.div)
floor_divide = binary(np.floor_divide, arithmetic.floordiv)
remainder = mod = binary(np.remainder, arithmetic.mod)
fmod = binary(np.fmod, arithmetic.fmod)
power = pow = binary(np.power, maths.power)  # noqa: A001 - NumPy's name
maximum = binary(np.maximum, logic.maximum, boolean=logic.or_)
minimum = binary(np.minimum, logic.minimum, boolean=logic.and_)
copysign = binary(np.copysign, arithmetic.copysign)
arctan2 = atan2 = binary(np.arctan2, maths.arctan2)

negative = unary(np.negative, arithmetic.neg)
positive = unary(np.positive, same)
absolute = abs = unary(np.absolute, arithmetic.absolute, boolean=same)  # noqa: A001 - NumPy's name
sign = unary(np.sign, arithmetic.sign)
floor = unary(np.floor, arithmetic.floor, boolean=same, integer=same)
ceil = unary(np.ceil, arithmetic.ceil, boolean=same, integer=same)
trunc = unary(np.trunc, arithmetic.trunc, boolean=same, integer=same)
rint = unary(np.rint, arithmetic.rint)

# ---------------------------------------------------------------------------- powers, exponentials and logarithms

sqrt = unary(np.sqrt, maths.sqrt)
cbrt = unary(np.cbrt, maths.cbrt)
exp = unary(np.exp, maths.exp)
exp2 = unary(np.exp2, maths.exp2)
expm1 = unary(np.expm1, maths.expm1)
log = unary(np.log, maths.log)
log2 = unary(np.log2, maths.log2)
log10 = unary(np.log10, maths.log10)
log1p = unary(np.log1p, maths.log1p)

# ---------------------------------------------------------------------------------- trigonometric and hyperbolic

sin = unary(np.sin, maths.sin)
cos = unary(np.cos, maths.cos)
tan = unary(np.tan, maths.tan)
arcsin = asin = unary(np.arcsin, maths.arcsin)
arccos = acos = unary(np.arccos, maths.arccos)
arctan = atan = unary(np.arctan, maths.arctan)
sinh = unary(np.sinh, maths.sinh)
cosh = unary(np.cosh, maths.cosh)
tanh = unary(np.tanh, maths.tanh)
arcsinh = asinh = unary(np.arcsinh, maths.arcsinh)
arccosh = acosh = unary(np.arccosh, maths.arccosh)
arctanh = atanh = unary(np.arctanh, maths.arctanh)

# ---------------------------------------------------------------------------------------- comparison, logic, bits

equal = _comparison(np.equal, logic.eq)
not_equal = _comparison(np.not_equal, logic.ne)
less = _comparison(np.less, logic.lt)
less_equal = _comparison(np.less_equal, logic.le)
greater = _comparison(np.greater, logic.gt)
greater_equal = _comparison(np.greater_equal, logic.ge)
isnan = unary(np.isnan, logic.isnan, boolean=_never, integer=_never)
logical_and = _logical(np.logical_and, logic.and_)
logical_or = _logical(np.logical_or, logic.or_)
logical_xor = _logical(np.logical_xor, logic.xor)
bitwise_and = binary(np.bitwise_and, logic.and_)
bitwise_or = binary(np.bitwise_or, logic.or_)
bitwise_xor = binary(np.bitwise_xor, logic.xor)
invert = bitwise_not = bitwise_invert = unary(np.invert, logic.not_)
left_shift = bitwise_left_shift = binary(np.left_shift, logic.shl)
right_shift = bitwise_right_shift = binary(np.right_shift, logic.shr)

__all__ = [
    "abs",
    "absolute",
    "acos",
    "acosh",
    "add",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "bitwise_and",
    "bitwise_invert",
    "bitwise_left_shift",
    "bitwise_not",
    "bitwise_or",
    "bitwise_right_shift",
    "bitwise_xor",
    "cbrt",
    "ceil",
    "copysign",
    "cos",
    "cosh",
    "divide",
    "equal",
    "exp",
    "exp2",
    "expm1",
    "floor",
    "floor_divide",
    "fmod",
    "greater",
    "greater_equal",
    "invert",
    "isnan",
    "left_shift",
    "less",
    "less_equal",
    "log",
    "log1p",
    "log2",
    "log10",
    "logical_and",
    "logical_or",
    "logical_xor",
    "maximum",
    "minimum",
    "mod",
    "multiply",
    "negative",
    "not_equal",
    "positive",
    "pow",
    "power",
    "remainder",
    "right_shift",
    "rint",
    "sign",
    "sin",
    "sinh",
    "sqrt",
    "subtract",
    "tan",
    "tanh",
    "true_divide",
    "trunc",
]  # fmt: skip
