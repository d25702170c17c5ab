"""New tensors in the element type of an existing one."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.eager.layout import Layout
from graphc.eager.values import NDArray
from graphc.ir.types import numpy_dtype, short_dtype
from graphc.numpy.pytorch.shapes import listed


class New(Layout):
    """Leaves by PyTorch's names."""

    __slots__ = ()

    def new_tensor(self, data: Any, dtype: Any = None, requires_grad: Any = False) -> Any:
        """A leaf of given numbers, in this tensor's element type."""
        return self._made(np.array(data, dtype=self._numpy_dtype(dtype)), requires_grad)

    def new_zeros(self, *shape: Any, dtype: Any = None, requires_grad: Any = False) -> Any:
        return self._made(np.zeros(listed(shape), self._numpy_dtype(dtype)), requires_grad)

    def new_ones(self, *shape: Any, dtype: Any = None, requires_grad: Any = False) -> Any:
        return self._made(np.ones(listed(shape), self._numpy_dtype(dtype)), requires_grad)

    def new_empty(self, *shape: Any, dtype: Any = None, requires_grad: Any = False) -> Any:
        return self._made(np.empty(listed(shape), self._numpy_dtype(dtype)), requires_grad)

    def new_full(self, shape: Any, fill_value: Any, dtype: Any = None, requires_grad: Any = False) -> Any:
        return self._made(np.full(listed((shape,)), fill_value, self._numpy_dtype(dtype)), requires_grad)

    def _numpy_dtype(self, dtype: Any) -> np.dtype[Any]:
        return self.array.dtype if dtype is None else numpy_dtype(short_dtype(dtype))

    def _made(self, array: NDArray, requires_grad: Any) -> Any:
        from graphc.eager.tensor import Tensor

        return Tensor(array, requires_grad)
