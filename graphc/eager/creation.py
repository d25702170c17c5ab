"""New tensors by PyTorch's names: leaves, in float64 where nothing else is asked for, as NumPy has it."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.eager.tensor import Tensor, tensor
from graphc.ir.types import numpy_dtype, short_dtype
from graphc.numpy.pytorch.shapes import listed


def _dtype(dtype: Any) -> Any:
    return None if dtype is None else numpy_dtype(short_dtype(dtype))


def zeros(*size: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """`zeros(2, 3)` or `zeros((2, 3))`"""
    return Tensor(np.zeros(listed(size), _dtype(dtype)), requires_grad)


def ones(*size: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """`ones(2, 3)` or `ones((2, 3))`"""
    return Tensor(np.ones(listed(size), _dtype(dtype)), requires_grad)


def empty(*size: Any, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Zeros: nothing is left undefined."""
    return zeros(*size, dtype=dtype, requires_grad=requires_grad)


def full(size: Any, fill_value: Any, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    return Tensor(np.full(listed((size,)), fill_value, _dtype(dtype)), requires_grad)


def zeros_like(input: Any, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    return full_like(input, 0, dtype=dtype, requires_grad=requires_grad)


def ones_like(input: Any, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    return full_like(input, 1, dtype=dtype, requires_grad=requires_grad)


def empty_like(input: Any, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Zeros: nothing is left undefined."""
    return zeros_like(input, dtype=dtype, requires_grad=requires_grad)


def full_like(input: Any, fill_value: Any, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """Of the shape of a tensor, and of its element type where none is given."""
    kind = input.dtype if dtype is None else dtype
    return full(tuple(input.shape), fill_value, dtype=kind, requires_grad=requires_grad)


def arange(start: Any, end: Any = None, step: Any = 1, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """From start (0 where one number is given) up to end, without it."""
    bounds = (0, start, step) if end is None else (start, end, step)
    return Tensor(np.arange(*bounds, dtype=_dtype(dtype)), requires_grad)


def linspace(start: Any, end: Any, steps: int, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """`steps` numbers at equal distances, both ends among them."""
    return Tensor(np.linspace(start, end, steps, dtype=_dtype(dtype)), requires_grad)


def logspace(
    start: Any, end: Any, steps: int, base: float = 10.0, *, dtype: Any = None, requires_grad: bool = False
) -> Tensor:
    """base ** linspace(start, end, steps)"""
    return Tensor(np.logspace(start, end, steps, base=base, dtype=_dtype(dtype)), requires_grad)


def eye(n: int, m: int | None = None, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    """The identity matrix, of n rows and m columns."""
    return Tensor(np.eye(n, m, dtype=_dtype(dtype) or np.float64), requires_grad)


def as_tensor(data: Any, dtype: Any = None) -> Tensor:
    """A tensor as it is, an array in its own memory, other data copied."""
    if isinstance(data, Tensor):
        return data if dtype is None else data.to(dtype)
    return Tensor(data) if isinstance(data, np.ndarray) and dtype in (None, data.dtype) else tensor(data, dtype)


asarray = as_tensor


def scalar_tensor(value: Any, *, dtype: Any = None, requires_grad: bool = False) -> Tensor:
    return tensor(value, dtype, requires_grad)


def is_tensor(obj: Any) -> bool:
    return isinstance(obj, Tensor)


def numel(input: Tensor) -> int:
    return int(input.numel())


__all__ = [
    "arange", "as_tensor", "asarray", "empty", "empty_like", "eye", "full", "full_like", "is_tensor", "linspace",
    "logspace", "numel", "ones", "ones_like", "scalar_tensor", "zeros", "zeros_like",
]  # fmt: skip
