"""Reductions over less.

Merging two sums changes the order of addition, which is not part of the contract; that it is fixed is.
"""

from __future__ import annotations

import math

from graphc.ir.node import Node
from graphc.ir.ops.arithmetic import mul
from graphc.ir.ops.reduce import all_, amax, amin, any_, kept_shape, prod, sum_
from graphc.ir.ops.shape import expand
from graphc.ir.types import FLOATS, Shape, numpy_dtype
from graphc.passes.match import expand_to, number, operand, reshape_to
from graphc.passes.rewrite import Result, RuleSet

rule = RuleSet("simplify")

_FOLDS = (sum_, prod, amax, amin, any_, all_)


@rule(*_FOLDS)
def reduce_single_items(n: Node) -> Result:
    """a reduction over axes of extent 1 -> reshape"""
    x, axes = n.inputs[0], n.attrs["axes"]
    long = tuple(a for a in axes if x.shape[a] != 1)
    if len(long) == len(axes) > 0:
        return None
    single = [a for a in axes if a not in long]
    rest = tuple(a - sum(s < a for s in single) for a in long)
    narrow = reshape_to(x, kept_shape(x.shape, tuple(single)))
    return n.op(narrow, axes=rest) if rest else narrow


@rule(*_FOLDS)
def reduce_of_reduce(n: Node) -> Result:
    """sum(sum(x)) -> sum(x) over the axes of both, and the same with the other reductions"""
    inner = n.inputs[0].node
    if inner.op is not n.op:
        return None
    first: tuple[int, ...] = inner.attrs["axes"]
    left = [a for a in range(inner.inputs[0].type.ndim) if a not in first]
    return n.op(inner.inputs[0], axes=tuple(sorted((*first, *(left[a] for a in n.attrs["axes"])))))


@rule(sum_, amax, amin, any_, all_)
def reduce_of_expand(n: Node) -> Result:
    """sum(expand(x)) over k repetitions -> sum(x) * k; the extreme value of repetitions -> that of x"""
    wide, x = n.inputs[0], operand(n.inputs[0], expand)
    if x is None:
        return None
    own = (1,) * (wide.type.ndim - x.type.ndim) + x.shape
    repeated = [a for a in n.attrs["axes"] if own[a] == 1 and wide.shape[a] != 1]
    counts = [wide.shape[a] for a in repeated]
    if not counts or not all(isinstance(k, int) and k > 0 for k in counts):
        return None
    shape: Shape = tuple(1 if a in repeated else e for a, e in enumerate(wide.shape))
    count = math.prod(int(k) for k in counts)
    if n.op is not sum_:
        return n.op(expand_to(x, shape), **n.attrs)
    if not _is_exact(count, x.dtype):
        return None
    return mul(sum_(expand_to(x, shape), **n.attrs), number(count, x))


def _is_exact(count: int, dtype: str) -> bool:
    """Whether a float type has this number; an integer wraps as the sum does."""
    return dtype not in FLOATS or (count < 60000 and float(numpy_dtype(dtype).type(count)) == count)
