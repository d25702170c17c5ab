"""NumPy's linalg namespace: norms, powers and chains of matrices, and the products under its names."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from graphc.errors import AxisError, UnsupportedError
from graphc.ir.location import user_location
from graphc.numpy import elementwise as ew
from graphc.numpy import formulas as fm
from graphc.numpy import reductions as rd
from graphc.numpy.axes import Axis, normalize_axes
from graphc.numpy.linear_algebra import cross, dot, matmul, outer, tensordot, vecdot
from graphc.numpy.movement import matrix_transpose, reshape
from graphc.numpy.promote import as_tensor, cast_to, to_bool, to_float


def norm(x: Any, ord: Any = None, axis: Axis = None, keepdims: bool = False) -> Any:  # noqa: A002 - NumPy's name
    """A vector norm over one axis, a matrix norm over two, the 2-norm of all items by default; its gradient at 0 is 0.

    ord of a vector: any number, inf, -inf or 0; of a matrix: "fro", 1, -1, inf, -inf.  Raises UnsupportedError for
    the norms of a matrix that need its singular values.
    """
    x = to_float(x)
    if axis is None and ord is None:
        return _vector_norm(x, 2, None, keepdims)
    axes = normalize_axes(axis, len(x.shape))
    if len(axes) == 1:
        return _vector_norm(x, 2 if ord is None else ord, axes, keepdims)
    if len(axes) != 2:
        raise AxisError("a norm is taken over one axis or two", got=f"axis={axis} of {x.shape}", loc=user_location())
    return _matrix_norm(x, ord, axes, keepdims)


def _vector_norm(x: Any, order: float, axis: Axis, keepdims: bool) -> Any:
    size = ew.absolute(x)
    if order == math.inf:
        return rd.max(size, axis, keepdims)
    if order == -math.inf:
        return rd.min(size, axis, keepdims)
    if order == 0:
        return rd.sum(cast_to(to_bool(x), x.dtype), axis, None, keepdims)
    if order == 1:
        return rd.sum(size, axis, None, keepdims)
    if order == 2:
        return fm.length(rd.sum(ew.multiply(x, x), axis, None, keepdims))
    powers = fm.length(size, order) if order < 1 else ew.power(size, order)
    return fm.length(rd.sum(powers, axis, None, keepdims), 1 / order)


def _matrix_norm(x: Any, order: Any, axes: tuple[int, ...], keepdims: bool) -> Any:
    if order is None or order == "fro":
        return fm.length(rd.sum(ew.multiply(x, x), axes, None, keepdims))
    if order not in (1, -1, math.inf, -math.inf):
        raise UnsupportedError(
            "this matrix norm needs singular values",
            expected='"fro", 1, -1, inf, -inf',
            got=repr(order),
            loc=user_location(),
        )
    rows, columns = axes
    summed, kept = (rows, columns) if abs(order) == 1 else (columns, rows)
    choose = rd.max if order > 0 else rd.min
    y = choose(rd.sum(ew.absolute(x), summed, None, True), kept, True)
    return y if keepdims else reshape(y, tuple(e for n, e in enumerate(x.shape) if n not in axes))


def vector_norm(x: Any, /, *, axis: Axis = None, keepdims: bool = False, ord: float = 2) -> Any:  # noqa: A002
    """The norm of items along axes, of all by default."""
    return _vector_norm(to_float(x), ord, axis, keepdims)


def matrix_power(a: Any, n: int) -> Any:
    """a @ a @ ... @ a, n >= 1 times, by repeated squaring. Raises UnsupportedError for n < 1."""
    if n < 1:
        raise UnsupportedError("matrix_power of a positive power", got=str(n), loc=user_location())
    square, result = as_tensor(a), None
    while n:
        if n & 1:
            result = square if result is None else matmul(result, square)
        n >>= 1
        square = matmul(square, square) if n else square
    return result


def multi_dot(arrays: Sequence[Any]) -> Any:
    """The product of a chain of matrices, from left to right."""
    result = as_tensor(arrays[0])
    for a in arrays[1:]:
        result = dot(result, a)
    return result


__all__ = [
    "cross", "matmul", "matrix_power", "matrix_transpose", "multi_dot", "norm", "outer", "tensordot", "vecdot",
    "vector_norm",
]  # fmt: skip
