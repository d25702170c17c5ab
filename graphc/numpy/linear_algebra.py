"""NumPy's matrix functions: products of every kind come down to one primitive, the batched matrix product."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.errors import AxisError, ShapeError
from graphc.ir.location import user_location
from graphc.ir.ops import linalg
from graphc.ir.poly import Poly, as_size
from graphc.ir.types import volume
from graphc.numpy import elementwise as ew
from graphc.numpy import formulas as fm
from graphc.numpy import reductions as rd
from graphc.numpy.axes import normalize_axes
from graphc.numpy.indexing import diagonal, position
from graphc.numpy.joining import concatenate, pad, part
from graphc.numpy.movement import expand_dims, moveaxis, reshape, transpose
from graphc.numpy.promote import as_tensor, cast_to, promote, to_bool

# ------------------------------------------------------------------------------------------------------- products


def matmul(x1: Any, x2: Any, /) -> Any:
    """x1 @ x2: of matrices, of stacks of them (leading axes broadcast), of vectors (their axis disappears).

    Raises ShapeError where the inner extents differ or an operand is 0-d.
    """
    a, b = promote(x1, x2)
    if not a.shape or not b.shape:
        raise ShapeError("matmul: an operand is 0-d", got=f"{a.shape} @ {b.shape}", fix="a * b", loc=user_location())
    left, right = len(a.shape) == 1, len(b.shape) == 1
    if not left and not right:
        return _product(a, b)
    y = _product(expand_dims(a, 0) if left else a, expand_dims(b, 1) if right else b)
    shape = tuple(y.shape)
    batch = shape[:-2]
    rows, columns = () if left else shape[-2:-1], () if right else shape[-1:]
    return reshape(y, (*batch, *rows, *columns))


def _product(a: Any, b: Any) -> Any:
    if a.dtype.kind != "b":
        return linalg.matmul(a, b)
    return to_bool(linalg.matmul(cast_to(a, "i64"), cast_to(b, "i64")))


def dot(a: Any, b: Any) -> Any:
    """Sum of products over the last axis of a and the second to last of b (the only one of a vector)."""
    x, y = as_tensor(a), as_tensor(b)
    if not x.shape or not y.shape:
        return ew.multiply(x, y)
    return tensordot(x, y, ((-1,), (-2 if len(y.shape) > 1 else -1,)))


def vdot(a: Any, b: Any, /) -> Any:
    """The inner product of two flattened tensors."""
    return dot(reshape(a, -1), reshape(b, -1))


def inner(a: Any, b: Any, /) -> Any:
    """Sum of products over the last axes."""
    x, y = as_tensor(a), as_tensor(b)
    return tensordot(x, y, ((-1,), (-1,))) if x.shape and y.shape else ew.multiply(x, y)


def outer(a: Any, b: Any) -> Any:
    """All products of an item of a with an item of b: a matrix."""
    return ew.multiply(reshape(a, (-1, 1)), reshape(b, (1, -1)))


def vecdot(x1: Any, x2: Any, /, *, axis: int = -1) -> Any:
    """Sum of products over one axis; other axes broadcast."""
    a, b = moveaxis(x1, axis, -1), moveaxis(x2, axis, -1)
    y = matmul(expand_dims(a, -2), expand_dims(b, -1))
    return reshape(y, tuple(y.shape)[:-2])


def tensordot(a: Any, b: Any, axes: Any = 2) -> Any:
    """Sum of products over pairs of axes: `axes` of each, or that many last of a and first of b."""
    x, y = promote(a, b)
    over_x, over_y = _contracted(axes, len(x.shape), len(y.shape))
    if [x.shape[k] for k in over_x] != [y.shape[k] for k in over_y]:
        raise ShapeError(
            "tensordot: the summed extents differ",
            got=f"{x.shape} over {over_x}, {y.shape} over {over_y}",
            loc=user_location(),
        )
    free_x = [k for k in range(len(x.shape)) if k not in over_x]
    free_y = [k for k in range(len(y.shape)) if k not in over_y]
    rows, columns = [x.shape[k] for k in free_x], [y.shape[k] for k in free_y]
    depth = volume(x.shape[k] for k in over_x)
    left = reshape(transpose(x, [*free_x, *over_x]), (volume(rows), depth))
    right = reshape(transpose(y, [*over_y, *free_y]), (depth, volume(columns)))
    return reshape(_product(left, right), (*rows, *columns))


def _contracted(axes: Any, m: int, n: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    if isinstance(axes, int):
        if not 0 <= axes <= min(m, n):
            raise AxisError("tensordot sums over axes that both have", got=str(axes), loc=user_location())
        return tuple(range(m - axes, m)), tuple(range(axes))
    over_x, over_y = axes
    return normalize_axes(over_x, m), normalize_axes(over_y, n)


def kron(a: Any, b: Any) -> Any:
    """Every item of a times the whole of b, side by side."""
    x, y = promote(a, b)
    rank = max(len(x.shape), len(y.shape))
    x, y = (reshape(t, (*(1,) * (rank - len(t.shape)), *t.shape)) for t in (x, y))
    left = reshape(x, tuple(e for n in x.shape for e in (n, 1)))
    right = reshape(y, tuple(e for n in y.shape for e in (1, n)))
    shape = tuple(as_size(Poly.of(m) * n) for m, n in zip(x.shape, y.shape, strict=True))
    return reshape(ew.multiply(left, right), shape)


def cross(a: Any, b: Any, axis: int = -1) -> Any:
    """The vector product of 3-vectors along an axis. Raises ShapeError for other extents."""
    x, y = moveaxis(a, axis, -1), moveaxis(b, axis, -1)
    if x.shape[-1] != 3 or y.shape[-1] != 3:
        raise ShapeError("cross: vectors of three items", got=f"{x.shape} and {y.shape}", loc=user_location())
    u, v = ([part(t, len(t.shape) - 1, k, 1) for k in range(3)] for t in (x, y))
    parts = [_minor(u, v, (k + 1) % 3, (k + 2) % 3) for k in range(3)]
    return moveaxis(concatenate(parts, -1), -1, axis)


def _minor(u: Sequence[Any], v: Sequence[Any], i: int, j: int) -> Any:
    return ew.subtract(ew.multiply(u[i], v[j]), ew.multiply(u[j], v[i]))


# ------------------------------------------------------------------------------------------ diagonals, triangles


def trace(a: Any, offset: int = 0, axis1: int = 0, axis2: int = 1, dtype: Any = None) -> Any:
    """The sum of a diagonal."""
    return rd.sum(diagonal(a, offset, axis1, axis2), -1, dtype)


def diag(v: Any, k: int = 0) -> Any:
    """The k-th diagonal of a matrix, or the matrix with that diagonal. Raises ShapeError for other ranks."""
    x = as_tensor(v)
    if len(x.shape) == 2:
        return diagonal(x, k)
    if len(x.shape) != 1:
        raise ShapeError("diag: a vector or a matrix", got=f"shape {x.shape}", loc=user_location())
    return diagflat(x, k)


def diagflat(v: Any, k: int = 0) -> Any:
    """The matrix with these items on its k-th diagonal."""
    x = reshape(v, -1)
    n = x.shape[0]
    square = fm.where(triangle(x, (n, n), "eq", 0), expand_dims(x, 1), cast_to(np.asarray(0), x.dtype))
    return pad(square, ((max(-k, 0), max(k, 0)), (max(k, 0), max(-k, 0)))) if k else square


def tril(m: Any, k: int = 0) -> Any:
    """Zero above the k-th diagonal."""
    return _masked(m, "ge", k)


def triu(m: Any, k: int = 0) -> Any:
    """Zero below the k-th diagonal."""
    return _masked(m, "le", k)


def _masked(m: Any, relation: str, k: int) -> Any:
    x = as_tensor(m)
    return fm.where(triangle(x, tuple(x.shape)[-2:], relation, k), x, cast_to(np.asarray(0), x.dtype))


def triangle(like: Any, shape: tuple[Any, ...], relation: str, k: int) -> Any:
    """row + k against column."""
    compare = {"ge": ew.greater_equal, "le": ew.less_equal, "eq": ew.equal}[relation]
    return compare(ew.add(position(like, shape, 0), k), position(like, shape, 1))


__all__ = [
    "cross", "diag", "diagflat", "dot", "inner", "kron", "matmul", "outer", "tensordot", "trace", "tril", "triu",
    "vdot", "vecdot",
]  # fmt: skip
