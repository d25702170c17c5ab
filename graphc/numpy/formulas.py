"""NumPy's elementwise functions that are formulas of others: each is written once, and differentiated through."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from graphc.errors import UnsupportedError
from graphc.ir.location import user_location
from graphc.ir.ops import arithmetic, logic
from graphc.ir.primitive import constant_like
from graphc.numpy import elementwise as ew
from graphc.numpy.promote import as_tensor, cast_to, promote, to_bool, ufunc_operands

Function = Callable[..., Any]


def formula(ufunc: np.ufunc) -> Callable[[Function], Function]:
    """The function computes in the element types that NumPy's ufunc has for its operands."""

    def decorate(body: Function) -> Function:
        def function(*operands: Any) -> Any:
            return body(*ufunc_operands(ufunc, operands))

        function.__name__ = function.__qualname__ = ufunc.__name__
        function.__doc__ = f"np.{ufunc.__name__}, elementwise, in NumPy's element types.\n\n{body.__doc__ or ''}"
        return function

    return decorate


def is_float(x: Any) -> bool:
    return bool(x.dtype.kind == "f")


# ------------------------------------------------------------------------------------------------ roots and angles


@formula(np.square)
def square(x: Any) -> Any:
    return ew.multiply(x, x)


@formula(np.reciprocal)
def reciprocal(x: Any) -> Any:
    """1 / x; of integers its integer part."""
    return ew.divide(1, x) if is_float(x) else where(ew.equal(ew.absolute(x), 1), x, 0)


@formula(np.fabs)
def fabs(x: Any) -> Any:
    return ew.absolute(x)


@formula(np.deg2rad)
def deg2rad(x: Any) -> Any:
    return ew.multiply(x, math.pi / 180)


@formula(np.rad2deg)
def rad2deg(x: Any) -> Any:
    return ew.multiply(x, 180 / math.pi)


radians, degrees = deg2rad, rad2deg


@formula(np.hypot)
def hypot(x: Any, y: Any) -> Any:
    """sqrt(x^2 + y^2), scaled by the larger so that no square overflows."""
    largest = arithmetic.stop_gradient(ew.maximum(ew.absolute(x), ew.absolute(y)))
    scale = where(ew.logical_and(ew.greater(largest, 0), isfinite(largest)), largest, 1)
    u, v = ew.divide(x, scale), ew.divide(y, scale)
    length = ew.multiply(scale, ew.sqrt(ew.add(ew.multiply(u, u), ew.multiply(v, v))))
    return where(ew.logical_or(isinf(x), isinf(y)), math.inf, length)


_SINC_BY_SERIES, _SINC_TERMS = 0.5, 8  # the first term left out is 0.5**16 / 17! = 4e-20


def sinc(x: Any) -> Any:
    """sin(pi x) / (pi x), 1 at 0; near 0 by its power series, which has derivatives where the quotient has none."""
    angle = ew.multiply(math.pi, x)
    is_small = ew.less(ew.absolute(angle), _SINC_BY_SERIES)
    safe = where(is_small, 1, angle)
    square = ew.multiply(angle, angle)
    series: Any = 0.0
    for k in reversed(range(_SINC_TERMS)):
        series = ew.add(ew.multiply(series, square), (-1) ** k / math.factorial(2 * k + 1))
    return where(is_small, series, ew.divide(ew.sin(safe), safe))


# -------------------------------------------------------------------------------- sums of exponentials and powers


def log_of_sum(x: Any, y: Any, difference: Any, exp: Function = ew.exp, log1p: Function = ew.log1p) -> Any:
    """log(exp(x) + exp(y)), given x - y.  Smooth in x = y: a choice has one side's derivatives there, not none."""
    above = ew.greater(difference, 0)
    return ew.add(where(above, x, y), log1p(exp(where(above, ew.negative(difference), difference))))


def _difference(x: Any, y: Any) -> Any:
    """x - y, 0 for equal infinities."""
    return where(ew.logical_and(ew.equal(x, y), isinf(x)), 0, ew.subtract(x, y))


