"""Operations with a derivative written by the user.

class Cube(Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x**3

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        return 3 * x**2 * g

y = Cube.apply(x)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

from graphc.eager.context import Context
from graphc.eager.function_node import FunctionNode, ResultNode
from graphc.eager.modes import GradMode, mode
from graphc.eager.once import once_differentiable
from graphc.eager.tensor import Tensor, wrapped
from graphc.errors import UnsupportedError
from graphc.ir.location import user_location


def _not_written(method: str) -> UnsupportedError:
    return UnsupportedError(
        "a Function defines its own forward and backward",
        expected=f"a static method {method}",
        got="a class without it",
        fix=f"@staticmethod, then def {method}: ... in the class",
        loc=user_location(),
    )


class Function:
    """Base of such operations: `forward` computes on tensors, unrecorded; `backward` takes a gradient per result and
    returns one per argument, None for those that have none.  It may be differentiated again if it is made of tensor
    operations.  With a static `setup_context(ctx, inputs, output)`, `forward` takes no context.

    Forward mode transposes `backward`, or calls a static `jvp(ctx, *tangents)`, which takes a tangent per argument
    (None for what is no tensor) and returns one per result.
    """

    setup_context: ClassVar[Any] = None
    jvp: ClassVar[Any] = None

    @staticmethod
    def forward(*args: Any) -> Any:
        raise _not_written("forward(ctx, *args)")

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        raise _not_written("backward(ctx, *gradients)")

    @classmethod
    def apply(cls, *args: Any) -> Any:
        """Run it: at once on eager tensors and arrays; among traced ones, as a part of their graph."""
        for a in args:
            join = getattr(type(a), "__graphc_function__", None)
            if join is not None:
                return join(cls, args)
        ctx = Context(cls.__name__)
        ctx.needs_input_grad = tuple(isinstance(a, Tensor) and a.requires_grad for a in args)
        with GradMode(False):
            result = cls.computed(ctx, args)
        results = list(result) if isinstance(result, tuple | list) else [result]
        if mode.recording and any(ctx.needs_input_grad):
            results = _recorded(FunctionNode(cls, ctx, args, results), results)
        return tuple(results) if isinstance(result, tuple | list) else results[0]

    @classmethod
    def computed(cls, ctx: Context, args: Sequence[Any]) -> Any:
        """What `forward` returns; the context is filled."""
        if cls.setup_context is None:
            return cls.forward(ctx, *args)
        result = cls.forward(*args)
        cls.setup_context(ctx, tuple(args), result)
        return result


def _recorded(node: FunctionNode, results: Sequence[Any]) -> list[Any]:
    """The results on the tape; what has no gradient stays as it is."""
    return [wrapped(r.array, ResultNode(node, k)) if node.differentiates(k) else r for k, r in enumerate(results)]


__all__ = ["Function", "once_differentiable"]
