"""Machine code for single operations on large arrays, called by graphc.ir.compute.

An operation, or the derivative of one for a backward pass, is compiled once per element types and layout (which
operands are whole, rows, columns or single items), with symbolic extents; the disk cache keeps the code like any other.
Left to NumPy are small and integer element types, operands with gaps, products, and operations that only move items.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from math import prod
from typing import Any, TypeAlias

import numpy as np

from graphc.eager.node import Blank
from graphc.ir.graph import Graph
from graphc.ir.node import Value
from graphc.ir.ops.maths import power
from graphc.ir.ops.shape import expand, sum_to
from graphc.ir.poly import Size
from graphc.ir.primitive import Primitive
from graphc.ir.types import Dim, Type, short_dtype
from graphc.numpy.tensor import Tensor
from graphc.records import dataclass
from graphc.runtime.executable import compile_graph

Array: TypeAlias = "np.ndarray[Any, Any]"
Native: TypeAlias = Callable[..., Any]
Shape: TypeAlias = tuple[Size, ...]

_ROWS, _COLUMNS = Dim("rows"), Dim("columns")
_SHAPES: dict[str, Shape] = {
    "flat": (_ROWS,), "whole": (_ROWS, _COLUMNS), "row": (1, _COLUMNS), "column": (_ROWS, 1), "item": (),
}  # fmt: skip
"""An operand's shape by its part in a layout."""


def compute(op: Primitive, arrays: Sequence[Any], attrs: Mapping[str, Any]) -> Array | None:
    """The result, in memory of its own; None where the NumPy rule is to compute it."""
    if attrs and "reduction" in op.traits:
        return _reduced(op, arrays[0], attrs["axes"])
    if attrs or not op.is_elementwise:
        return None
    layout = _layout([np.asarray(a) if isinstance(a, np.generic) else a for a in arrays])
    if layout is None:
        return None
    constant = _exponent(op, layout.arrays)
    given = layout.arrays if constant is None else layout.arrays[:1]
    y: Array = _elementwise(op, layout.pattern, constant)(*map(layout.fit, given, layout.pattern.parts))
    return y.reshape(layout.shape)


def pull(op: Primitive, g: Array, y: Array | Blank, xs: Sequence[Array | Blank], wanted: int) -> list[Any] | None:
    """Cotangents of the operands of an elementwise operation, whose own shapes they have; None as in `compute`.

    `wanted` has a bit per operand, the last one lowest; parts that are not wanted are None.
    """
    layout = _layout([g, y, *xs])
    if layout is None or layout.shape != g.shape:
        return None
    kept = tuple(not isinstance(v, Blank) for v in layout.arrays)
    constant = _exponent(op, layout.arrays[2:]) if kept[-1] else None
    native, places = _pullback(op, layout.pattern, kept, wanted, constant)
    given = [
        layout.fit(v, part) for v, part, keep in zip(layout.arrays, layout.pattern.parts, kept, strict=True) if keep
    ]
    results = (*(native(*(given if constant is None else given[:-1])) if native else ()), g)
    return [None if k is None else _shaped(results[k], x.shape) for k, x in zip(places, xs, strict=True)]


def _shaped(part: Array, shape: Any) -> Any:
    """A cotangent that is handed on as it is may have to be summed."""
    return part.reshape(shape) if part.size == prod(shape) else sum_to(part, shape)


# ---------------------------------------------------------------------------------------------------------- layout


@dataclass(frozen=True, slots=True)
class _Pattern:
    """What code depends on: element types, and which operands are whole, rows, columns, items or, all, flat.

    `parts` are without the items that an expansion repeats, `own` with them.
    """

    dtypes: tuple[str, ...]
    parts: tuple[str, ...]
    own: tuple[str, ...]

    @property
    def types(self) -> list[Type]:
        return [Type(d, _SHAPES[part]) for d, part in zip(self.dtypes, self.parts, strict=True)]

    @property
    def whole(self) -> Shape:
        return _SHAPES["flat" if "flat" in self.parts else "whole"]


@dataclass(frozen=True, slots=True)
class _Layout:
    """How operands (`arrays`, without repeated items) lie in a result of that shape, a matrix of so many rows."""

    shape: tuple[int, ...]
    rows: int
    arrays: list[Any]
    pattern: _Pattern

    def fit(self, a: Array, part: str) -> Array:
        if part == "whole":
            return a.reshape(self.rows, -1)
        if part == "flat":
            return a.reshape(-1)
        return a.reshape(()) if part == "item" else a.reshape((1, -1) if part == "row" else (-1, 1))


def _layout(arrays: Sequence[Any]) -> _Layout | None:
    if not all(type(a) in _KNOWN and a.dtype.char in "fd?" for a in arrays):
        return None
    shape = max((a.shape for a in arrays), key=lambda s: (prod(s), len(s)))
    compact = [_compact(a) for a in arrays]
    places, own = [_part(a, shape) for a in compact], [_part(Blank(a.shape, a.dtype), shape) for a in arrays]
    splits = {split for _, split in (*places, *own) if split}
    names = {name for name, _ in (*places, *own)}
    if "" in names or all(name != "whole" for name, _ in places) or len(splits) > 1:
        return None
    parts, shares = (
        tuple("flat" if name == "whole" and not splits else name for name, _ in found) for found in (places, own)
    )
    rows = prod(shape[: splits.pop()]) if splits else prod(shape)
    return _Layout(shape, rows, compact, _Pattern(tuple(short_dtype(a.dtype) for a in arrays), parts, shares))


