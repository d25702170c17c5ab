"""Functions of the user that a backward pass calls: with a complete gradient, or after it was added to `.grad`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.errors import GradientError
from graphc.ir.location import user_location

if TYPE_CHECKING:
    from graphc.eager.tensor import Tensor

Hook = Callable[[Any], Any]


class Hooks:
    """Those of one tensor, in the order in which they were registered, and the type of its gradient."""

    __slots__ = ("after", "before", "dtype", "shape")

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.shape, self.dtype = shape, dtype
        self.before: dict[int, Hook] = {}
        self.after: dict[int, Hook] = {}

    def replaced(self, gradient: Tensor) -> Tensor:
        """What the hooks make of a gradient: each sees what the one before it returned, None keeps it."""
        for hook in list(self.before.values()):
            result = hook(gradient)
            if result is not None:
                gradient = self._checked(result, type(gradient))
        return gradient

    def _checked(self, result: Any, tensor: type[Tensor]) -> Tensor:
        if isinstance(result, tensor) and (result.shape, result.dtype) == (self.shape, self.dtype):
            return result
        raise GradientError(
            "a hook returns None or another gradient of the same type",
            expected=f"a tensor of {self.dtype}, shape {self.shape}",
            got=f"{result.dtype}, shape {result.shape}" if isinstance(result, tensor) else repr(result)[:60],
            loc=user_location(),
        )


class RemovableHandle:
    """Takes a hook away again: `remove()`, or the end of a `with` block."""

    _last = 0

    def __init__(self, hooks: dict[int, Hook], hook: Hook) -> None:
        RemovableHandle._last += 1
        self.id = RemovableHandle._last
        self._hooks = hooks
        hooks[self.id] = hook

    def remove(self) -> None:
        self._hooks.pop(self.id, None)

    def __enter__(self) -> RemovableHandle:
        return self

    def __exit__(self, *exc: object) -> None:
        self.remove()
