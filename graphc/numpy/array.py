"""What a symbolic and an eager tensor have in common: Python's operators and NumPy's methods.

A subclass supplies `type` (graphc.ir.types.Type), `__graphc_bind__` and `__graphc_constant__`.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.ir.types import Shape, Type, numpy_dtype
from graphc.numpy import elementwise as ew


class Array:
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
        return ew.power(self, other)

    def __rpow__(self, other: Any) -> Any:
        return ew.power(other, self)

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
