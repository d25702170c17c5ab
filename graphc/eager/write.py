"""In-place changes: the values, and what becomes of the tape.

A tensor that is overwritten as a whole continues with the node of the new values.  Where a part is overwritten, or a
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
from graphc.ir.ops.shape import expand, reshape, zeros
from graphc.ir.types import short_dtype
from graphc.numpy import elementwise as ew
from graphc.numpy.array import Array
from graphc.numpy.promote import cast_to

_DIRECT: dict[Any, np.ufunc] = {
    getattr(ew, f.__name__): f
    for f in (np.add, np.subtract, np.multiply, np.divide, np.exp, np.log, np.sqrt, np.tanh, np.negative, np.absolute)
}
"""Functions whose ufunc writes its result where it is told, if nothing is recorded."""


def update(x: Tensor, function: Callable[..., Any], others: Sequence[Any]) -> Any:
    """x = function(x, *others) in x's memory and element type; returns x.

    Beside a traced tensor, which changes nothing, it is that function.  Raises ShapeError where the result has another
    shape than x, DTypeError where it is of another kind (a float for an integer), and as `overwrite` does.
    """
    if any(isinstance(o, Array) and not isinstance(o, Tensor) for o in others):
        return function(x, *others)
    recorded = mode.recording and any(isinstance(t, Tensor) and t.requires_grad for t in (x, *others))
    since = next_number()
    if recorded:
        value = function(attached(x.array.copy(), x.edge), *others)
    elif (ufunc := _DIRECT.get(function)) and all(_like(x, o) for o in others):
        return _update_memory(x, ufunc, others)
    else:
        value = function(x, *others)
    _check_result(x, value)
    return overwrite(x, cast_to(value, x.dtype), since=since)


def _like(x: Tensor, other: Any) -> bool:
    return type(other) is float or (isinstance(other, Tensor) and other.array.dtype == x.array.dtype)


def _update_memory(x: Tensor, ufunc: np.ufunc, others: Sequence[Any]) -> Tensor:
    if x.array.dtype.kind != "f" or not x.array.flags.writeable:
        return _write_result(x, ufunc, others)
    ufunc(x.array, *(o.array if isinstance(o, Tensor) else o for o in others), out=x.array)
    return x
