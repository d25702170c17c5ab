"""An eager tensor in another element type, and new tensors in that of an existing one."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.eager.layout import Layout, flat
from graphc.eager.values import NDArray
from graphc.errors import UnsupportedError
from graphc.ir.location import user_location
from graphc.ir.types import numpy_dtype, short_dtype
from graphc.numpy.promote import cast_to


class Casts(Layout):
    """Conversions, by PyTorch's names: a tensor that has the type already is returned as it is."""

    __slots__ = ()

    device = "cpu"

    # ---------------------------------------------------------------------------------------------- element types

    def to(self, *targets: Any) -> Any:
        """In an element type, or in that of another tensor; "cpu" is where it is.

        Raises UnsupportedError for another device, DTypeError for what is no element type.
        """
        result = self
        for target in targets:
            dtype = target.dtype if isinstance(target, Layout) else target
            if isinstance(dtype, str) and dtype.partition(":")[0] in _DEVICES:
                _check_device(dtype)
            else:
                result = cast_to(result, short_dtype(dtype))
        return result

    def type_as(self, other: Any) -> Any:
        return cast_to(self, other.dtype)

    def half(self) -> Any:
        return cast_to(self, "f16")

    def float(self) -> Any:
        return cast_to(self, "f32")

    def double(self) -> Any:
        return cast_to(self, "f64")

    def short(self) -> Any:
        return cast_to(self, "i16")

    def int(self) -> Any:
        return cast_to(self, "i32")

    def long(self) -> Any:
        return cast_to(self, "i64")

    def bool(self) -> Any:
        return cast_to(self, "bool")

    # ------------------------------------------------------------------------------------------------ new tensors

    def new_tensor(self, data: Any, dtype: Any = None, requires_grad: Any = False) -> Any:
        """A leaf of given numbers, in this tensor's element type."""
        return self._made(np.array(data, dtype=self._numpy_dtype(dtype)), requires_grad)

    def new_zeros(self, *shape: Any, dtype: Any = None, requires_grad: Any = False) -> Any:
        return self._made(np.zeros(flat(shape), self._numpy_dtype(dtype)), requires_grad)

    def new_ones(self, *shape: Any, dtype: Any = None, requires_grad: Any = False) -> Any:
        return self._made(np.ones(flat(shape), self._numpy_dtype(dtype)), requires_grad)

    def new_empty(self, *shape: Any, dtype: Any = None, requires_grad: Any = False) -> Any:
        return self._made(np.empty(flat(shape), self._numpy_dtype(dtype)), requires_grad)

    def new_full(self, shape: Any, fill_value: Any, dtype: Any = None, requires_grad: Any = False) -> Any:
        return self._made(np.full(flat((shape,)), fill_value, self._numpy_dtype(dtype)), requires_grad)

    def _numpy_dtype(self, dtype: Any) -> np.dtype[Any]:
        return self.array.dtype if dtype is None else numpy_dtype(short_dtype(dtype))

    def _made(self, array: NDArray, requires_grad: Any) -> Any:
        from graphc.eager.tensor import Tensor

        return Tensor(array, requires_grad)


_DEVICES = ("cpu", "cuda", "mps", "xpu", "gpu")


def _check_device(name: str) -> None:
    if name.partition(":")[0] != "cpu":
        raise UnsupportedError(
            "eager tensors live in the CPU's memory", got=name, fix='x.to("cpu")', loc=user_location()
        )
