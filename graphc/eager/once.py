"""Backward functions of the user's that are not differentiated again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import wraps
from typing import Any

from graphc.eager.modes import GradMode, mode
from graphc.eager.node import Node
from graphc.eager.tensor import Tensor, wrapped
from graphc.errors import GradientError
from graphc.ir.location import user_location


class OnceNode(Node):
    """The end of the tape behind a gradient whose derivative is not known."""

    __slots__ = ()

    def name(self) -> str:
        return "OnceBackward"

    def pull(self, g: Any, record: bool) -> Sequence[Any]:
        raise GradientError(
            "a backward marked with once_differentiable is differentiated again",
            fix="a backward of tensor operations without the mark",
            loc=user_location(),
        )


def once_differentiable(backward: Callable[..., Any]) -> Callable[..., Any]:
    """Run a static `backward` unrecorded: what it returns is an error to differentiate, not wrong."""

    @wraps(backward)
    def once(ctx: Any, *gradients: Any) -> Any:
        with GradMode(False):
            result = backward(ctx, *gradients)
        edges = [g.edge for g in gradients if isinstance(g, Tensor)]
        if not mode.recording or not any(edges):
            return result
        parts = result if isinstance(result, tuple | list) else (result,)
        return tuple(wrapped(p.array, OnceNode(edges)) if isinstance(p, Tensor) else p for p in parts)

    return once
