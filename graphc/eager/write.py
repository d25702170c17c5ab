"""In-place changes: the values, and what becomes of the tape.

A tensor that is overwritten as a whole continues with the node of its new values.  Where a part is overwritten, or a
view, the base continues with a node that sends the cotangent of that part to the new values and the rest to the old
ones; views find their new place on the tape when they are used again (`View` in graphc.eager.tensor).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.eager.modes import mode
from graphc.eager.node import Edge, Node
from graphc.eager.tensor import Tensor, View, attached, wrapped
from graphc.eager.versions import changed, next_number
from graphc.eager.view import Part
from graphc.errors import DTypeError, GradientError, IndexingError, ShapeError, UnsupportedError
from graphc.ir.location import user_location
from graphc.ir.ops.logic import mask
from graphc.ir.ops.shape import expand, reshape
from graphc.numpy import elementwise as ew
from graphc.numpy.array import Array
from graphc.numpy.promote import cast_to

Function = Callable[..., Any]

_DIRECT: dict[Any, np.ufunc] = {
    ew.add: np.add,
    ew.subtract: np.subtract,
    ew.multiply: np.multiply,
    ew.divide: np.divide,
    ew.negative: np.negative,
    ew.exp: np.exp,
    ew.tanh: np.tanh,
    ew.sqrt: np.sqrt,
}
"""Functions whose ufunc writes its result in place where nothing is recorded."""


def update(x: Tensor, function: Function, others: Sequence[Any]) -> Any:
    """x = function(x, *others) in x's memory and element type; returns x.

    Beside a traced tensor, which never changes, it is only that function.  Raises ShapeError where the result has
    another shape than x, DTypeError where it is of another kind (a float for an integer), and as `overwrite` does.
    """
    if any(isinstance(o, Array) and not isinstance(o, Tensor) for o in others):
        return function(x, *others)
    since = next_number()
    if mode.recording and _tracked(x, others):
        value = function(attached(x.array.copy(), x.edge), *(_kept(o, x) for o in others))
    elif function in _DIRECT and (arrays := _arrays(x, others)):
        _DIRECT[function](*arrays, out=x.array)
        return _noted(x)
    else:
        value = function(x, *others)
    _check_result(x, value)
    return overwrite(x, value, since=since)


def _tracked(x: Tensor, others: Sequence[Any]) -> bool:
    if x._requires_grad or x.origin[0]._requires_grad:
        return True
    return any(isinstance(o, Tensor) and o._requires_grad for o in others)


def _arrays(x: Tensor, others: Sequence[Any]) -> list[Any] | None:
    """The operands, where the ufunc itself may write over the first: its result has that type."""
    target = x.array
    if target.dtype.kind != "f" or not target.flags.writeable:
        return None
    arrays = [target]
    for o in others:
        source = o.array if isinstance(o, Tensor) else o
        if type(o) is not float and not (isinstance(o, Tensor) and _fits(source, target)):
            return None
        arrays.append(source)
    return arrays


def _kept(other: Any, x: Tensor) -> Any:
    """An operand as it is before x changes."""
    return other.clone() if isinstance(other, Tensor) and np.may_share_memory(other.array, x.array) else other


def _fits(source: Any, target: Any) -> Any:
    return source.dtype == target.dtype and (source.shape == target.shape or source.ndim == 0)


def _check_result(x: Tensor, value: Any) -> None:
    if not np.can_cast(value.dtype, x.dtype, "same_kind"):
        raise DTypeError(
            "an in-place operation keeps the element type",
            expected=str(x.dtype),
            got=f"a result of {value.dtype}",
            fix="y = x + ... in place of x += ...",
            loc=user_location(),
        )
    if value.shape != x.shape:
        raise ShapeError(
            "an in-place operation keeps the shape",
            expected=str(x.shape),
            got=f"a result of shape {value.shape}",
            fix="y = x + ... in place of x += ...",
            loc=user_location(),
        )


def overwrite(x: Tensor, value: Any, key: Any = ..., since: int | None = None) -> Tensor:
    """x[key] = value, converted and broadcast; returns x.

    `since`: nodes that are younger than that number belong to this call.  Raises GradientError for leaves that require
    grad, where recorded; ShapeError and IndexingError for what does not fit; UnsupportedError for repeated memory.
    """
    key = _fixed(key)
    new = _fitted(value, x, _region(x, key))
    base = x.origin[0]
    recorded = mode.recording and (base.requires_grad or x.requires_grad or new.requires_grad)
    if recorded:
        _check_recorded(x, base)
    _copy(new.array, x.array, key)
    _noted(x)
    if recorded:
        _continue(x, new, key, since)
    return x


# -------------------------------------------------------------------------------------------------------- the values


def _fixed(key: Any) -> Any:
    """An index whose tensors are arrays that nobody else changes."""
    if isinstance(key, tuple):
        return tuple(_fixed(k) for k in key)
    return np.array(key) if isinstance(key, Array | np.ndarray | list) else key


def _region(x: Tensor, key: Any) -> tuple[int, ...]:
    try:
        shape: tuple[int, ...] = x.array.shape if key is ... else x.array[key].shape
    except (IndexError, TypeError) as error:
        raise IndexingError(
            "this index does not fit the tensor",
            expected=f"one for shape {x.shape}",
            got=str(error),
            loc=user_location(),
        ) from None
    return shape


def _fitted(value: Any, x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """The value in x's element type and that shape; extents of 1 may lead."""
    t: Tensor = cast_to(value, x.dtype) if isinstance(value, Tensor) else wrapped(_as_array(value, x))
    lead = len(t.shape) - len(shape)
    if lead > 0 and t.shape[:lead] == (1,) * lead:
        t = reshape(t, shape=t.shape[lead:])
    return t if t.shape == shape else expand(t, shape=shape)


