"""The batched matrix product."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.errors import DTypeError, ShapeError
from graphc.ir.location import user_location
from graphc.ir.ops.arithmetic import add
from graphc.ir.ops.batching import aligned
from graphc.ir.ops.shape import broadcast_index, permute, reshape, sum_to
from graphc.ir.poly import Poly
from graphc.ir.primitive import Case, Operand, Primitive, register, traits, type_of
from graphc.ir.types import NUMBERS, Type, broadcast_shapes, volume


def _infer(a: Type, b: Type) -> Type:
    if a.dtype != b.dtype or a.dtype not in NUMBERS:
        raise DTypeError("matmul takes two tensors of one number type", got=f"{a} and {b}", loc=user_location())
    if a.ndim < 2 or b.ndim < 2 or a.shape[-1] != b.shape[-2]:
        raise ShapeError(
            "matmul: the inner extents differ",
            expected="(..., m, k) @ (..., k, n)",
            got=f"{a} @ {b}",
            fix="transpose one operand with .T or reshape it",
            loc=user_location(),
        )
    batch = broadcast_shapes("matmul", [a.shape[:-2], b.shape[:-2]])
    return Type(a.dtype, (*batch, a.shape[-2], b.shape[-1]))


def swap(x: Any) -> Any:
    """Transpose the last two axes."""
    n = len(type_of(x).shape)
    return permute(x, axes=(*range(n - 2), n - 1, n - 2))


def _vjp(g: Any, y: Any, a: Any, b: Any) -> list[Any]:
    """Of one matrix that all items of a batch were multiplied by: one product that sums over their rows too."""
    to_a = sum_to(matmul(g, swap(b)), type_of(a).shape)
    if len(type_of(b).shape) == 2 < len(type_of(a).shape):
        return [to_a, matmul(swap(_flat(a)), _flat(g))]
    return [to_a, sum_to(matmul(swap(a), g), type_of(b).shape)]


def _jvp(ts: Sequence[Any], y: Any, a: Any, b: Any) -> Any:
    t, u = ts
    left = None if t is None else matmul(t, b)
    right = None if u is None else matmul(a, u)
    return right if left is None else left if right is None else add(left, right)


def _batch(mapped: Sequence[bool], a: Any, b: Any) -> Any:
    """One product of many rows where the other side is one matrix for all items, else a product per item."""
    if tuple(mapped) == (True, False) and len(type_of(b).shape) == 2:
        return _rows(a, b)
    if tuple(mapped) == (False, True) and len(type_of(a).shape) == 2:
        return swap(_rows(swap(b), swap(a)))
    return matmul(*aligned(mapped, (a, b)))


def _rows(a: Any, b: Any) -> Any:
    """a[..., m, k] @ b[k, n] with all rows of a in one matrix."""
    return reshape(matmul(_flat(a), b), shape=(*type_of(a).shape[:-1], type_of(b).shape[1]))


def _flat(a: Any) -> Any:
    """All rows of a batch in one matrix."""
    *lead, k = type_of(a).shape
    return reshape(a, shape=(volume(lead), k))


def _loops(k: Any, index: Sequence[Poly], a: Any, b: Any) -> Any:
    *batch, i, j = index
    (q,) = k.axes([a.shape[-1]])
    left = k.at(a, [*broadcast_index(batch, a.shape[:-2]), i, q])
    right = k.at(b, [*broadcast_index(batch, b.shape[:-2]), q, j])
    return k.reduce("sum", [q], k.op("mul", a.dtype, left, right))[0]


matmul: Primitive = register(
    Primitive(
        "matmul", _infer, np.matmul, _vjp, _jvp, _batch, loops=_loops, dtypes=NUMBERS, ulp=8,
        traits=traits("pure contraction"),
        cases=(
            Case((Operand((3, 4)), Operand((4, 5)))), Case((Operand((17, 33)), Operand((33, 19)))),
            Case((Operand((2, 3, 4)), Operand((2, 4, 5)))), Case((Operand((2, 1, 3, 4)), Operand((3, 4, 2)))),
            Case((Operand((3, 0)), Operand((0, 2)))), Case((Operand((0, 3)), Operand((3, 2)))),
            Case((Operand((1, 8)), Operand((8, 1)))),
        ),
    )
)  # fmt: skip
