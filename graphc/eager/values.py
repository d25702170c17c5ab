"""Between eager tensors and the rest of Python: numbers, lists, arrays, DLPack, text, copies, pickles."""

from __future__ import annotations

from typing import Any

import numpy as np

from graphc.errors import GradientError, ShapeError
from graphc.ir.location import user_location
from graphc.numpy.array import Array

NDArray = np.ndarray[Any, Any]


class Values(Array):
    """What an eager tensor says of its values.  The class of tensors supplies these attributes."""

    __slots__ = ()

    array: NDArray
    requires_grad: Any
    is_leaf: Any
    grad_fn: Any
    grad: Any

    # ----------------------------------------------------------------------------------------------------- arrays

    def numpy(self) -> NDArray:
        """The array itself, in shared memory.  Raises GradientError where the tape would lose track of it."""
        if self.requires_grad:
            raise GradientError(
                "an array does not keep the gradient of a tensor that requires grad",
                fix="x.detach().numpy()",
                loc=user_location(),
            )
        return self.array

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray:
        return np.array(self.numpy(), dtype=dtype, copy=copy)

    def __dlpack__(self, **options: Any) -> Any:
        """The memory, for other libraries.  Raises GradientError as `numpy()` does."""
        return self.numpy().__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.array.__dlpack_device__()

    # ---------------------------------------------------------------------------------------------------- numbers

    def item(self) -> float | int | bool:
        """The only element as a Python number.  Raises ShapeError where there are more or none."""
        if self.array.size != 1:
            raise ShapeError(
                "a tensor of one element is a number",
                expected="1 element",
                got=f"{self.array.size} elements, shape {self.array.shape}",
                fix="index it, or use x.tolist()",
                loc=user_location(),
            )
        number: float | int | bool = self.array.item()
        return number

    def tolist(self) -> Any:
        return self.array.tolist()

    def __bool__(self) -> bool:
        return bool(self.item())

    def __float__(self) -> float:
        return float(self.item())

    def __int__(self) -> int:
        return int(self.item())

    def __index__(self) -> int:
        return self.array.__index__()

    def __repr__(self) -> str:
        values = np.array2string(self.array, separator=", ", prefix="tensor(")
        parts = [values if self.array.size else f"[], shape={self.array.shape}"]
        if self.array.dtype.name not in ("float64", "int64", "bool"):
            parts.append(f"dtype={self.array.dtype.name}")
        if self.grad_fn is not None:
            parts.append(f"grad_fn={self.grad_fn}")
        elif self.requires_grad:
            parts.append("requires_grad=True")
        return f"tensor({', '.join(parts)})"

    # ----------------------------------------------------------------------------------------------------- copies

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        """A leaf with its gradient.  Raises GradientError for a computed tensor: its tape is not copied."""
        if not self.is_leaf:
            raise GradientError(
                "a computed tensor is not copied with its tape",
                expected="a leaf",
                got=f"grad_fn={self.grad_fn}",
                fix="x.detach().clone()",
                loc=user_location(),
            )
        grad = None if self.grad is None else self.grad.array
        return memo.setdefault(id(self), _leaf(self.array.copy(), self.requires_grad, grad))

    def __reduce__(self) -> tuple[Any, ...]:
        """A pickle holds the values and whether they require grad: what comes back is a leaf."""
        return _leaf, (self.array, self.requires_grad, None)


def _leaf(array: NDArray, requires_grad: bool, grad: NDArray | None) -> Any:
    from graphc.eager.tensor import Tensor

    t = Tensor(array, requires_grad)
    t.grad = None if grad is None else Tensor(grad.copy())
    return t
