"""How an eager tensor lies in memory, and views of it: PyTorch's methods beside NumPy's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.eager.values import Values
from graphc.errors import ShapeError
from graphc.ir.location import user_location
from graphc.ir.ops import shape as views
from graphc.ir.types import Type, short_dtype
from graphc.numpy import movement
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

    layout = "strided"

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

    def numel(self) -> int:
        return int(self.array.size)

    def dim(self) -> int:
        return int(self.array.ndim)

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

    def view_as(self, other: Any) -> Any:
        return self.view(other.shape)

    def expand(self, *shape: Any) -> Any:
        """The same memory with axes of extent 1 repeated; -1 keeps an extent.  Raises ShapeError for others."""
        asked = flat(shape)
        new = len(asked) - len(self.shape)
        kept = [self.shape[k - new] if e == -1 and k >= new else e for k, e in enumerate(asked)]
        return views.expand(self, shape=tuple(kept))

    def expand_as(self, other: Any) -> Any:
        return self.expand(other.shape)

    def unsqueeze(self, dim: int) -> Any:
        return movement.expand_dims(self, dim)

    def permute(self, *dims: Any) -> Any:
        return movement.transpose(self, flat(dims))

    def t(self) -> Any:
        """A matrix transposed; a vector as it is.  Raises ShapeError for more axes."""
        if len(self.shape) > 2:
            raise ShapeError(
                "t() is of a matrix", got=f"shape {self.shape}", fix="x.swapaxes(i, j)", loc=user_location()
            )
        return movement.transpose(self)


def flat(shape: Sequence[Any]) -> Shape:
    """`f(2, 3)` and `f((2, 3))`"""
    given = shape[0] if len(shape) == 1 and isinstance(shape[0], Sequence) else shape
    return tuple(given)