@formula(np.logaddexp)
def logaddexp(x: Any, y: Any) -> Any:
    return log_of_sum(x, y, _difference(x, y))


@formula(np.logaddexp2)
def logaddexp2(x: Any, y: Any) -> Any:
    return log_of_sum(x, y, _difference(x, y), ew.exp2, lambda t: ew.log2(ew.add(1, t)))


@formula(np.float_power)
def float_power(x: Any, y: Any) -> Any:
    return ew.power(x, y)


def raised(x: Any, exponent: Any) -> Any:
    """x ** exponent as NumPy's operator does it: the commonest numbers have functions of their own."""
    if type(exponent) is int or type(exponent) is float:
        if exponent == 2:
            return square(x)
        if exponent == 0.5 and is_float(x):
            return ew.sqrt(x)
        if exponent == -1 and is_float(x):
            return reciprocal(x)
    return ew.power(x, exponent)


def length(squares: Any, exponent: float = 0.5) -> Any:
    """squares ** exponent, of what is not negative, with derivative 0 at 0: that of a norm."""
    is_zero = ew.equal(squares, 0)
    return where(is_zero, 0, raised(where(is_zero, 1, squares), exponent))


# ------------------------------------------------------------------------------------ remainders, parts, rounding


def divmod(x: Any, y: Any) -> tuple[Any, Any]:  # noqa: A001 - NumPy's name
    """(x // y, x % y)"""
    return ew.floor_divide(x, y), ew.remainder(x, y)


@formula(np.modf)
def modf(x: Any) -> tuple[Any, Any]:
    """The fraction and the whole part, both with the sign of x."""
    whole = ew.trunc(x)
    fraction = where(isinf(x), 0, ew.subtract(x, whole))
    return ew.copysign(fraction, x), whole


def round(a: Any, decimals: int = 0) -> Any:  # noqa: A001 - NumPy's name
    """To the nearest of that many decimals, halves to even; integers are only rounded for negative decimals."""
    a = as_tensor(a)
    if not is_float(a):
        return a if decimals >= 0 else cast_to(round(cast_to(a, "f64"), decimals), a.dtype)
    if decimals == 0:
        return ew.rint(a)
    scale = 10.0 ** abs(decimals)
    if decimals > 0:
        return ew.divide(ew.rint(ew.multiply(a, scale)), scale)
    return ew.multiply(ew.rint(ew.divide(a, scale)), scale)


around = round
fix = ew.trunc


@formula(np.conjugate)
def conjugate(x: Any) -> Any:
    """Of real numbers: themselves."""
    return x


conj = conjugate


def real(val: Any) -> Any:
    """Of real numbers: themselves."""
    return as_tensor(val)


# ------------------------------------------------------------------------------------------------------ questions


@formula(np.isfinite)
def isfinite(x: Any) -> Any:
    return ew.less(ew.absolute(x), math.inf) if is_float(x) else ew.equal(x, x)


@formula(np.isinf)
def isinf(x: Any) -> Any:
    return ew.equal(ew.absolute(x), math.inf) if is_float(x) else ew.not_equal(x, x)


def isposinf(x: Any) -> Any:
    return ew.equal(x, math.inf)


def isneginf(x: Any) -> Any:
    return ew.equal(x, -math.inf)


@formula(np.signbit)
def signbit(x: Any) -> Any:
    return ew.less(ew.copysign(1, x), 0) if is_float(x) else ew.less(x, 0)


def logical_not(x: Any) -> Any:
    """x == 0"""
    return ew.invert(to_bool(x))


def isclose(a: Any, b: Any, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False) -> Any:
    """|a - b| <= atol + rtol |b|, elementwise; infinities equal themselves, NaNs do where `equal_nan`."""
    bound = ew.add(atol, ew.multiply(rtol, ew.absolute(b)))
    near = ew.less_equal(ew.absolute(ew.subtract(_wide(a), _wide(b))), bound)
    close = ew.logical_or(ew.logical_and(near, isfinite(b)), ew.equal(a, b))
    return ew.logical_or(close, ew.logical_and(ew.isnan(a), ew.isnan(b))) if equal_nan else close