def _as_array(value: Any, x: Tensor) -> np.ndarray[Any, Any]:
    if isinstance(value, Array):
        raise UnsupportedError(
            "a traced tensor is not stored in an eager one: it has no values yet",
            fix="np.where or np.concatenate, which make a traced tensor",
            loc=user_location(),
        )
    try:
        return np.asarray(value).astype(x.dtype, copy=False)
    except (ValueError, TypeError):
        raise DTypeError("no numbers to assign", got=repr(value)[:60], loc=user_location()) from None


def _copy(source: Any, target: Any, key: Any) -> None:
    if not target.flags.writeable:
        raise UnsupportedError(
            "this memory is not written to: it is repeated by an expansion, or protected",
            fix="x.clone(), which has memory of its own",
            loc=user_location(),
        )
    target[key] = source


def _noted(x: Tensor) -> Tensor:
    if x.origin[0].watched:
        changed(x.array)
    return x


# ---------------------------------------------------------------------------------------------------------- the tape


def _check_recorded(x: Tensor, base: Tensor) -> None:
    leaf = next((t for t in (x, base) if t.is_leaf and t.requires_grad), None)
    if leaf is not None:
        raise GradientError(
            f"{'a leaf' if leaf is x else 'a view of a leaf'} that requires grad is not changed in place",
            expected="a computed tensor, or one that does not require grad",
            fix="with no_grad(): x += ...; or y = x + ... in place of x += ...",
            loc=user_location(),
        )
    if x.origin[1] is None:
        raise GradientError(
            "a view that was made inside no_grad is changed outside of it: whether its base should notice is not clear",
            fix="make the view outside of no_grad, or change it inside",
            loc=user_location(),
        )


def _continue(x: Tensor, new: Tensor, key: Any, since: int | None) -> None:
    """The base goes on with its new values."""
    base, steps = x.origin
    own = new.grad_fn
    old = base.grad_fn
    if not isinstance(x, View) and key is ... and since is not None and own is not None and own.sequence > since:
        own.settle(new.array, x.array)
    else:
        own = WriteNode([base.edge, new.edge], Part(steps or (), key), base.shape)
    if old is not None and base.retains_grad:
        old.retained, own.retained = None, old.retained
    base.grad_fn = own
    base._requires_grad = True


class WriteNode(Node):
    """A base after a part of it was overwritten; the operands are the base before and the values of the part."""

    __slots__ = ("part", "shape")

    def __init__(self, edges: list[Edge], part: Part, shape: tuple[int, ...]) -> None:
        super().__init__(edges)
        self.part = part
        self.shape = shape

    def name(self) -> str:
        return "OverwriteBackward"

    def pull(self, g: Any, record: bool) -> Sequence[Any]:
        if g is None:
            return None, None
        return mask(self.part.outside(self.shape), g), self.part.of(g)

    def push(self, tangents: Sequence[Any], record: bool) -> Any:
        before, value = tangents
        t = Tensor(np.zeros(self.shape, value.dtype)) if before is None else _tensor(before).clone()
        overwrite(Part(self.part.steps).of(t), 0 if value is None else _tensor(value), self.part.key)
        return t if record else t.array


def _tensor(t: Any) -> Tensor:
    return t if isinstance(t, Tensor) else wrapped(t)
