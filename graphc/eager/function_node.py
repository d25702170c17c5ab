"""A user's operation on the tape: a node for the call, and one for each of its results."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import numpy as np

from graphc.eager.context import Context
from graphc.eager.hooks import Hook, RemovableHandle
from graphc.eager.modes import GradMode
from graphc.eager.node import UNDEFINED, AccumulateGrad, Node
from graphc.eager.returned import counted, gradient_like, tangent_like
from graphc.eager.tape import grad
from graphc.eager.tensor import Tensor, wrapped
from graphc.errors import GradientError
from graphc.ir.location import definition

if TYPE_CHECKING:
    from graphc.eager.function import Function


_Tangents: TypeAlias = Sequence[Tensor | None]


class _Kind(NamedTuple):
    """Of a tensor that is not kept."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]

    @staticmethod
    def of(x: Any) -> _Kind | None:
        return _Kind(x.shape, x.dtype) if isinstance(x, Tensor) else None


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
        self._arguments = [_Kind.of(a) for a in arguments]
        self._results = [_Kind.of(r) for r in results]
        self._constant = {k for k, r in enumerate(results) if id(r) in constant}
        context.pack(arguments, results)

    def name(self) -> str:
        return f"{self._function.__name__}Backward"

    def differentiates(self, result: int) -> bool:
        """Whether that result is a float tensor, and not marked as one without gradient."""
        kind = self._results[result]
        return kind is not None and kind[1].kind == "f" and result not in self._constant

    def pull(self, g: dict[int, Any], record: bool) -> Sequence[Any]:
        parts = self._pulled(self.gradients(g))
        return [UNDEFINED if p is None else p if record else p.array for p in parts]

    def push(self, tangents: Sequence[Any], record: bool) -> Any:
        """A dict from the numbers of results to their tangents."""
        ts = list(self._tensors(dict(enumerate(tangents)), self._arguments))
        moving = [t is not None for t in tangents]
        found = self._transposed(ts, moving, record) if self._function.jvp is None else self._by_rule(ts)
        return {k: t if record else t.array for k, t in found.items() if t is not None}

    def release(self) -> None:
        self._context.release()

    def gradients(self, g: Any) -> tuple[Any, ...]:
        return tuple(self._tensors(g, self._results))

    def cotangent(self, gradients: Sequence[Any]) -> Any:
        return dict(enumerate(gradients))

    def _pulled(self, gradients: Iterable[Tensor | None]) -> list[Tensor | None]:
        """What `backward` gives, one per argument and of its type."""
        with self._context.running(self._node_of_result):
            returned = self._function.backward(self._context, *gradients)
        parts = counted(self._function, "backward", returned, len(self.edges), "argument of forward")
        return [None if self.edges[k] is None else self._fitted(p, k) for k, p in enumerate(parts)]

    def _node_of_result(self, k: int) -> ResultNode | None:
        return ResultNode(self, k) if self.differentiates(k) else None

    def _fitted(self, part: Any, argument: int) -> Tensor | None:
        kind = self._arguments[argument]
        if part is None or kind is None:
            return None
        g: Tensor = gradient_like(self._function, as_eager(part), kind, argument)
        return g

    def _tensors(self, given: dict[int, Any], kinds: Sequence[_Kind | None]) -> Iterator[Tensor | None]:
        """One per result or argument; zeros or None for one that has nothing."""
        for k, kind in enumerate(kinds):
            g = given.get(k)
            if g is not None:
                yield as_eager(g)
            else:
                yield wrapped(np.zeros(*kind)) if kind is not None and self._context._materializes else None

    # ------------------------------------------------------------------------------------------------ forward mode

    def _by_rule(self, ts: _Tangents) -> dict[int, Tensor | None]:
        with self._context.running(self._node_of_result, forward=True):
            returned = self._function.jvp(self._context, *ts)
        parts = counted(self._function, "jvp", returned, len(self._results), "result of forward")
        return {
            k: None if p is None else tangent_like(self._function, as_eager(p), self._results[k], k)
            for k, p in enumerate(parts)
            if self.differentiates(k)
        }

    def _transposed(
        self, ts: Sequence[Tensor | None], moving: Sequence[bool], record: bool
    ) -> dict[int, Tensor | None]:
        """`backward` is linear in its gradients: its derivative by them, transposed, is the forward derivative."""
        kinds = {k: kind for k, kind in enumerate(self._results) if kind is not None and self.differentiates(k)}
        with GradMode(True):
            probes = {k: Tensor(np.zeros(*kind), requires_grad=True) for k, kind in kinds.items()}
            parts = self._pulled(self._tensors(probes, self._results))
        pairs = [(p, ts[k]) for k, p in enumerate(parts) if p is not None and moving[k]]
        linked = [(p, t) for p, t in pairs if p.requires_grad]
        if any(p.array.any() for p, _ in pairs if not p.requires_grad):
            raise self._not_linear()
        if not linked:
            return {}
        ys, cotangents = zip(*linked, strict=True)
        found = grad(ys, list(probes.values()), cotangents, True, create_graph=record, allow_unused=True)
        return dict(zip(probes, found, strict=True))

    def _not_linear(self) -> GradientError:
        return GradientError(
            f"{self._function.__name__}.backward gives what does not depend on its gradient: it has no forward mode",
            expected="tensor operations on the gradient, linear in it",
            fix="a static method jvp(ctx, *tangents)",
            loc=definition(self._function.backward),
        )


def as_eager(x: Any) -> Tensor:
    return x if isinstance(x, Tensor) else wrapped(np.asarray(x))


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

    def push(self, tangents: Sequence[Any], record: bool) -> Any:
        return tangents[0].get(self._number)
