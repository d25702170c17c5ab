"""`eager.Function` in a graph: its forward joins the graph, and its backward (or jvp) is the rule of its results.

The rules of a `custom` operation (graphc.ir.ops.custom) are functions of its operands, so that they can be mapped over
a batch and differentiated again.  Here the operands are the tensors among the arguments and all that the context keeps;
a rule makes the context anew from them.  As on the tape, what it keeps of arguments and results is differentiated
again, and other tensors are constants.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from graphc import eager
from graphc.eager.context import Context
from graphc.eager.returned import counted, gradient_like, tangent_like
from graphc.frontend.nest import Nest
from graphc.frontend.rules import is_float, is_tensor, lifted, lowered, marked
from graphc.frontend.transforms import stop_gradient, vjp
from graphc.numpy.array import Array
from graphc.numpy.like import zeros_like
from graphc.numpy.tensor import Tensor, as_symbolic

Rule: TypeAlias = Callable[..., Any]


def traced(function: type[eager.Function], args: Sequence[Any]) -> Any:
    """A call with traced tensors among its arguments."""
    graph = next(a.graph for a in args if isinstance(a, Tensor))
    given = [as_symbolic(a, graph) if isinstance(a, eager.Tensor) else a for a in args]
    context = Context(function.__name__)
    context.needs_input_grad = tuple(isinstance(a, Tensor) and is_float(a) for a in given)
    result = function.computed(context, given)
    results = list(result) if isinstance(result, tuple | list) else [result]
    found = _Call(function, context, given, results).differentiable
    return tuple(found) if isinstance(result, tuple | list) else found[0]


class _Call:
    """One call, as a function of operands."""

    def __init__(
        self, function: type[eager.Function], context: Context, arguments: Sequence[Any], results: Sequence[Any]
    ) -> None:
        constant, context._constant = {id(r) for r in context._constant}, ()
        self.function = function
        self.materializes = context._materializes
        self.results = results
        self.moving = [is_tensor(r) and is_float(r) and id(r) not in constant for r in results]
        self.arguments = Nest.of(list(arguments), is_tensor)
        self.kept = Nest.of(vars(context), is_tensor)
        self.places = [_place(t, self.arguments.operands, results) for t in self.kept.operands]

    @property
    def differentiable(self) -> list[Any]:
        """The results, with rules."""
        operands = [*self.arguments.operands, *self.kept.operands]
        return [self._result(k, r, operands) for k, r in enumerate(self.results)]

    def _result(self, k: int, value: Any, operands: Sequence[Any]) -> Any:
        return marked(value, operands, *self._rules(k)) if self.moving[k] else stop_gradient(value)

    def _rules(self, k: int) -> tuple[Rule, Rule]:
        def pull_back(g: Any, z: Any, y: Any, *operands: Any, tag: int) -> list[Any]:
            one, *tensors = _tensors(g, *operands)
            xs = tensors[: len(self.arguments.places)]
            parts = [lowered(p, x, g) for p, x in zip(self._pulled(k, one, tensors), xs, strict=True)]
            return [None, *parts, *[None] * (len(tensors) - len(xs))]

        def push(ts: Sequence[Any], z: Any, y: Any, *operands: Any, tag: int) -> Any:
            result, *tensors = _tensors(y, *operands)
            xs = tensors[: len(self.arguments.places)]
            tangents = [t if t is None else _tensors(t)[0] for t in ts[1 : len(xs) + 1]]
            along = self._transposed if self.function.jvp is None else self._by_rule
            return lowered(along(k, result, tensors, tangents), result, y)

        return pull_back, push

    def _context(self, tensors: Sequence[Any]) -> Context:
        """What forward left, with these operands."""
        kept = tensors[len(self.arguments.places) :]
        context = Context(self.function.__name__)
        filled = [self._operand(place, t, tensors) for place, t in zip(self.places, kept, strict=True)]
        vars(context).update(self.kept.filled(filled))
        return context

    def _operand(self, place: _Place, kept: Any, tensors: Sequence[Any]) -> Any:
        argument, result = place
        if argument is not None:
            return tensors[argument]
        return stop_gradient(kept) if result is None else self._result(result, kept, tensors)

    def _pulled(self, k: int, g: Any, tensors: Sequence[Any]) -> list[Any]:
        """What `backward` gives for every argument that is a tensor; zeros or None stand for the other gradients."""
        zeros = [zeros_like(g, r.dtype, shape=r.shape) if self.materializes else None for r in self.results]
        returned = self.function.backward(self._context(tensors), *zeros[:k], g, *zeros[k + 1 :])
        parts = counted(self.function, "backward", returned, len(self.arguments.leaves), "argument of forward")
        return [self._gradient(parts[n], x, n) for n, x in zip(self.arguments.places, tensors, strict=False)]

    def _gradient(self, part: Any, x: Any, argument: int) -> Any:
        return None if part is None or not is_float(x) else gradient_like(self.function, part, x, argument)

    def _by_rule(self, k: int, y: Any, tensors: Sequence[Any], tangents: Sequence[Any]) -> Any:
        absent = zeros_like if self.materializes else _none
        given = [absent(x) if t is None else t for t, x in zip(tangents, tensors, strict=False)]
        context = self._context(tensors)
        with context.running(forward=True):
            returned = self.function.jvp(context, *self.arguments.only(given))
        t = counted(self.function, "jvp", returned, len(self.results), "result of forward")[k]
        return None if t is None else tangent_like(self.function, t, y, k)

    def _transposed(self, k: int, y: Any, tensors: Sequence[Any], tangents: Sequence[Any]) -> Any:
        """`backward` is linear in its gradients: its derivative by them, transposed, is the forward derivative."""

        used: list[Any] = []

        def moving(g: Any) -> list[Any]:
            pairs = zip(self._pulled(k, g, tensors), tangents, strict=True)
            both = [(p, t) for p, t in pairs if p is not None and t is not None]
            used[:] = [t for _, t in both]
            return [p for p, _ in both]

        _, transpose = vjp(moving, zeros_like(y))
        return transpose(list(used))[0]


_Place: TypeAlias = tuple[int | None, int | None]


def _place(t: Any, arguments: Sequence[Any], results: Sequence[Any]) -> _Place:
    """Which argument or which result a kept tensor is, if any."""
    return _index(t, arguments), _index(t, results)


def _index(t: Any, among: Sequence[Any]) -> int | None:
    return next((k for k, x in enumerate(among) if x is t), None)


def _tensors(*values: Any) -> list[Any]:
    """What autodiff holds, as users know it: traced or eager tensors."""
    return [eager.Tensor(v) if isinstance(v, np.ndarray | np.generic) else v for v in lifted(*values)]


def _none(x: Array) -> None:
    return None
