"""Views of views become one view, views that change nothing go, and repetition moves behind the work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from graphc.ir.graph import current_graph
from graphc.ir.node import Node, Value
from graphc.ir.ops.arithmetic import add
from graphc.ir.ops.shape import concatenate, expand, flip, pad, permute, reshape, slice_
from graphc.ir.poly import Poly, Size, as_size
from graphc.ir.primitive import PRIMITIVES
from graphc.ir.types import Shape
from graphc.passes.match import expand_to, fit, has_no_sign, is_float, is_item, item, number, operand, reshape_to
from graphc.passes.rewrite import Result, RuleSet

rule = RuleSet("simplify")

_VIEWS = (reshape, permute, expand, flip, slice_)
_ELEMENTWISE = tuple(p for p in PRIMITIVES.values() if p.is_elementwise)


# --------------------------------------------------------------------------------------------- views of constants


@rule(reshape, permute, flip, slice_)
def view_of_fill(n: Node) -> Result:
    """a view of one repeated number -> that number, repeated to the view's shape"""
    x = n.inputs[0]
    c = item(x)
    return None if c is None or x.shape == () else fit(number(c, x), n)


@rule(pad)
def pad_of_fill(n: Node) -> Result:
    """pad, with a number, of the same number repeated -> the number repeated"""
    x = n.inputs[0]
    return fit(number(item(x), x), n) if x.shape and is_item(x, n.attrs["value"]) else None


# ------------------------------------------------------------------------------------------------------- reshape


@rule(reshape, expand)
def same_shape(n: Node) -> Result:
    """reshape or expand to the shape that x has -> x"""
    return n.inputs[0] if n.inputs[0].shape == n.types[0].shape else None


@rule(reshape)
def reshape_of_reshape(n: Node) -> Result:
    """reshape(reshape(x)) -> reshape(x)"""
    x = operand(n.inputs[0], reshape)
    return None if x is None else reshape_to(x, n.types[0].shape)


@rule(reshape)
def reshape_of_expand(n: Node) -> Result:
    """reshape(expand(x)), where extents of 1 alone come or go -> expand(reshape(x))"""
    wide, x = n.inputs[0], operand(n.inputs[0], expand)
    shape = n.types[0].shape
    if x is None or _without_ones(wide.shape) != _without_ones(shape):
        return None
    padded = (1,) * (wide.type.ndim - x.type.ndim) + x.shape
    own = iter([e for e, repeated in zip(padded, wide.shape, strict=True) if repeated != 1])
    return expand_to(reshape_to(x, tuple(1 if e == 1 else next(own) for e in shape)), shape)


def _without_ones(shape: Shape) -> list[Size]:
    return [e for e in shape if e != 1]


# ------------------------------------------------------------------------------------------------ permute, flip


@rule(permute)
def permute_of_permute(n: Node) -> Result:
    """permute(permute(x)) -> permute(x)"""
    inner = n.inputs[0].node
    if inner.op is not permute:
        return None
    first: tuple[int, ...] = inner.attrs["axes"]
    axes = tuple(first[a] for a in n.attrs["axes"])
    return inner.inputs[0] if _is_identity(axes) else permute(inner.inputs[0], axes=axes)


@rule(permute)
def permute_as_reshape(n: Node) -> Result:
    """permute that moves axes of extent 1 alone -> reshape; one that moves nothing -> x"""
    x, axes = n.inputs[0], n.attrs["axes"]
    long = [a for a in axes if x.shape[a] != 1]
    return reshape_to(x, n.types[0].shape) if long == sorted(long) else None


def _is_identity(axes: Sequence[int]) -> bool:
    return list(axes) == list(range(len(axes)))


@rule(flip)
def flip_of_nothing(n: Node) -> Result:
    """flip of axes of extent 1 -> x"""
    x = n.inputs[0]
    return x if all(x.shape[a] == 1 for a in n.attrs["axes"]) else None


@rule(flip)
def flip_of_flip(n: Node) -> Result:
    """flip(flip(x)) -> x, or the flip of the axes that only one of them turns"""
    inner = n.inputs[0].node
    if inner.op is not flip:
        return None
    axes = tuple(sorted({*n.attrs["axes"]} ^ {*inner.attrs["axes"]}))
    return flip(inner.inputs[0], axes=axes) if axes else inner.inputs[0]


