"""New tensors: arrays when the shape is known and no graph is being built, else nodes of that graph."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir.graph import current_graph, is_building
from graphc.ir.ops.shape import expand
from graphc.ir.ops.source import iota
from graphc.ir.types import Shape, Type, numpy_dtype, short_dtype
from graphc.numpy import elementwise as ew
from graphc.numpy.movement import as_shape
from graphc.numpy.promote import as_tensor, cast_to
from graphc.numpy.tensor import Tensor, as_symbolic


def full(shape: Any, fill_value: Any, dtype: Any = None) -> Any:
    """`fill_value` everywhere. A shape with symbolic extents needs a graph: GraphMismatchError without one."""
    value = as_tensor(fill_value)
    value = value if dtype is None else cast_to(value, dtype)
    extents = as_shape(shape)
    if not is_building() and Type("f64", extents).is_static:
        return np.full(extents, value)
    return expand(as_symbolic(value, current_graph()), shape=extents)


def zeros(shape: Any, dtype: Any = float) -> Any:
    return full(shape, 0, dtype)


def ones(shape: Any, dtype: Any = float) -> Any:
    return full(shape, 1, dtype)


def empty(shape: Any, dtype: Any = float) -> Any:
    """Zeros: nothing is left undefined."""
    return zeros(shape, dtype)


def arange(start: Any, /, stop: Any = None, step: Any = 1, dtype: Any = None) -> Any:
    """start, start + step, ... before stop; `arange(n)` also of a symbolic extent n."""
    first, last = (0, start) if stop is None else (start, stop)
    if not hasattr(last, "free"):
        return np.arange(first, last, step, dtype=None if dtype is None else numpy_dtype(short_dtype(dtype)))
    count = _positions((last - first,), "i64")
    return cast_to(ew.add(ew.multiply(count, step), first), "i64" if dtype is None else dtype)


def _positions(shape: Shape, dtype: str) -> Tensor:
    graph = current_graph()
    return Tensor(graph, graph.apply(iota, (), {"shape": as_shape(shape), "axis": 0, "dtype": dtype}))


def linspace(start: float, stop: float, num: int = 50, endpoint: bool = True, dtype: Any = None) -> Any:
    """`num` numbers from start to stop at equal distances, the last one included where `endpoint`."""
    y = np.linspace(start, stop, num, endpoint)
    return y if dtype is None else cast_to(y, dtype)


def eye(N: int, M: int | None = None, k: int = 0, dtype: Any = float) -> Any:  # noqa: N803 - NumPy's names
    """Ones on the k-th diagonal."""
    return np.eye(N, M, k, dtype=numpy_dtype(short_dtype(dtype)))


def identity(n: int, dtype: Any = float) -> Any:
    return eye(n, dtype=dtype)


def tri(N: int, M: int | None = None, k: int = 0, dtype: Any = float) -> Any:  # noqa: N803 - NumPy's names
    """Ones on and below the k-th diagonal."""
    return np.tri(N, M, k, dtype=numpy_dtype(short_dtype(dtype)))


def asarray(a: Any, dtype: Any = None) -> Any:
    """A tensor as it is, anything else as an array; of an element type where it is given."""
    x = as_tensor(a)
    return x if dtype is None else cast_to(x, dtype)


def array(object: Any, dtype: Any = None) -> Any:  # noqa: A002 - NumPy's name
    """A tensor as it is (it never changes), anything else as a new array."""
    x = as_tensor(object)
    x = np.array(x) if isinstance(x, np.ndarray | np.generic) else x
    return x if dtype is None else cast_to(x, dtype)


__all__ = ["arange", "array", "asarray", "empty", "eye", "full", "identity", "linspace", "ones", "tri", "zeros"]
