"""Tensors of one value, shaped like another one and in its world."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir.types import numpy_dtype, short_dtype
from graphc.numpy.movement import as_shape, broadcast_to
from graphc.numpy.promote import as_tensor, cast_to, constant_in_world


def full_like(a: Any, fill_value: Any, dtype: Any = None, *, shape: Any = None) -> Any:
    """Filled with a value; element type and shape of `a` where they are not given."""
    x = as_tensor(a)
    target = short_dtype(x.dtype if dtype is None else dtype)
    extents = tuple(x.shape) if shape is None else as_shape(shape)
    value = as_tensor(fill_value)
    if isinstance(value, np.ndarray | np.generic):
        value = constant_in_world(value.astype(numpy_dtype(target)), x)
    filled = broadcast_to(cast_to(value, target), extents)
    return np.array(filled) if isinstance(filled, np.ndarray) else filled


def zeros_like(a: Any, dtype: Any = None, *, shape: Any = None) -> Any:
    return full_like(a, 0, dtype, shape=shape)


def ones_like(a: Any, dtype: Any = None, *, shape: Any = None) -> Any:
    return full_like(a, 1, dtype, shape=shape)


def empty_like(prototype: Any, dtype: Any = None, *, shape: Any = None) -> Any:
    """Zeros: nothing is left undefined."""
    return zeros_like(prototype, dtype, shape=shape)


__all__ = ["empty_like", "full_like", "ones_like", "zeros_like"]