_KNOWN = (np.ndarray, Blank)


def _compact(a: Any) -> Any:
    """One of the items of each axis along which an expansion repeats them."""
    if isinstance(a, Blank) or 0 not in a.strides:
        return a
    return a[tuple(slice(0, 1) if step == 0 else slice(None) for step in a.strides)]


def _part(a: Array | Blank, shape: tuple[int, ...]) -> tuple[str, int]:
    """What an operand is beside a result of that shape, and how many of its axes are those of rows; "" for neither."""
    own = tuple(a.shape)
    if prod(own) == 1 and len(own) <= len(shape):
        return "item", 0
    if isinstance(a, np.ndarray) and not a.flags.c_contiguous:
        return "", 0
    if own == shape:
        return "whole", 0
    extents = [k for k, e in enumerate(own) if e != 1]
    inner, outer = own[extents[0] :], own[: extents[-1] + 1]
    if len(own) <= len(shape) and inner == shape[len(shape) - len(inner) :]:
        return "row", len(shape) - len(inner)
    return ("column", len(outer)) if len(own) == len(shape) and outer == shape[: len(outer)] else ("", 0)


def _exponent(op: Primitive, operands: Sequence[Any]) -> float | None:
    """Of a power by a small multiple of a half, which has products and roots in place of the general code."""
    if op is not power or operands[1].size != 1:
        return None
    exponent = float(operands[1].item())
    return exponent if abs(exponent) <= 4 and (2 * exponent).is_integer() else None


# ------------------------------------------------------------------------------------------------------------ code


@lru_cache(maxsize=1024)
def _elementwise(op: Primitive, pattern: _Pattern, constant: float | None) -> Native:
    graph = Graph(op.name)
    return _native(graph, [graph.apply(op, _operands(graph, pattern, constant), {})])


def _operands(graph: Graph, pattern: _Pattern, constant: float | None) -> list[Value]:
    """Placeholders; the last operand is the constant where there is one."""
    *others, last = pattern.types
    values = [graph.placeholder(t) for t in others]
    return [*values, graph.placeholder(last) if constant is None else graph.constant(constant, last.dtype)]


@lru_cache(maxsize=1024)
def _pullback(
    op: Primitive, pattern: _Pattern, kept: tuple[bool, ...], wanted: int, constant: float | None
) -> tuple[Native | None, list[int | None]]:
    """The vjp rule as one function, and per operand the number of its result, -1 for the cotangent itself."""
    graph = Graph(op.name)
    values = _operands(graph, pattern, constant)
    graph.inputs = [
        v for v, keep in zip(values, kept, strict=True) if keep and v in graph.inputs
    ]  # no part reads others
    assert op.vjp is not None
    found = op.vjp(*(Tensor(graph, v) for v in values))
    asked = [bool(wanted >> k & 1) for k in reversed(range(len(found)))]
    g = values[0]
    parts = [
        None if p is None or not ask else g if p.value is g else sum_to(_wide(p, pattern.whole), _SHAPES[name]).value
        for p, ask, name in zip(found, asked, pattern.own[2:], strict=True)
    ]
    made = [p for p in parts if p is not None and p is not g]
    numbers = iter(range(len(made)))
    places = [None if p is None else -1 if p is g else next(numbers) for p in parts]
    return _native(graph, made, unwrap=False) if made else None, places


def _wide(p: Tensor, shape: Shape) -> Any:
    return p if p.shape == shape else expand(p, shape=shape)


# ------------------------------------------------------------------------------------------------------ reductions


def _reduced(op: Primitive, x: Any, axes: tuple[int, ...]) -> Array | None:
    """Over all axes, the first ones or the last ones."""
    if type(x) is not np.ndarray or x.dtype.char not in "fd?" or not x.flags.c_contiguous:
        return None
    first, last = tuple(range(len(axes))), tuple(range(x.ndim - len(axes), x.ndim))
    if not axes or axes not in (first, last):
        return None
    dtype = short_dtype(x.dtype)
    if first == last:
        result: Array = _reduction(op, dtype, "flat", 0)(x.reshape(-1))
        return result
    kept = x.shape[len(axes) :] if axes == first else x.shape[: -len(axes)]
    rows = prod(x.shape[: len(axes)] if axes == first else kept)
    result = _reduction(op, dtype, "whole", 0 if axes == first else 1)(x.reshape(rows, -1))
    return result.reshape(kept)


@lru_cache(maxsize=256)
def _reduction(op: Primitive, dtype: str, part: str, axis: int) -> Native:
    graph = Graph(op.name)
    return _native(graph, [graph.apply(op, [graph.placeholder(Type(dtype, _SHAPES[part]))], {"axes": (axis,)})])


def _native(graph: Graph, results: Sequence[Value], unwrap: bool = True) -> Native:
    graph.outputs.extend(results)
    native = compile_graph(graph, unwrap=unwrap).native
    assert native is not None
    return native
