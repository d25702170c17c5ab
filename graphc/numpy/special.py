"""scipy.special's functions under its names (SciPy is not imported), and the activations of neural networks.

Bools and integers are computed in float64.  Every function is stable: no overflow, no NaN where the limit is finite.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from graphc.ir.ops import arithmetic, gamma, logic, maths
from graphc.ir.ops.shape import expand
from graphc.ir.primitive import Primitive, constant_like
from graphc.numpy import elementwise as ew
from graphc.numpy import formulas as fm
from graphc.numpy import reductions as rd
from graphc.numpy.axes import Axis, normalize_axis
from graphc.numpy.indexing import position
from graphc.numpy.movement import expand_dims
from graphc.numpy.promote import as_tensor, cast_to, promote, to_float

Function = Callable[..., Any]


def _float_unary(name: str, op: Primitive) -> Function:
    def function(x: Any, /) -> Any:
        return op(to_float(x))

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"scipy.special.{name}, elementwise, in x's float type."
    return function


def _floats(*xs: Any) -> list[Any]:
    """All in one float type."""
    tensors = promote(*xs)
    return [to_float(x) for x in tensors]


erf = _float_unary("erf", maths.erf)
erfc = _float_unary("erfc", maths.erfc)
expit = sigmoid = _float_unary("expit", maths.sigmoid)
logit = _float_unary("logit", maths.logit)
rsqrt = _float_unary("rsqrt", maths.rsqrt)
gammaln = _float_unary("gammaln", gamma.lgamma)
psi = digamma = _float_unary("psi", gamma.digamma)


def log_expit(x: Any, /) -> Any:
    """log(expit(x))"""
    return ew.negative(softplus(ew.negative(to_float(x))))


def ndtr(x: Any, /) -> Any:
    """The cumulative distribution of the standard normal."""
    return ew.multiply(0.5, erfc(ew.multiply(to_float(x), -math.sqrt(0.5))))


def exp10(x: Any, /) -> Any:
    """10^x"""
    return ew.power(10.0, to_float(x))


def xlogy(x: Any, y: Any, /) -> Any:
    """x log(y), 0 where x is 0 and y no NaN."""
    x, y = _floats(x, y)
    safe = fm.where(_vanishes(x, y, 0), 1, y)
    return ew.multiply(x, ew.log(safe))


def xlog1py(x: Any, y: Any, /) -> Any:
    """x log(1 + y), 0 where x is 0 and y no NaN."""
    x, y = _floats(x, y)
    safe = fm.where(_vanishes(x, y, -1), 0, y)
    return ew.multiply(x, ew.log1p(safe))


def _vanishes(x: Any, y: Any, pole: float) -> Any:
    """Where x is 0 beside a logarithm that is not finite: from the pole downwards, and of infinity."""
    return ew.logical_and(ew.equal(x, 0), ew.logical_or(ew.less_equal(y, pole), ew.equal(y, math.inf)))


def entr(x: Any, /) -> Any:
    """-x log(x): 0 at 0, -inf below."""
    x = to_float(x)
    inside = ew.negative(xlogy(x, fm.where(ew.less(x, 0), 1, x)))
    return fm.where(ew.less(x, 0), -math.inf, inside)


def rel_entr(x: Any, y: Any, /) -> Any:
    """x log(x / y) for positive x and y, 0 for x = 0 and y >= 0, else inf."""
    x, y = _floats(x, y)
    inside = ew.logical_and(ew.greater(x, 0), ew.greater(y, 0))
    a, b = fm.where(inside, x, 1), fm.where(inside, y, 1)
    zero = ew.logical_and(ew.equal(x, 0), ew.greater_equal(y, 0))
    value = ew.multiply(a, ew.log(ew.divide(a, b)))
    return _nan_of(x, y, fm.where(inside, value, fm.where(zero, 0, math.inf)))


def kl_div(x: Any, y: Any, /) -> Any:
    """rel_entr(x, y) - x + y"""
    x, y = _floats(x, y)
    value = rel_entr(x, y)
    return fm.where(fm.isinf(value), value, ew.add(ew.subtract(value, x), y))


def _nan_of(x: Any, y: Any, value: Any) -> Any:
    return fm.where(ew.logical_or(ew.isnan(x), ew.isnan(y)), math.nan, value)


def huber(delta: Any, r: Any, /) -> Any:
    """r^2 / 2 for |r| <= delta, else delta (|r| - delta / 2); inf for a negative delta."""
    delta, r = _floats(delta, r)
    size = ew.absolute(r)
    inner = ew.multiply(0.5, ew.multiply(r, r))
    outer = ew.multiply(delta, ew.subtract(size, ew.multiply(0.5, delta)))
    return fm.where(ew.less(delta, 0), math.inf, fm.where(ew.less_equal(size, delta), inner, outer))


# ---------------------------------------------------------------------------------------------------- activations


def softplus(x: Any, /) -> Any:
    """log(1 + exp(x))"""
    x = to_float(x)
    return fm.log_of_sum(x, cast_to(as_tensor(0), x.dtype), x)


def relu(x: Any, /) -> Any:
    """max(x, 0), with derivative 0 at 0."""
    x = as_tensor(x)
    zero = constant_like(0, x)
    return logic.select(logic.le(x, zero), zero, x)


def leaky_relu(x: Any, /, negative_slope: float = 0.01) -> Any:
    x = to_float(x)
    return fm.where(ew.greater(x, 0), x, ew.multiply(x, negative_slope))


def elu(x: Any, /, alpha: float = 1.0) -> Any:
    """x above zero, alpha (exp(x) - 1) below."""
    x = to_float(x)
    above = ew.greater(x, 0)
    return fm.where(above, x, ew.multiply(alpha, ew.expm1(fm.where(above, 0, x))))


def silu(x: Any, /) -> Any:
    """x expit(x)"""
    x = to_float(x)
    return ew.multiply(x, expit(x))


def gelu(x: Any, /, approximate: bool = False) -> Any:
    """x Phi(x) (Hendrycks and Gimpel 2016), with the normal distribution's Phi, or its approximation by tanh."""
    x = to_float(x)
    if not approximate:
        return ew.multiply(ew.multiply(0.5, x), ew.add(1, erf(ew.multiply(x, math.sqrt(0.5)))))
    cube = ew.multiply(ew.multiply(x, x), x)
    inner = ew.multiply(math.sqrt(2 / math.pi), ew.add(x, ew.multiply(0.044715, cube)))
    return ew.multiply(ew.multiply(0.5, x), ew.add(1, ew.tanh(inner)))