def _wide(x: Any) -> Any:
    """Differences of bools and unsigned integers are taken in float64."""
    x = as_tensor(x)
    return cast_to(x, "f64") if x.dtype.kind in "bu" else x


# --------------------------------------------------------------------------------------------------------- choice


def where(condition: Any, x: Any = None, y: Any = None, /) -> Any:
    """x where the condition holds, else y; all three broadcast, x and y promote.

    Raises UnsupportedError without x and y: the shape of that result depends on data.
    """
    if x is None or y is None:
        raise UnsupportedError(
            "np.where with a condition alone has a result whose shape depends on data",
            fix="np.where(condition, a, b)",
            loc=user_location(),
        )
    x, y = promote(x, y)
    return logic.select(to_bool(condition), x, y)


def clip(a: Any, a_min: Any = None, a_max: Any = None, *, min: Any = None, max: Any = None) -> Any:  # noqa: A002
    """a, at least a_min (or min) and at most a_max (or max); None bounds nothing. The upper bound wins.

    An item at a bound is inside, and takes the whole gradient (torch.clamp), where `maximum` would share it.
    """
    low, high = a_min if min is None else min, a_max if max is None else max
    x = as_tensor(a)
    raised = x if low is None else _bounded(x, low, ew.less)
    return raised if high is None else _bounded(raised, high, ew.greater)


def _bounded(a: Any, bound: Any, outside: Function) -> Any:
    """The bound where a is outside of it, or the bound is NaN."""
    if type(bound) in (int, float) and not math.isnan(bound):
        if is_float(a):
            limit = constant_like(bound, a)
            return logic.select(_EXACT[outside](a, limit), limit, a)
        return where(outside(a, bound), bound, a)
    return where(ew.logical_or(outside(a, bound), ew.isnan(bound)), bound, a)


_EXACT = {ew.less: logic.lt, ew.greater: logic.gt}
"""The primitives, for operands of one type."""


@formula(np.fmax)
def fmax(x: Any, y: Any) -> Any:
    """The larger; a number rather than NaN."""
    return where(ew.logical_or(ew.greater_equal(x, y), ew.isnan(y)), x, y)


@formula(np.fmin)
def fmin(x: Any, y: Any) -> Any:
    """The smaller; a number rather than NaN."""
    return where(ew.logical_or(ew.less_equal(x, y), ew.isnan(y)), x, y)


@formula(np.heaviside)
def heaviside(x: Any, h: Any) -> Any:
    """0 below zero, 1 above, h at zero."""
    return where(ew.isnan(x), x, where(ew.less(x, 0), 0, where(ew.greater(x, 0), 1, h)))


def nan_to_num(x: Any, copy: bool = True, nan: float = 0.0, posinf: Any = None, neginf: Any = None) -> Any:
    """NaN and infinities replaced, by default with zero and the largest finite numbers."""
    x = as_tensor(x)
    if not is_float(x):
        return x
    info = np.finfo(x.dtype)
    x = where(ew.isnan(x), nan, x)
    x = where(isposinf(x), float(info.max) if posinf is None else posinf, x)
    return where(isneginf(x), float(info.min) if neginf is None else neginf, x)


__all__ = [
    "around", "clip", "conj", "conjugate", "deg2rad", "degrees", "divmod", "fabs", "fix", "float_power",
    "fmax", "fmin", "heaviside", "hypot", "isclose", "isfinite", "isinf", "isneginf", "isposinf",
    "logaddexp", "logaddexp2", "logical_not", "modf", "nan_to_num", "rad2deg", "radians", "real", "reciprocal",
    "round", "signbit", "sinc", "square", "where",
]  # fmt: skip
