"""Points put together from coordinates stay coordinates: work on a stack becomes work on its items, stacked last.

A stack here is a concatenation of few single items along an axis, each of them many numbers that lie apart in it, as in
`np.stack([x, y, z], axis=-1)`.  Items of it that are read again are then values in registers, not places of an array:
a chain of cross products or of quaternions is one kernel.  Items along an outermost axis are whole pieces of the array.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

from graphc.ir.node import Node, Value
from graphc.ir.ops.arithmetic import add
from graphc.ir.ops.reduce import sum_
from graphc.ir.ops.shape import concatenate, reshape, slice_
from graphc.ir.primitive import PRIMITIVES
from graphc.ir.types import Shape
from graphc.passes.access import is_view
from graphc.passes.fuse import is_cheap
from graphc.passes.match import is_float, reshape_to
from graphc.passes.rewrite import Result, RuleSet
from graphc.passes.simplify_movement import plus_zero

rule = RuleSet("simplify")

MOST = 4  # items: what is done to a stack is written once for each of them
DEPTH = 4  # operations that are done to items of what stands beside a stack

_ELEMENTWISE = tuple(p for p in PRIMITIVES.values() if p.is_elementwise)


def _is_stack(x: Value) -> bool:
    if x.op is not concatenate or len(x.node.inputs) > MOST:
        return False
    axis = x.node.attrs["axis"]
    return all(v.shape[axis] == 1 for v in x.node.inputs) and any(e != 1 for e in x.shape[:axis])


@rule(*_ELEMENTWISE)
def work_on_stack(n: Node) -> Result:
    """f(stack(x, y), z) -> stack(f(x, z[0]), f(y, z[1])), where items of z are read or computed as easily as z"""
    stack = next((v.node for v in n.inputs if _is_stack(v) and v.shape == n.types[0].shape), None)
    if stack is None:
        return None
    axis = stack.attrs["axis"] - stack.types[0].ndim
    if not all(_has_items(v, axis, DEPTH) for v in n.inputs):
        return None
    parts = [n.op(*(_item(v, axis, k) for v in n.inputs), **n.attrs) for k in range(len(stack.inputs))]
    return concatenate(*parts, axis=stack.attrs["axis"])


def _has_items(x: Value, axis: int, depth: int) -> bool:
    """Whether an item of x along an axis, counted from the end, costs its part of x, and takes no array of its own."""
    if _is_alike(x, axis) or (_is_stack(x) and _axis(x.node) == axis):
        return True
    if x.node.op.is_elementwise:
        return depth > 0 and is_cheap(x.node) and all(_has_items(v, axis, depth - 1) for v in x.node.inputs)
    while is_view(x.node) and x.node.inputs and x.op is not concatenate:
        x = x.node.inputs[0]
    return not x.node.op.is_elementwise and x.op is not concatenate


def _item(x: Value, axis: int, k: int) -> Value:
    if _is_alike(x, axis):
        return x
    if _is_stack(x) and _axis(x.node) == axis:
        return x.node.inputs[k]
    if x.node.op.is_elementwise:
        made: Value = x.node.op(*(_item(v, axis, k) for v in x.node.inputs), **x.node.attrs)
        return made
    place = len(x.shape) + axis
    starts = tuple(k if a == place else 0 for a in range(len(x.shape)))
    item: Value = slice_(x, starts=starts, sizes=_with_extent(x.shape, place, 1), steps=(1,) * len(x.shape))
    return item


def _is_alike(x: Value, axis: int) -> bool:
    """All items along the axis are one."""
    return len(x.shape) < -axis or x.shape[axis] == 1


def _axis(stack: Node) -> int:
    axis: int = stack.attrs["axis"] - stack.types[0].ndim
    return axis


def _with_extent(shape: Shape, axis: int, extent: int) -> Shape:
    return (*shape[:axis], extent, *shape[axis + 1 :])


# -------------------------------------------------------------------------------------------- what a stack becomes


@rule(reshape)
def reshape_of_stack(n: Node) -> Result:
    """reshape(stack(x, y)), where extents of 1 alone come or go -> stack(reshape(x), reshape(y))"""
    x, shape = n.inputs[0], n.types[0].shape
    if not _is_stack(x):
        return None
    before, after = (_long_axes(s) for s in (x.shape, shape))
    if [x.shape[a] for a in before] != [shape[a] for a in after] or x.node.attrs["axis"] not in before:
        return None
    axis = after[before.index(x.node.attrs["axis"])]
    return _restacked(x.node, axis, lambda part: reshape_to(part, _with_extent(shape, axis, 1)))


def _long_axes(shape: Shape) -> list[int]:
    return [a for a, e in enumerate(shape) if e != 1]


@rule(slice_)
def slice_of_stack(n: Node) -> Result:
    """slice(stack(x, y)) along other axes -> stack(slice(x), slice(y))"""
    x, a = n.inputs[0], n.attrs
    if not _is_stack(x):
        return None
    axis = x.node.attrs["axis"]
    if a["sizes"][axis] != x.shape[axis] or a["steps"][axis] != 1 or not any(e != 1 for e in a["sizes"][:axis]):
        return None
    sizes = _with_extent(a["sizes"], axis, 1)
    return _restacked(x.node, axis, lambda part: slice_(part, starts=a["starts"], sizes=sizes, steps=a["steps"]))


def _restacked(stack: Node, axis: int, view: Callable[[Value], Value]) -> Result:
    return concatenate(*map(view, stack.inputs), axis=axis)


@rule(sum_)
def sum_of_stack(n: Node) -> Result:
    """sum(stack(x, y)) along the axis of the stack -> x + 0 + y"""
    x = n.inputs[0]
    if not (_is_stack(x) and n.attrs["axes"] == (x.node.attrs["axis"],) and is_float(n.out)):
        return None
    if x.dtype != n.out.dtype:
        return None
    first, *others = x.node.inputs
    return reshape_to(reduce(add, others, plus_zero(first)), n.types[0].shape)