# ------------------------------------------------------------------------------------------- over a whole axis


def _shift(x: Any, axis: Axis) -> Any:
    """The maximum as a constant, 0 where it is infinite: what is subtracted before exponentials."""
    largest = rd.max(arithmetic.stop_gradient(x), axis, True)
    return logic.select(fm.isfinite(largest), largest, constant_like(0, largest))


def logsumexp(a: Any, axis: Axis = None, b: Any = None, keepdims: bool = False) -> Any:
    """log(sum(b exp(a))), without overflow."""
    x = to_float(a)
    shift = _shift(x, axis)
    terms = ew.exp(ew.subtract(x, shift))
    total = rd.sum(terms if b is None else ew.multiply(b, terms), axis, None, True)
    y = ew.add(ew.log(total), shift)
    return y if keepdims else rd.sum(y, axis)


def softmax(x: Any, axis: Axis = None) -> Any:
    """exp(x) / sum(exp(x)) along axes, all by default."""
    x = to_float(x)
    terms = ew.exp(ew.subtract(x, _shift(x, axis)))
    return ew.divide(terms, rd.sum(terms, axis, None, True))


def log_softmax(x: Any, axis: Axis = None) -> Any:
    """x - logsumexp(x) along axes, all by default."""
    x = to_float(x)
    shifted = ew.subtract(x, _shift(x, axis))
    return ew.subtract(shifted, ew.log(rd.sum(ew.exp(shifted), axis, None, True)))


def one_hot(x: Any, num_classes: int, *, dtype: Any = "f64", axis: int = -1) -> Any:
    """A new axis that is 1 at the position x names and 0 elsewhere; all zeros for a position outside."""
    labels = as_tensor(x)
    place = normalize_axis(axis, len(labels.shape) + 1)
    shape = (*labels.shape[:place], num_classes, *labels.shape[place:])
    wide = expand(expand_dims(cast_to(labels, "i64"), place), shape=shape)
    return cast_to(ew.equal(wide, position(labels, shape, place)), dtype)


__all__ = [
    "digamma", "elu", "entr", "erf", "erfc", "exp10", "expit", "gammaln", "gelu", "huber", "kl_div", "leaky_relu",
    "log_expit", "log_softmax", "logit", "logsumexp", "ndtr", "one_hot", "psi", "rel_entr", "relu", "rsqrt",
    "sigmoid", "silu", "softmax", "softplus", "xlog1py", "xlogy",
]  # fmt: skip
