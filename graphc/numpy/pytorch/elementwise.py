"""Elementwise functions, where PyTorch's name or signature is not NumPy's."""

from __future__ import annotations

from typing import Any

from graphc.errors import UnsupportedError
from graphc.ir.location import user_location
from graphc.numpy import elementwise as ew
from graphc.numpy import formulas as fm
from graphc.numpy import special as sp

eq, ne, lt, le, gt, ge = ew.equal, ew.not_equal, ew.less, ew.less_equal, ew.greater, ew.greater_equal
neg, lgamma, clamp = ew.negative, sp.gammaln, fm.clip


def add(input: Any, other: Any, *, alpha: float = 1) -> Any:
    """input + alpha * other"""
    return ew.add(input, other if alpha == 1 else ew.multiply(other, alpha))


def sub(input: Any, other: Any, *, alpha: float = 1) -> Any:
    """input - alpha * other"""
    return ew.subtract(input, other if alpha == 1 else ew.multiply(other, alpha))


def rsub(input: Any, other: Any, *, alpha: float = 1) -> Any:
    """other - alpha * input"""
    return sub(other, input, alpha=alpha)


def mul(input: Any, other: Any) -> Any:
    return ew.multiply(input, other)


def div(input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
    """input / other, rounded down with "floor", to zero with "trunc".  Raises UnsupportedError for another mode."""
    if rounding_mode is None:
        return ew.divide(input, other)
    if rounding_mode == "floor":
        return ew.floor_divide(input, other)
    if rounding_mode == "trunc":
        return ew.trunc(ew.divide(input, other))
    raise UnsupportedError(
        "a rounding mode of div", expected='None, "floor" or "trunc"', got=repr(rounding_mode), loc=user_location()
    )


subtract, multiply, divide = sub, mul, div


def pow(input: Any, exponent: Any) -> Any:
    """input ** exponent"""
    return fm.raised(input, exponent)


def clamp_min(input: Any, min: Any) -> Any:
    return clamp(input, min)


def clamp_max(input: Any, max: Any) -> Any:
    return clamp(input, None, max)


def frac(input: Any) -> Any:
    """What `trunc` takes away."""
    return ew.subtract(input, ew.trunc(input))


def lerp(input: Any, end: Any, weight: Any) -> Any:
    """input + weight * (end - input)"""
    return ew.add(input, ew.multiply(weight, ew.subtract(end, input)))


def addcmul(input: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Any:
    """input + value * tensor1 * tensor2"""
    return add(input, ew.multiply(tensor1, tensor2), alpha=value)


def addcdiv(input: Any, tensor1: Any, tensor2: Any, *, value: float = 1) -> Any:
    """input + value * tensor1 / tensor2"""
    return add(input, ew.divide(tensor1, tensor2), alpha=value)


__all__ = [
    "add", "addcdiv", "addcmul", "clamp", "clamp_max", "clamp_min", "div", "divide", "eq", "frac", "ge", "gt", "le",
    "lerp", "lgamma", "lt", "mul", "multiply", "ne", "neg", "pow", "rsub", "sub", "subtract",
]  # fmt: skip
