"""How an eager tensor lies in memory, and views of it: PyTorch's methods beside NumPy's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from graphc.eager.values import Values
from graphc.errors import ShapeError
from graphc.ir.location import user_location
from graphc.ir.types import Type, short_dtype
from graphc.numpy.axes import normalize_axis

Shape = tuple[int, ...]


class Size(int):
    """The number of elements, as NumPy has it; called, the shape or one extent of it, as PyTorch has it."""

    shape: Shape

    def __new__(cls, shape: Shape) -> Size:
        size = super().__new__(cls, math.prod(shape))
        size.shape = shape
        return size

    def __call__(self, dim: int | None = None) -> Shape | int:
        """Raises AxisError for a dimension that is not there."""
        return self.shape if dim is None else self.shape[normalize_axis(dim, len(self.shape))]


class Layout(Values):
    """Shape, strides and views."""

    __slots__ = ()

    @property
    def type(self) -> Type:
        return Type(short_dtype(self.array.dtype), self.array.shape)

    @property
    def dtype(self) -> np.dtype[Any]:
        dtype: np.dtype[Any] = self.array.dtype
        return dtype

    @property
    def shape(self) -> Shape:
        shape: Shape = self.array.shape
        return shape

    @property
    def size(self) -> Size:
        """`x.size` is the number of elements, `x.size()` the shape, `x.size(n)` an extent."""
        return Size(self.array.shape)

    # ----------------------------------------------------------------------------------------------------- memory

    def stride(self, dim: int | None = None) -> Shape | int:
        """Steps in elements: of every axis, or of one.  Raises AxisError for one that is not there."""
        strides = tuple(s // self.array.itemsize for s in self.array.strides)
        return strides if dim is None else strides[normalize_axis(dim, len(strides))]

    def is_contiguous(self) -> bool:
        """Whether the items lie in row-major order without gaps."""
        return bool(self.array.flags.c_contiguous)

    def contiguous(self) -> Any:
        """The tensor itself, or a copy in row-major order."""
        return self if self.is_contiguous() else self.copy()

    def data_ptr(self) -> int:
        return int(self.array.ctypes.data)

    # ------------------------------------------------------------------------------------------------------ views

    def view(self, *shape: Any) -> Any:
        """The same memory under another shape; one extent may be -1.

        Raises ShapeError where that takes a copy (`reshape` makes one), or the number of elements differs.
        """
        y = self.reshape(*shape)
        if self.array.size and not np.may_share_memory(y.array, self.array):
            raise ShapeError(
                "a view shares memory, and these strides do not allow that shape",
                expected="neighbouring axes that are contiguous",
                got=f"shape {self.shape} with strides {self.stride()}, as {y.shape}",
                fix="x.reshape(...), which copies where it must",
                loc=user_location(),
            )
        return y
