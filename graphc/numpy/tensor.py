"""The symbolic tensor: a value of a graph that behaves like an array while a function is traced."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import numpy as np

from graphc.errors import ConcretizationError, GraphMismatchError
from graphc.ir.graph import Graph, building_location
from graphc.ir.location import user_location
from graphc.ir.node import Value
from graphc.ir.primitive import Primitive
from graphc.ir.types import Type
from graphc.numpy.array import Array
from graphc.numpy.promote import WEAK


class Tensor(Array):
    """A value of `graph`: an operation on it adds a node there.

    Raises GraphMismatchError when tensors of two graphs meet, ConcretizationError where Python needs a number.
    """

    __slots__ = ("graph", "value")

    __graphc_function__: ClassVar[Callable[[Any, tuple[Any, ...]], Any]]
    """How a call of a user's operation with a derivative of its own joins the graph: `graphc.frontend` says it."""

    def __init__(self, graph: Graph, value: Value) -> None:
        self.graph = graph
        self.value = value

    @property
    def type(self) -> Type:
        return self.value.type

    @classmethod
    def __graphc_bind__(cls, op: Primitive, args: tuple[Any, ...], attrs: dict[str, Any]) -> Tensor:
        graph = next(a.graph for a in args if isinstance(a, Tensor))
        value = graph.apply(op, [_operand(a, graph) for a in args], attrs)
        weak = op.name in _WEAK_OPS and all(type(a) in WEAK for a in args)
        return Scalar(graph, value) if weak else Tensor(graph, value)

    def __graphc_constant__(self, array: np.ndarray[Any, Any]) -> Tensor:
        return Tensor(self.graph, self.graph.constant(array))

    def __graphc_source__(self, op: Primitive, attrs: Mapping[str, Any]) -> Tensor:
        return Tensor(self.graph, self.graph.apply(op, (), attrs))

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.type} from {self.value.op.name} at {self.value.node.loc}>"

    # -------------------------------------------------------------------------------- where Python needs a number

    def _refused(self, use: str, fix: str) -> ConcretizationError:
        return ConcretizationError(
            f"{use} needs a value, and a traced tensor has none yet",
            expected="an operation that can be part of a graph",
            got=repr(self),
            fix=fix,
            loc=user_location(),
        )

    def __bool__(self) -> bool:
        raise self._refused(
            "a Python `if`, `while`, `and`, `or` or `not`", "np.where(condition, a, b); & | ~ for logic"
        )

    def __float__(self) -> float:
        raise self._refused("float()", "keep the tensor, return it and convert after the call")

    def __int__(self) -> int:
        raise self._refused("int()", "x.astype(int), or return the tensor and convert after the call")

    def __complex__(self) -> complex:
        raise self._refused("complex()", "return the tensor and convert after the call")

    def __index__(self) -> int:
        raise self._refused("an index, a shape or range()", "np.take(x, i, axis=0) for a traced index i")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        raise self._refused("np.asarray() or a NumPy function outside graphc", "the same function of graphc.numpy")

    def item(self) -> Any:
        raise self._refused("item()", "return the tensor and call item() on the result")

    def tolist(self) -> Any:
        raise self._refused("tolist()", "return the tensor and call tolist() on the result")


class Scalar(Tensor):
    """A Python float of the caller, traced: as weak in promotion as the number was, and so are sums and products."""

    __slots__ = ()


WEAK[Scalar] = float
_WEAK_OPS = frozenset({"add", "sub", "mul", "div", "floordiv", "mod", "pow", "neg", "abs", "alias", "stop_gradient"})


def _operand(a: Any, graph: Graph) -> Any:
    """A value, an array or a number, as `Graph.apply` takes them; an eager tensor is captured: a constant, mostly."""
    if isinstance(a, Tensor):
        if a.graph is not graph:
            raise _mismatch(a, graph)
        return a.value
    if isinstance(a, Array):
        return graph.capture(a)
    return a


def _mismatch(a: Tensor, graph: Graph) -> GraphMismatchError:
    return GraphMismatchError(
        "a tensor of another graph",
        expected=f"a tensor of graph {graph.name!r}",
        got=f"{a!r} of graph {a.graph.name!r}",
        fix="build both in one graph, or pass the value as an argument",
        loc=building_location(),
    )


def as_value(x: Any, graph: Graph) -> Value:
    """A tensor of this graph, an array or a number as a value of the graph.

    Raises GraphMismatchError for a tensor of another graph, DTypeError for what is no number.
    """
    operand = _operand(x, graph)
    return operand if isinstance(operand, Value) else graph.constant(operand)


def as_symbolic(x: Any, graph: Graph) -> Tensor:
    return x if isinstance(x, Tensor) and x.graph is graph else Tensor(graph, as_value(x, graph))
