"""What a user's `backward` or `jvp` returns, brought to the number, element types and shapes that it should have.

Eager and traced tensors are treated alike.  A mistake is reported at the line where the method is written.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from graphc.errors import GradientError
from graphc.ir.location import definition
from graphc.ir.ops.shape import sum_to
from graphc.ir.poly import Size
from graphc.numpy.promote import cast_to

if TYPE_CHECKING:
    from graphc.eager.function import Function

Part = Any
"""A tensor, an array, a number, or None where there is nothing."""


def counted(function: type[Function], method: str, returned: Any, count: int, whose: str) -> list[Part]:
    """One part per argument or result; None beyond them is allowed. Raises GradientError for another number."""
    parts = list(returned) if isinstance(returned, tuple | list) else [returned]
    if len(parts) < count or any(p is not None for p in parts[count:]):
        raise GradientError(
            f"{function.__name__}.{method} returns one derivative per {whose}",
            expected=f"{count}, None for those without one",
            got=str(len(parts)),
            fix=f"return a tuple of {count} from {method}",
            loc=definition(getattr(function, method)),
        )
    return parts[:count]


def gradient_like(function: type[Function], part: Any, x: Any, argument: int) -> Any:
    """A tensor in the type of the argument x; a broadcast one is summed. Raises GradientError for another shape."""
    g = cast_to(part, x.dtype)
    if not _broadcasts(x.shape, g.shape):
        raise _wrong_shape(function, "backward", f"argument {argument}", x.shape, g.shape)
    return sum_to(g, x.shape)


def tangent_like(function: type[Function], part: Any, y: Any, result: int) -> Any:
    """A tensor in the type of the result y. Raises GradientError for another shape."""
    t = cast_to(part, y.dtype)
    if t.shape != y.shape:
        raise _wrong_shape(function, "jvp", f"result {result}", y.shape, t.shape)
    return t


def _broadcasts(shape: Sequence[Size], to: Sequence[Size]) -> bool:
    return len(shape) <= len(to) and all(a in (1, b) for a, b in zip(shape[::-1], to[::-1], strict=False))


def _wrong_shape(
    function: type[Function], method: str, of: str, expected: Sequence[Size], got: Sequence[Size]
) -> GradientError:
    rule: Callable[..., Any] = getattr(function, method)
    return GradientError(
        f"{function.__name__}.{method} returns a derivative of the shape of what it belongs to",
        expected=f"{tuple(expected)} for {of}",
        got=str(tuple(got)),
        loc=definition(rule),
    )
