"""Indexing by integer tensors: gather and its transpose, scatter-add.

`axis, axis+1, ...` of the tensor are indexed together, one index tensor each, all of one shape, which takes the place
of those axes in the result: gather(x: T[a,b,c], i: [m,n], axis=1) is T[a,m,n,c].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.errors import DTypeError, ShapeError
from graphc.ir.location import user_location
from graphc.ir.ops.batching import all_mapped, batch_size, move_axis, repeated
from graphc.ir.ops.shape import expand, reshape
from graphc.ir.ops.source import iota
from graphc.ir.poly import Poly
from graphc.ir.primitive import Case, Operand, Primitive, register, source_like, traits, type_of
from graphc.ir.types import INTEGERS, NUMBERS, Shape, Type


def _check(name: str, indices: Sequence[Type]) -> None:
    if not indices or any(i.dtype not in INTEGERS for i in indices):
        raise DTypeError(
            f"`{name}` takes integer indices",
            got=", ".join(map(str, indices)),
            fix="for a condition use np.where(condition, a, b)",
            loc=user_location(),
        )
    if len({i.shape for i in indices}) > 1:
        raise ShapeError(f"`{name}`: index tensors of one shape", got=", ".join(map(str, indices)), loc=user_location())


def _gather_infer(x: Type, *indices: Type, axis: int) -> Type:
    _check("gather", indices)
    return x.with_shape((*x.shape[:axis], *indices[0].shape, *x.shape[axis + len(indices) :]))


def _gather_numpy(x: Any, *indices: Any, axis: int) -> Any:
    return np.asarray(x)[(slice(None),) * axis + indices]


def _gather_vjp(g: Any, y: Any, x: Any, *indices: Any, axis: int) -> list[Any]:
    return [scatter_add(g, *indices, axis=axis, shape=type_of(x).shape), *[None] * len(indices)]


def _gather_jvp(ts: Sequence[Any], y: Any, x: Any, *indices: Any, axis: int) -> Any:
    return None if ts[0] is None else gather(ts[0], *indices, axis=axis)


def _items(indices: Sequence[Any]) -> Any:
    """The number of its item for every mapped index: the index into the batch axis."""
    shape = type_of(indices[0]).shape
    numbers = source_like(iota, indices[0], shape=(shape[0],), axis=0, dtype="i64")
    return expand(reshape(numbers, shape=(shape[0], *[1] * (len(shape) - 1))), shape=shape)


def _gather_batch(mapped: Sequence[bool], x: Any, *indices: Any, axis: int) -> Any:
    if not any(mapped[1:]):
        return gather(x, *indices, axis=axis + 1)
    indices = tuple(all_mapped(mapped[1:], indices))
    if mapped[0]:
        x, indices = move_axis(x, 0, axis), (_items(indices), *indices)
    return move_axis(gather(x, *indices, axis=axis), axis, 0)


def _gather_loops(k: Any, index: Sequence[Poly], x: Any, *indices: Any, axis: int) -> Any:
    rank = len(indices[0].shape)
    where = index[axis : axis + rank]
    picks = [k.checked(k.at(i, where), x.shape[axis + n]) for n, i in enumerate(indices)]
    return k.at(x, [*index[:axis], *picks, *index[axis + rank :]])


def _index(high: int, shape: tuple[int, ...]) -> Operand:
    return Operand(shape, -high, high - 1, "i64")


gather: Primitive = register(
    Primitive(
        "gather", _gather_infer, _gather_numpy, _gather_vjp, _gather_jvp, _gather_batch, loops=_gather_loops,
        traits=traits("pure indexed"),
        cases=(
            Case((Operand((5, 17)), _index(5, (4,))), {"axis": 0}),
            Case((Operand((5, 17)), _index(17, (2, 3))), {"axis": 1}),
            Case((Operand((5, 6, 3)), _index(5, (4,)), _index(6, (4,))), {"axis": 0}),
            Case((Operand((5,)), _index(5, ())), {"axis": 0}), Case((Operand((5, 3)), _index(5, (0,))), {"axis": 0}),
        ),
    )
)  # fmt: skip


def _scatter_infer(updates: Type, *indices: Type, axis: int, shape: Shape) -> Type:
    _check("scatter_add", indices)
    expected = (*shape[:axis], *indices[0].shape, *shape[axis + len(indices) :])
    if updates.shape != expected:
        raise ShapeError(
            "scatter_add: updates do not fit the indices",
            expected=str(Type(updates.dtype, expected)),
            got=str(updates),
            loc=user_location(),
        )
    return updates.with_shape(shape)


def _scatter_numpy(updates: Any, *indices: Any, axis: int, shape: tuple[int, ...]) -> Any:
    updates = np.asarray(updates)
    out = np.zeros(shape, updates.dtype)
    lead = (slice(None),) * axis
    if updates.size < _WIDE * indices[0].size:
        np.add.at(out, lead + indices, updates)
        return out
    for place in np.ndindex(indices[0].shape):  # in the same order, with a call per place that adds many items
        out[lead + tuple(i[place] for i in indices)] += updates[lead + place]
    return out


_WIDE = 256
"""Items behind an index from which a loop in Python is faster than np.add.at."""


def _scatter_vjp(g: Any, y: Any, updates: Any, *indices: Any, axis: int, shape: Shape) -> list[Any]:
    return [gather(g, *indices, axis=axis), *[None] * len(indices)]


def _scatter_jvp(ts: Sequence[Any], y: Any, updates: Any, *indices: Any, axis: int, shape: Shape) -> Any:
    return None if ts[0] is None else scatter_add(ts[0], *indices, axis=axis, shape=shape)


def _scatter_batch(mapped: Sequence[bool], updates: Any, *indices: Any, axis: int, shape: Shape) -> Any:
    size = batch_size(mapped, (updates, *indices))
    if not any(mapped[1:]):
        return scatter_add(updates, *indices, axis=axis + 1, shape=(size, *shape))
    indices = tuple(all_mapped(mapped[1:], indices))
    updates = move_axis(updates if mapped[0] else repeated(updates, size), 0, axis)
    shape = (*shape[:axis], size, *shape[axis:])
    return move_axis(scatter_add(updates, _items(indices), *indices, axis=axis, shape=shape), axis, 0)


scatter_add: Primitive = register(
    Primitive(
        "scatter_add", _scatter_infer, _scatter_numpy, _scatter_vjp, _scatter_jvp, _scatter_batch, dtypes=NUMBERS,
        ulp=4, traits=traits("pure scatter"),
        cases=(
            Case((Operand((4, 17)), _index(5, (4,))), {"axis": 0, "shape": (5, 17)}),
            Case((Operand((5, 2, 3)), _index(17, (2, 3))), {"axis": 1, "shape": (5, 17)}),
            Case((Operand((4, 3)), _index(5, (4,)), _index(6, (4,))), {"axis": 0, "shape": (5, 6, 3)}),
            Case((Operand((0, 3)), _index(5, (0,))), {"axis": 0, "shape": (5, 3)}),
            Case((Operand(()), _index(5, ())), {"axis": 0, "shape": (5,)}),
        ),
    )
)  # fmt: skip