# -------------------------------------------------------------------------------------------------------- expand


@rule(expand)
def expand_of_expand(n: Node) -> Result:
    """expand(expand(x)) -> expand(x)"""
    x = operand(n.inputs[0], expand)
    return None if x is None else expand_to(x, n.types[0].shape)


@rule(expand)
def expand_of_merged(n: Node) -> Result:
    """expand(reshape(expand(x))) along a new last axis -> reshape(expand(expand(x))): repeated along both at once"""
    inner, shape = n.inputs[0], n.types[0].shape
    x = operand(inner, reshape)
    if x is None or x.op is not expand or shape[:-1] != inner.shape[:-1] or inner.shape[-1:] != (1,):
        return None
    if _without_ones(x.shape) == _without_ones(inner.shape):
        return None
    return reshape_to(expand_to(reshape_to(x, (*x.shape, 1)), (*x.shape, shape[-1])), shape)


@rule(expand)
def expand_of_leading_ones(n: Node) -> Result:
    """expand(reshape(x)), where the reshape puts extents of 1 in front -> expand(x)"""
    inner = n.inputs[0]
    x = operand(inner, reshape)
    if x is None or inner.shape != (1,) * (inner.type.ndim - x.type.ndim) + x.shape:
        return None
    return expand_to(x, n.types[0].shape)


@rule(*_ELEMENTWISE)
def expand_after_work(n: Node) -> Result:
    """f(expand(x), y) -> expand(f(x, y)): operands broadcast by themselves, and nothing is computed twice"""
    narrow = [v.node.inputs[0] if v.op is expand else v for v in n.inputs]
    if all(a is b for a, b in zip(narrow, n.inputs, strict=True)):
        return None
    return fit(n.op(*narrow, **n.attrs), n)


# ------------------------------------------------------------------------------------------------- slice and pad


@rule(slice_)
def slice_of_all(n: Node) -> Result:
    """a slice of everything -> x"""
    x = n.inputs[0]
    return x if n.types[0].shape == x.shape and not any(n.attrs["starts"]) else None


@rule(slice_)
def slice_of_slice(n: Node) -> Result:
    """slice(slice(x)) -> slice(x)"""
    inner = n.inputs[0].node
    if inner.op is not slice_:
        return None
    a, b = inner.attrs, n.attrs
    starts = tuple(
        as_size(Poly.of(p) + Poly.of(q) * s) for p, q, s in zip(a["starts"], b["starts"], a["steps"], strict=True)
    )
    steps = tuple(s * t for s, t in zip(a["steps"], b["steps"], strict=True))
    return slice_(inner.inputs[0], starts=starts, sizes=b["sizes"], steps=steps)


@rule(slice_)
def slice_of_pad(n: Node) -> Result:
    """slice(pad(x)) that meets no padding -> slice(x)"""
    padded = n.inputs[0].node
    if padded.op is not pad:
        return None
    x, a = padded.inputs[0], n.attrs
    starts = tuple(as_size(Poly.of(s) - low) for s, low in zip(a["starts"], padded.attrs["low"], strict=True))
    if not all(map(_lies_within, starts, a["sizes"], a["steps"], x.shape)):
        return None
    return slice_(x, starts=starts, sizes=a["sizes"], steps=a["steps"])


@rule(slice_)
def slice_of_part(n: Node) -> Result:
    """slice(concatenate(x, y, ...)) that meets one part alone -> a slice of that part"""
    joined = n.inputs[0].node
    if joined.op is not concatenate:
        return None
    axis, a = joined.attrs["axis"], n.attrs
    begin: Poly = Poly()
    for part in joined.inputs:
        start = as_size(Poly.of(a["starts"][axis]) - begin)
        if _lies_within(start, a["sizes"][axis], a["steps"][axis], part.shape[axis]):
            starts = (*a["starts"][:axis], start, *a["starts"][axis + 1 :])
            return slice_(part, starts=starts, sizes=a["sizes"], steps=a["steps"])
        begin = begin + part.shape[axis]
    return None


def _lies_within(start: Size, size: Size, step: int, extent: Size) -> bool:
    """Whether items start, start + step, ... lie in [0, extent), as far as numbers tell."""
    if start == 0 and size == extent and step == 1:
        return True
    if not (isinstance(start, int) and isinstance(size, int) and isinstance(extent, int)):
        return False
    return start >= 0 and size > 0 and start + (size - 1) * step < extent


