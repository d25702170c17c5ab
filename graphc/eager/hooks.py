"""Functions of the user that a backward pass calls: with a complete gradient, or after it was added to `.grad`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.errors import GradientError
from graphc.ir.location import user_location

if TYPE_CHECKING:
    from graphc.eager.tensor import Tensor

Hook = Callable[..., Any]


class Hooks:
    """Those of one tensor, with the type of its gradient, and of the node that made it; in order of registration.

    `before` see the gradient of a tensor when it is complete, `after` a leaf whose `.grad` was added to; `outputs` see
    the gradients that enter a node, `inputs` those that leave it as well.
    """

    __slots__ = ("after", "before", "dtype", "inputs", "outputs", "shape")

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    def __init__(self) -> None:
        self.before: dict[int, Hook] = {}
        self.after: dict[int, Hook] = {}
        self.outputs: dict[int, Hook] = {}
        self.inputs: dict[int, Hook] = {}

    def of_type(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Hooks:
        self.shape, self.dtype = shape, dtype
        return self

    def replaced(self, gradient: Tensor) -> Tensor:
        """What the hooks make of a gradient: each sees what the one before it returned, None keeps it."""
        for hook in list(self.before.values()):
            result = hook(gradient)
            if result is not None:
                gradient = self._checked(result, type(gradient))
        return gradient

    def replaced_outputs(self, gradients: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
        """What the hooks of a node make of the gradients that enter it."""
        for hook in list(self.outputs.values()):
            gradients = _counted(hook(gradients), gradients)
        return gradients

    def replaced_inputs(
        self, gradients: tuple[Tensor | None, ...], entered: tuple[Tensor | None, ...]
    ) -> tuple[Tensor | None, ...]:
        """What the hooks of a node make of the gradients that leave it."""
        for hook in list(self.inputs.values()):
            gradients = _counted(hook(gradients, entered), gradients)
        return gradients

    def _checked(self, result: Any, tensor: type[Tensor]) -> Tensor:
        if isinstance(result, tensor) and (result.shape, result.dtype) == (self.shape, self.dtype):
            return result
        raise GradientError(
            "a hook returns None or another gradient of the same type",
            expected=f"a tensor of {self.dtype}, shape {self.shape}",
            got=f"{result.dtype}, shape {result.shape}" if isinstance(result, tensor) else repr(result)[:60],
            loc=user_location(),
        )


def _counted(result: Any, gradients: tuple[Tensor | None, ...]) -> tuple[Tensor | None, ...]:
    """As many gradients as there were; None keeps them."""
    if result is None:
        return gradients
    returned = result if isinstance(result, tuple | list) else (result,)
    if len(returned) != len(gradients):
        raise GradientError(
            "a hook of a node returns None or as many gradients as it was given",
            expected=str(len(gradients)),
            got=str(len(returned)),
            loc=user_location(),
        )
    return tuple(returned)


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
