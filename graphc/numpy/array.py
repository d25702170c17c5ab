"""What a symbolic and an eager tensor have in common: Python's operators and NumPy's methods.

A subclass supplies `type` (graphc.ir.types.Type), `__graphc_bind__` and `__graphc_constant__`.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from graphc.errors import UnsupportedError
from graphc.ir.location import user_location
from graphc.ir.poly import Size
from graphc.ir.types import Shape, Type, numpy_dtype
from graphc.numpy import cumulative, dispatch, indexing, linear_algebra, movement, sorting
from graphc.numpy import elementwise as ew
from graphc.numpy import formulas as fm
from graphc.numpy import reductions as rd
from graphc.numpy.axes import static_extent
from graphc.numpy.joining import repeat, unstack
from graphc.numpy.pytorch import ordering, reductions, shapes
from graphc.numpy.pytorch.methods import Methods, either


class Array(Methods):
    """Operators, methods, and NumPy's protocols (`__array_ufunc__`, `__array_function__`) of a tensor.

    Comparisons are elementwise, so tensors hash and compare in containers by identity.
    """

    __slots__ = ()
    __hash__ = object.__hash__

    # ------------------------------------------------------------------------------------------------- properties

    @property
    def type(self) -> Type:
        """Element type and shape."""
        raise NotImplementedError

    @property
    def dtype(self) -> np.dtype[Any]:
        return numpy_dtype(self.type.dtype)

    @property
    def shape(self) -> Shape:
        return self.type.shape

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> Size:
        """The number of elements; a polynomial where an extent is symbolic."""
        return self.type.size

    @property
    def itemsize(self) -> int:
        return self.dtype.itemsize

    @property
    def nbytes(self) -> Size:
        return self.type.nbytes

    @property
    def T(self) -> Any:  # noqa: N802 - NumPy's name
        """The axes reversed."""
        return movement.transpose(self)

    @property
    def mT(self) -> Any:  # noqa: N802 - NumPy's name
        """The last two axes exchanged."""
        return movement.matrix_transpose(self)

    def __len__(self) -> int:
        """The first extent. Raises DimensionError where it is symbolic, TypeError for a 0-d tensor, as NumPy does."""
        if not self.shape:
            raise TypeError("len() of a 0-d tensor")
        return static_extent(self.shape[0], "len()")

    # ------------------------------------------------------------------------------------------ NumPy's protocols

    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        return dispatch.apply_ufunc(ufunc, method, inputs, options)

    def __array_function__(self, func: Any, types: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return dispatch.apply_function(func, args, kwargs)

    def __array_namespace__(self, *, api_version: str | None = None) -> Any:
        """The functions of the Array API, most of them (`graphc.numpy`)."""
        import graphc.numpy

        return graphc.numpy

    # --------------------------------------------------------------------------------------------------- indexing

    def __getitem__(self, key: Any) -> Any:
        return indexing.getitem(self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        raise UnsupportedError(
            "items of this tensor cannot be assigned: it never changes",
            fix="np.where(mask, value, x), or np.concatenate of the parts",
            loc=user_location(),
        )

    def __iter__(self) -> Iterator[Any]:
        """Over the items of the first axis, whose extent is fixed."""
        if not self.shape:
            raise TypeError("iteration over a 0-d tensor")
        return iter(unstack(self))

    def __contains__(self, item: Any) -> bool:
        return bool(rd.any(ew.equal(self, item)))

    # -------------------------------------------------------------------------------------------------- operators

    def __add__(self, other: Any) -> Any:
        return ew.add(self, other)

    def __radd__(self, other: Any) -> Any:
        return ew.add(other, self)

    def __sub__(self, other: Any) -> Any:
        return ew.subtract(self, other)

    def __rsub__(self, other: Any) -> Any:
        return ew.subtract(other, self)

    def __mul__(self, other: Any) -> Any:
        return ew.multiply(self, other)

    def __rmul__(self, other: Any) -> Any:
        return ew.multiply(other, self)

    def __truediv__(self, other: Any) -> Any:
        return ew.divide(self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return ew.divide(other, self)

    def __floordiv__(self, other: Any) -> Any:
        return ew.floor_divide(self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return ew.floor_divide(other, self)

    def __mod__(self, other: Any) -> Any:
        return ew.remainder(self, other)

    def __rmod__(self, other: Any) -> Any:
        return ew.remainder(other, self)

    def __pow__(self, other: Any) -> Any:
        return fm.raised(self, other)

    def __rpow__(self, other: Any) -> Any:
        return ew.power(other, self)

    def __divmod__(self, other: Any) -> Any:
        return fm.divmod(self, other)

    def __rdivmod__(self, other: Any) -> Any:
        return fm.divmod(other, self)

    def __matmul__(self, other: Any) -> Any:
        return linear_algebra.matmul(self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return linear_algebra.matmul(other, self)

    def __neg__(self) -> Any:
        return ew.negative(self)

    def __pos__(self) -> Any:
        return ew.positive(self)

    def __abs__(self) -> Any:
        return ew.absolute(self)

    def __eq__(self, other: object) -> Any:
        return ew.equal(self, other)

    def __ne__(self, other: object) -> Any:
        return ew.not_equal(self, other)

    def __lt__(self, other: Any) -> Any:
        return ew.less(self, other)

    def __le__(self, other: Any) -> Any:
        return ew.less_equal(self, other)

    def __gt__(self, other: Any) -> Any:
        return ew.greater(self, other)

    def __ge__(self, other: Any) -> Any:
        return ew.greater_equal(self, other)

    def __and__(self, other: Any) -> Any:
        return ew.bitwise_and(self, other)

    def __rand__(self, other: Any) -> Any:
        return ew.bitwise_and(other, self)

    def __or__(self, other: Any) -> Any:
        return ew.bitwise_or(self, other)

    def __ror__(self, other: Any) -> Any:
        return ew.bitwise_or(other, self)

    def __xor__(self, other: Any) -> Any:
        return ew.bitwise_xor(self, other)

    def __rxor__(self, other: Any) -> Any:
        return ew.bitwise_xor(other, self)

    def __invert__(self) -> Any:
        return ew.invert(self)

    def __lshift__(self, other: Any) -> Any:
        return ew.left_shift(self, other)

    def __rlshift__(self, other: Any) -> Any:
        return ew.left_shift(other, self)

    def __rshift__(self, other: Any) -> Any:
        return ew.right_shift(self, other)

    def __rrshift__(self, other: Any) -> Any:
        return ew.right_shift(other, self)

    # --------------------------------------------------------------------------------------------- NumPy's methods

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        return movement.astype(self, dtype)

    def copy(self) -> Any:
        return movement.copy(self)

    def reshape(self, *shape: Any, order: str = "C") -> Any:
        """`x.reshape(2, 3)` or `x.reshape((2, 3))`; one extent may be -1."""
        return movement.reshape(self, shape[0] if len(shape) == 1 else shape, order)

    def ravel(self) -> Any:
        return movement.ravel(self)

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Any:
        """As a vector, or PyTorch's: the axes from one to another as one."""
        return shapes.flatten(self, start_dim, end_dim)

    def transpose(self, *axes: Any) -> Any:
        """`x.transpose()`, `x.transpose(1, 0)` or `x.transpose((1, 0))`."""
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes
        return movement.transpose(self, order or None)

    def swapaxes(self, axis1: int, axis2: int) -> Any:
        return movement.swapaxes(self, axis1, axis2)

    squeeze = either("squeeze", movement.squeeze, shapes.squeeze)
    sum = either("sum", rd.sum, reductions.sum)
    prod = either("prod", rd.prod, reductions.prod)
    mean = either("mean", rd.mean, reductions.mean)
    var = either("var", rd.var, reductions.var)
    std = either("std", rd.std, reductions.std)
    max = either("max", rd.max, reductions.max)
    min = either("min", rd.min, reductions.min)
    argmax = either("argmax", rd.argmax, reductions.argmax)
    argmin = either("argmin", rd.argmin, reductions.argmin)
    any = either("any", rd.any, reductions.any)
    all = either("all", rd.all, reductions.all)
    cumsum = either("cumsum", cumulative.cumsum, ordering.cumsum)
    cumprod = either("cumprod", cumulative.cumprod, ordering.cumprod)
    argsort = either("argsort", sorting.argsort, ordering.argsort)

    def searchsorted(self, v: Any, side: str = "left") -> Any:
        return sorting.searchsorted(self, v, side)

    def clip(self, min: Any = None, max: Any = None) -> Any:  # noqa: A002 - NumPy's names
        return fm.clip(self, min, max)

    def round(self, decimals: int = 0) -> Any:
        return fm.round(self, decimals)

    def conj(self) -> Any:
        return fm.conjugate(self)

    def dot(self, b: Any) -> Any:
        return linear_algebra.dot(self, b)

    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
        return linear_algebra.trace(self, offset, axis1, axis2)

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Any:
        return indexing.diagonal(self, offset, axis1, axis2)

    def take(self, indices: Any, axis: int | None = None, mode: str = "raise") -> Any:
        return indexing.take(self, indices, axis, mode)

    def repeat(self, repeats: int | Sequence[int], axis: int | None = None) -> Any:
        return repeat(self, repeats, axis)
