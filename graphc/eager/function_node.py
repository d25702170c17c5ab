"""A user's operation on the tape: a node for the call, and one for each of its results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.eager.context import Context
from graphc.eager.hooks import Hook, RemovableHandle
from graphc.eager.node import UNDEFINED, AccumulateGrad, Node
from graphc.eager.tensor import Tensor, wrapped
from graphc.errors import GradientError, UnsupportedError
from graphc.ir.location import user_location
from graphc.ir.ops.shape import sum_to
from graphc.numpy.promote import cast_to

if TYPE_CHECKING:
    from graphc.eager.function import Function

_Kind = tuple[tuple[int, ...], np.dtype[Any]]


def _kind(x: Any) -> _Kind | None:
    return (x.shape, x.dtype) if isinstance(x, Tensor) else None


class FunctionNode(Node):
    """One call.  Its cotangent is a dict from the numbers of results to theirs."""

    __slots__ = ("_arguments", "_constant", "_context", "_function", "_results")

    def __init__(
        self, function: type[Function], context: Context, arguments: Sequence[Any], results: Sequence[Any]
    ) -> None:
        super().__init__([a.edge if isinstance(a, Tensor) else None for a in arguments])
        constant = {id(r) for r in context._constant}
        self._function = function
        self._context = context
        self._arguments = [_kind(a) for a in arguments]
        self._results = [_kind(r) for r in results]
        self._constant = {k for k, r in enumerate(results) if id(r) in constant}
        context.pack(arguments, results)

    def name(self) -> str:
        return f"{self._function.__name__}Backward"

    def differentiates(self, result: int) -> bool:
        """Whether that result is a float tensor, and not marked as one without gradient."""
        kind = self._results[result]
        return kind is not None and kind[1].kind == "f" and result not in self._constant

    def pull(self, g: dict[int, Any], record: bool) -> Sequence[Any]:
        with self._context.on_tape(lambda k: ResultNode(self, k) if self.differentiates(k) else None):
            returned = self._function.backward(self._context, *self._gradients(g))
        parts = self._counted(list(returned) if isinstance(returned, tuple | list) else [returned])
        return [UNDEFINED if p is None else p if record else p.array for p in parts]

    def push(self, tangents: Sequence[Any], record: bool) -> Any:
        raise UnsupportedError(
            f"{self._function.__name__} has no derivative in forward mode", fix="backward or grad", loc=user_location()
        )

    def release(self) -> None:
        self._context.release()

    def gradients(self, g: Any) -> tuple[Any, ...]:
        return tuple(self._gradients(g))

    def cotangent(self, gradients: Sequence[Any]) -> Any:
        return dict(enumerate(gradients))

    def _gradients(self, given: dict[int, Any]) -> Iterator[Tensor | None]:
        """Per result; zeros or None for one that nothing was computed from."""
        for k, kind in enumerate(self._results):
            g = given.get(k)
            if g is not None:
                yield g if isinstance(g, Tensor) else wrapped(np.asarray(g))
            else:
                yield wrapped(np.zeros(*kind)) if kind is not None and self._context._materializes else None

    def _counted(self, parts: list[Any]) -> list[Tensor | None]:
        """One per argument, of its type; None beyond them is allowed."""
        n = len(self.edges)
        if len(parts) < n or any(p is not None for p in parts[n:]):
            raise GradientError(
                f"{self._function.__name__}.backward returns a gradient per argument of forward",
                expected=f"{n}, None for those without one",
                got=str(len(parts)),
                loc=user_location(),
            )
        return [None if e is None else self._fitted(parts[k], k) for k, e in enumerate(self.edges)]

    def _fitted(self, part: Any, argument: int) -> Tensor | None:
        """A gradient in the type of its argument; a broadcast one is summed."""
        kind = self._arguments[argument]
        if part is None or kind is None:
            return None
        g: Tensor = cast_to(part if isinstance(part, Tensor) else Tensor(part), kind[1])
        if not _broadcasts(kind[0], g.shape):
            raise GradientError(
                f"{self._function.__name__}.backward returns a gradient of the shape of its argument",
                expected=f"{kind[0]} for argument {argument}",
                got=str(g.shape),
                loc=user_location(),
            )
        summed: Tensor = sum_to(g, kind[0])
        return summed


def _broadcasts(shape: tuple[int, ...], to: tuple[int, ...]) -> bool:
    return len(shape) <= len(to) and all(a in (1, b) for a, b in zip(shape[::-1], to[::-1], strict=False))


class ResultNode(Node):
    """One result of a call, which hands its cotangent over with its number."""

    __slots__ = ("_number",)

    def __init__(self, call: FunctionNode, number: int) -> None:
        super().__init__([call])
        self._number = number

    @property
    def call(self) -> Node:
        (call,) = self.edges
        assert isinstance(call, Node)
        return call

    def name(self) -> str:
        return self.call.name()

    @property
    def next_functions(self) -> tuple[tuple[Node | AccumulateGrad | None, int], ...]:
        return self.call.next_functions

    def register_hook(self, hook: Hook) -> RemovableHandle:
        return self.call.register_hook(hook)

    def register_prehook(self, hook: Hook) -> RemovableHandle:
        return self.call.register_prehook(hook)

    def pull(self, g: Any, record: bool) -> Sequence[Any]:
        return ({self._number: g},)
