"""What rules ask of values, and how they make constants and shapes fit."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphc.ir.graph import current_graph
from graphc.ir.node import Node, Value
from graphc.ir.ops.arithmetic import absolute, add, mul
from graphc.ir.ops.maths import exp, sigmoid
from graphc.ir.ops.reduce import sum_
from graphc.ir.ops.shape import expand, permute, reshape
from graphc.ir.ops.source import constant
from graphc.ir.primitive import Primitive
from graphc.ir.types import FLOATS, Shape, numpy_dtype

_REPEATING = (expand, reshape, permute)
SIGN_DEPTH = 16  # operations that are looked at for the sign of a value


def item(v: Value) -> Any:
    """The number that `v` repeats, as a NumPy scalar, or None where it is no such constant."""
    node = v.node
    while node.op in _REPEATING:
        node = node.inputs[0].node
    if node.op is not constant or node.attrs["value"].array.size != 1:
        return None
    return node.attrs["value"].array.reshape(-1)[0]


def is_item(v: Value, number: float) -> bool:
    """Whether `v` repeats exactly this number; 0.0 and -0.0 are two numbers."""
    x = item(v)
    return x is not None and bool(x == number) and _is_negative(x) == _is_negative(number)


def _is_negative(x: Any) -> bool:
    return math.copysign(1.0, float(x)) < 0


def is_float(v: Value) -> bool:
    return v.dtype in FLOATS


def operand(v: Value, op: Primitive) -> Value | None:
    """x where v is op(x), else None."""
    return v.node.inputs[0] if v.op is op else None


def number(value: Any, like: Value) -> Value:
    """A 0-d constant of like's element type; a negative number wraps where that is unsigned."""
    with np.errstate(all="ignore"):
        array = np.asarray(value).astype(numpy_dtype(like.dtype))
    return current_graph().constant(array)


def fill(value: Any, node: Node) -> Value:
    """`value` in the type of the node's result."""
    dtype = numpy_dtype(node.types[0].dtype)
    return fit(current_graph().constant(np.asarray(value).astype(dtype)), node)


def fit(x: Value, node: Node) -> Value:
    """`x` repeated to the shape of the node's result, which it broadcasts to."""
    return expand_to(x, node.types[0].shape)


def expand_to(x: Value, shape: Shape) -> Value:
    if x.shape == shape:
        return x
    repeated: Value = expand(x, shape=shape)
    return repeated


def reshape_to(x: Value, shape: Shape) -> Value:
    if x.shape == shape:
        return x
    reshaped: Value = reshape(x, shape=shape)
    return reshaped


def has_no_sign(x: Value) -> bool:
    """A float that is positive, 0.0 or NaN, never -0.0, by the operations that made it."""
    left, looked = [x], 0
    while left and looked < SIGN_DEPTH:
        parts = _signless_if(left.pop())
        if parts is None:
            return False
        left += parts
        looked += 1
    return not left


def _signless_if(x: Value) -> tuple[Value, ...] | None:
    """x has no sign if all of these have none; None where nothing is known."""
    c = item(x)
    if c is not None:
        return None if _is_negative(c) else ()
    if x.op is mul and x.node.inputs[0] == x.node.inputs[1]:
        return ()
    if x.op in (add, mul, sum_, *_REPEATING):
        return x.node.inputs
    return () if x.op in (absolute, exp, sigmoid) else None
