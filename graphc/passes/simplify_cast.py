"""Conversions of conversions, and of parts of an array."""

from __future__ import annotations

import numpy as np

from graphc.ir.node import Node
from graphc.ir.ops.arithmetic import cast
from graphc.ir.ops.logic import eq, ne, not_
from graphc.ir.ops.shape import slice_
from graphc.ir.types import FLOATS, SIGNED, UNSIGNED, itemsize, numpy_dtype
from graphc.passes.match import fit, is_item, operand
from graphc.passes.rewrite import Result, RuleSet

rule = RuleSet("simplify")


@rule(cast)
def cast_to_same(n: Node) -> Result:
    """cast to the type that x has -> x"""
    x = n.inputs[0]
    return x if x.dtype == n.attrs["dtype"] else None


@rule(cast)
def cast_of_cast(n: Node) -> Result:
    """cast(cast(x)) -> cast(x), where the first of them loses nothing"""
    inner = n.inputs[0]
    x = operand(inner, cast)
    return None if x is None or not holds(inner.dtype, x.dtype) else cast(x, dtype=n.attrs["dtype"])


def holds(dtype: str, source: str) -> bool:
    """Whether `dtype` represents every value of `source`."""
    if source in (dtype, "bool"):
        return True
    if dtype == "bool":
        return False
    if source in FLOATS:
        return dtype in FLOATS and itemsize(dtype) > itemsize(source)
    bits = 8 * itemsize(source) - (source in SIGNED)
    if dtype in FLOATS:
        return bits <= np.finfo(numpy_dtype(dtype)).nmant + 1
    return bits <= 8 * itemsize(dtype) - (dtype in SIGNED) and (source in UNSIGNED or dtype in SIGNED)


@rule(slice_)
def slice_of_cast(n: Node) -> Result:
    """slice(cast(x)), to a type that is no smaller -> cast(slice(x)): parts that are read apart need no whole array"""
    whole = n.inputs[0]
    x = operand(whole, cast)
    if x is None or itemsize(whole.dtype) < itemsize(x.dtype):
        return None
    return cast(slice_(x, **n.attrs), dtype=whole.dtype)


@rule(ne, eq)
def compare_cast_of_bool(n: Node) -> Result:
    """cast(b) != 0 -> b, cast(b) == 0 -> not b"""
    x, y = n.inputs
    b = operand(x, cast)
    if b is None or b.dtype != "bool" or not (is_item(y, 0) or is_item(y, -0.0)):
        return None
    return fit(b if n.op is ne else not_(b), n)