@rule(pad)
def pad_by_nothing(n: Node) -> Result:
    """pad by no items -> x"""
    return n.inputs[0] if not any(n.attrs["low"]) and not any(n.attrs["high"]) else None


@rule(pad)
def pad_of_pad(n: Node) -> Result:
    """pad(pad(x)) with one value -> pad(x)"""
    inner = n.inputs[0].node
    if inner.op is not pad or repr(inner.attrs["value"]) != repr(n.attrs["value"]):
        return None
    low, high = (_sums(inner.attrs[k], n.attrs[k]) for k in ("low", "high"))
    return pad(inner.inputs[0], low=low, high=high, value=n.attrs["value"])


def _sums(xs: Shape, ys: Shape) -> Shape:
    return tuple(as_size(Poly.of(x) + y) for x, y in zip(xs, ys, strict=True))


@rule(add)
def pads_side_by_side(n: Node) -> Result:
    """pad(x) + pad(y), zeros around neighbours along one axis -> pad(concatenate(x + 0, y + 0)): gradients of slices"""
    a, b = (v.node for v in n.inputs)
    if not (_is_padded_with_zeros(a) and _is_padded_with_zeros(b)):
        return None
    for first, second in ((a, b), (b, a)):
        axis = _seam(first, second)
        if axis is not None:
            low, high = first.attrs["low"], (*first.attrs["high"][:axis], *second.attrs["high"][axis:])
            whole = concatenate(*(plus_zero(p.inputs[0]) for p in (first, second)), axis=axis)
            return pad(whole, low=low, high=high, value=0.0)
    return None


def _is_padded_with_zeros(node: Node) -> bool:
    return node.op is pad and node.attrs["value"] == 0 and node.types[0].dtype != "bool"


def _seam(first: Node, second: Node) -> int | None:
    """The axis along which the second operand begins where the first ends; along all others they lie alike."""
    (x, y), (a, b) = (p.inputs[0].shape for p in (first, second)), (p.attrs["low"] for p in (first, second))
    apart = [n for n in range(len(x)) if (x[n], a[n]) != (y[n], b[n])]
    return apart[0] if len(apart) == 1 and Poly.of(a[apart[0]]) + x[apart[0]] == Poly.of(b[apart[0]]) else None


def plus_zero(x: Value) -> Value:
    """x + 0, which differs for -0.0, where that is not what it is anyway."""
    if not is_float(x) or _is_plus_zero(x):
        return x
    return cast(Value, add(x, expand_to(number(0.0, x), x.shape)))


def _is_plus_zero(x: Value) -> bool:
    """Asked of the same parts for each of the slices of an unrolled loop."""
    facts, question = current_graph().facts, ("is_plus_zero", x.node.id)
    if question not in facts:
        facts[question] = _plus_zero_by_form(x)
    return facts[question]


def _plus_zero_by_form(x: Value) -> bool:
    while x.op in _VIEWS:
        x = x.node.inputs[0]
    if x.op is concatenate:
        return all(map(_is_plus_zero, x.node.inputs))
    return (x.op is add and is_item(x.node.inputs[1], 0.0)) or has_no_sign(x)


# --------------------------------------------------------------------------------------------------- concatenate


@rule(concatenate)
def join_what_is_there(n: Node) -> Result:
    """concatenate without the parts that have no items; of one part -> that part"""
    axis = n.attrs["axis"]
    parts = [x for x in n.inputs if x.shape[axis] != 0] or [n.inputs[0]]
    if len(parts) == 1:
        return parts[0]
    return None if len(parts) == len(n.inputs) else concatenate(*parts, axis=axis)


@rule(concatenate)
def join_of_joins(n: Node) -> Result:
    """concatenate(concatenate(x, y), z) along one axis -> concatenate(x, y, z)"""
    axis = n.attrs["axis"]
    nested = [x.node.inputs if x.op is concatenate and x.node.attrs["axis"] == axis else (x,) for x in n.inputs]
    if all(len(parts) == 1 for parts in nested):
        return None
    return concatenate(*(x for parts in nested for x in parts), axis=axis)
