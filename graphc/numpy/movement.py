"""NumPy's functions that move axes and shapes: views, without a copy in compiled code.

Extents may be symbolic: `x.reshape(-1, 4)` divides exactly or raises.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.errors import AxisError, ShapeError, UnsupportedError
from graphc.ir.location import user_location
from graphc.ir.ops import shape as views
from graphc.ir.poly import Poly, Size, as_size
from graphc.ir.types import Shape, broadcast_shapes, make_shape, numpy_dtype, short_dtype, volume
from graphc.numpy.axes import Axis, normalize_axes, normalize_axis
from graphc.numpy.promote import as_operand, as_tensor, cast_to, common_dtype, kind

ShapeLike = Any
"""An extent, or a sequence of extents."""


def as_shape(shape: ShapeLike) -> Shape:
    """A shape from an extent or a sequence of them. Raises DimensionError for what is no extent."""
    return make_shape(shape) if isinstance(shape, Sequence) and not isinstance(shape, str) else make_shape((shape,))


def ndim(a: Any) -> int:
    return len(as_tensor(a).shape)


def shape(a: Any) -> Shape:
    return tuple(as_tensor(a).shape)


def size(a: Any, axis: int | None = None) -> Size:
    """The number of items, or of those along one axis."""
    x = as_tensor(a)
    return volume(x.shape) if axis is None else x.shape[normalize_axis(axis, len(x.shape))]


# -------------------------------------------------------------------------------------------------------- reshape


def reshape(a: Any, /, shape: ShapeLike, order: str = "C", *, copy: bool | None = None) -> Any:
    """The same items in row-major order under another shape; one extent may be -1.

    Raises ShapeError where the number of items differs, UnsupportedError for another order.
    """
    if order not in ("C", "A"):
        raise UnsupportedError(
            "reshape keeps row-major order", got=f"order={order!r}", fix="transpose first", loc=user_location()
        )
    x = as_tensor(a)
    target = _complete(x.shape, shape)
    return x if target == tuple(x.shape) else views.reshape(x, shape=target)


def _complete(have: Shape, shape: ShapeLike) -> Shape:
    """The shape with its -1, if there is one, computed."""
    asked = list(shape) if isinstance(shape, Sequence) else [shape]
    unknown = [k for k, e in enumerate(asked) if type(e) is not Poly and e == -1]
    if not unknown:
        return make_shape(asked)
    rest = make_shape(asked[: unknown[0]] + asked[unknown[0] + 1 :])  # a second -1 is no extent
    asked[unknown[0]] = _quotient(volume(have), volume(rest), have, rest)
    return make_shape(asked)


def _quotient(total: Size, part: Size, have: Shape, rest: Shape) -> Size:
    """total / part, exact."""
    result = exact_quotient(total, part)
    if result is None:
        raise ShapeError(
            "reshape cannot compute the extent given as -1",
            expected=f"other extents that divide {total}, the number of elements of {have}",
            got=f"{rest} with {part}",
            loc=user_location(),
        )
    return result


def exact_quotient(total: Size, part: Size) -> Size | None:
    """The polynomial q with q * part == total, for a part of one term; None where there is none."""
    if type(total) is int and type(part) is int:
        return total // part if part and total % part == 0 else None
    terms = Poly.of(part).terms
    if len(terms) != 1:
        return 1 if total == part and terms else None
    names, factor = terms[0]
    out: Size = 0
    for own, c in Poly.of(total).terms:
        left = _without(own, names)
        if c % factor or left is None:
            return None
        out = out + Poly(((left, c // factor),))
    return as_size(out)


def _without(names: tuple[str, ...], removed: tuple[str, ...]) -> tuple[str, ...] | None:
    left = list(names)
    for name in removed:
        if name not in left:
            return None
        left.remove(name)
    return tuple(left)


def ravel(a: Any, order: str = "C") -> Any:
    """One axis with all items."""
    x = as_tensor(a)
    return reshape(x, (volume(x.shape),), order)


def expand_dims(a: Any, axis: Axis) -> Any:
    """New axes of extent 1, at those positions of the result."""
    x = as_tensor(a)
    count = len(axis) if isinstance(axis, Sequence) else 1
    new = normalize_axes(axis, len(x.shape) + count)
    old = iter(x.shape)
    return reshape(x, tuple(1 if n in new else next(old) for n in range(len(x.shape) + count)))


def squeeze(a: Any, axis: Axis = None) -> Any:
    """Without the axes of extent 1, or those of them that `axis` names. Raises ShapeError for another extent."""
    x = as_tensor(a)
    if axis is None:
        return reshape(x, tuple(e for e in x.shape if e != 1))
    axes = normalize_axes(axis, len(x.shape))
    if any(x.shape[k] != 1 for k in axes):
        raise ShapeError("only axes of extent 1 are squeezed", got=f"axes {axes} of {x.shape}", loc=user_location())
    return reshape(x, tuple(e for n, e in enumerate(x.shape) if n not in axes))


def atleast_1d(*arrays: Any) -> Any:
    return _each(arrays, lambda x: reshape(x, (1,)) if not x.shape else x)


def atleast_2d(*arrays: Any) -> Any:
    """Rows: [n] becomes [1,n]."""
    return _each(arrays, lambda x: reshape(x, (*(1,) * (2 - len(x.shape)), *x.shape)))


def atleast_3d(*arrays: Any) -> Any:
    """[n] becomes [1,n,1], [m,n] becomes [m,n,1]."""
    return _each(arrays, lambda x: reshape(x, _three(x.shape)))


def _three(shape: Shape) -> Shape:
    return {0: (1, 1, 1), 1: (1, *shape, 1), 2: (*shape, 1)}.get(len(shape), shape)


def _each(arrays: Sequence[Any], change: Any) -> Any:
    """One result for one array, a tuple for several."""
    out = tuple(change(as_tensor(a)) for a in arrays)
    return out[0] if len(out) == 1 else out


# --------------------------------------------------------------------------------------------------- permutations


def transpose(a: Any, axes: Sequence[int] | None = None) -> Any:
    """The axes in that order, reversed by default. Raises AxisError where it is no permutation."""
    x = as_tensor(a)
    n = len(x.shape)
    order = tuple(range(n))[::-1] if axes is None else tuple(normalize_axis(k, n) for k in axes)
    views.check_permutation("transpose", order, n)
    return x if order == tuple(range(n)) else views.permute(x, axes=order)


permute_dims = transpose


def swapaxes(a: Any, axis1: int, axis2: int) -> Any:
    x = as_tensor(a)
    order = list(range(len(x.shape)))
    i, j = normalize_axis(axis1, len(order)), normalize_axis(axis2, len(order))
    order[i], order[j] = order[j], order[i]
    return transpose(x, order)


def matrix_transpose(x: Any, /) -> Any:
    """The last two axes exchanged. Raises AxisError for fewer."""
    x = as_tensor(x)
    if len(x.shape) < 2:
        raise AxisError("a matrix has two axes", got=f"shape {x.shape}", loc=user_location())
    return swapaxes(x, -1, -2)


def moveaxis(a: Any, source: int | Sequence[int], destination: int | Sequence[int]) -> Any:
    """The axes `source` at the positions `destination`, the others in their order."""
    x = as_tensor(a)
    n = len(x.shape)
    old, new = normalize_axes(source, n), normalize_axes(destination, n)
    if len(old) != len(new):
        raise AxisError(
            "moveaxis: as many destinations as sources", got=f"{source}, {destination}", loc=user_location()
        )
    rest = iter(k for k in range(n) if k not in old)
    placed = dict(zip(new, old, strict=True))
    return transpose(x, [placed[k] if k in placed else next(rest) for k in range(n)])


def flip(m: Any, axis: Axis = None) -> Any:
    """The other way round along an axis, several or all."""
    x = as_tensor(m)
    axes = tuple(sorted(normalize_axes(axis, len(x.shape))))
    return views.flip(x, axes=axes) if axes else x


def fliplr(m: Any) -> Any:
    return flip(m, 1)


def flipud(m: Any) -> Any:
    return flip(m, 0)


def rot90(m: Any, k: int = 1, axes: tuple[int, int] = (0, 1)) -> Any:
    """Turned by k right angles in the plane of two axes, from the first towards the second."""
    x = as_tensor(m)
    first, second = normalize_axes(axes, len(x.shape))
    turns = k % 4
    if turns == 0:
        return x
    if turns == 2:
        return flip(x, (first, second))
    return swapaxes(flip(x, second), first, second) if turns == 1 else flip(swapaxes(x, first, second), second)


# --------------------------------------------------------------------------------------------------- broadcasting


def broadcast_to(array: Any, shape: ShapeLike, subok: bool = False) -> Any:
    """Repeated along axes of extent 1 and new leading ones. Raises ShapeError where that gives no such shape."""
    x, target = as_tensor(array), as_shape(shape)
    return x if target == tuple(x.shape) else views.expand(x, shape=target)


def broadcast_arrays(*args: Any, subok: bool = False) -> tuple[Any, ...]:
    tensors = [as_tensor(a) for a in args]
    target = broadcast_shapes("broadcast_arrays", [tuple(x.shape) for x in tensors])
    return tuple(broadcast_to(x, target) for x in tensors)


# ------------------------------------------------------------------------------------------------- copies and types


def copy(a: Any, order: str = "K", subok: bool = False) -> Any:
    """A tensor of a graph never changes and is its own copy; an array is copied."""
    x = as_tensor(a)
    return np.array(x) if isinstance(x, np.ndarray | np.generic) else views.reshape(x, shape=tuple(x.shape))


def astype(x: Any, dtype: Any, /, *, copy: bool = True) -> Any:
    """Converted to an element type. Raises DTypeError for one that graphc does not have."""
    return cast_to(as_tensor(x), dtype)


def result_type(*arrays_and_dtypes: Any) -> np.dtype[Any]:
    """The element type to which operands, and element types, promote."""
    return common_dtype(tuple(_kind_of(a) for a in arrays_and_dtypes))


def _kind_of(a: Any) -> Any:
    is_type = isinstance(a, str | type | np.dtype)
    return numpy_dtype(short_dtype(a)) if is_type else kind(as_operand(a))


def iscomplexobj(x: Any) -> bool:
    """No: there are no complex tensors."""
    return False


def isrealobj(x: Any) -> bool:
    """Yes: every tensor is real."""
    return True


__all__ = [
    "astype", "atleast_1d", "atleast_2d", "atleast_3d", "broadcast_arrays", "broadcast_to", "copy", "expand_dims",
    "flip", "fliplr", "flipud", "iscomplexobj", "isrealobj", "matrix_transpose", "moveaxis", "ndim", "permute_dims",
    "ravel", "reshape", "result_type", "rot90", "shape", "size", "squeeze", "swapaxes", "transpose",
]  # fmt: skip
