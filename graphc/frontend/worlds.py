"""Where a function is transformed: in the graph that is being built, or on the eager twin's tape.

Both give arguments an identity of their own (`alias`), so that no other path to the same tensor counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from threading import local
from typing import Any, Protocol, TypeAlias

import numpy as np

from graphc import eager
from graphc.autodiff import forward, reverse
from graphc.autodiff.batch import Batched, batch, replay
from graphc.eager.tape import pulled_back
from graphc.ir.closure import Closure
from graphc.ir.graph import Graph, current_graph, is_building
from graphc.ir.ops.arithmetic import alias
from graphc.ir.ops.batching import repeated
from graphc.ir.ops.shape import expand
from graphc.ir.types import Type
from graphc.numpy.joining import stack
from graphc.numpy.like import zeros_like
from graphc.numpy.promote import cast_to
from graphc.numpy.tensor import Scalar, Tensor, as_symbolic, as_value
from graphc.records import dataclass

Leaves: TypeAlias = Callable[[list[Any]], list[Any]]


class World(Protocol):
    """What a transformation asks of it; tensors are of its kind."""

    def argument(self, leaf: Any) -> Any:
        """A tensor for an argument to differentiate by."""

    def constant(self, x: Any, like: Any) -> Any:
        """A result, cotangent or tangent as a tensor, in the element type of `like`."""

    def gradients(self, ys: Sequence[Any], xs: Sequence[Any], grad_ys: Sequence[Any]) -> list[Any]:
        """vjp: zeros where no y depends on x."""

    def pushforward(self, ys: Sequence[Any], xs: Sequence[Any], tangents: Sequence[Any]) -> list[Any]:
        """jvp: zeros where y depends on no x."""

    def holds(self, leaves: Sequence[Any]) -> bool:
        """Whether a derivative taken here can go on with these tensors."""

    def each(self, f: Leaves, xs: Sequence[Batched]) -> list[Batched]:
        """The results of f for every item of the mapped xs, along their first axes; f is traced, on one item."""

    def rows(self, linear: Leaves, basis: Any) -> list[Any]:
        """The results of a derivative for every item of a basis, along their first axes."""

    def result(self, x: Any) -> Any:
        """A tensor as the caller gets it."""


def find_world(leaves: Sequence[Any]) -> Symbolic | Eager:
    """The world of these arguments."""
    traced = next((x for x in leaves if isinstance(x, Tensor)), None)
    if traced is not None or is_building():
        return Symbolic(current_graph() if is_building() or traced is None else traced.graph)
    return Eager(_depth() > 0 or any(isinstance(x, eager.Tensor) for x in leaves))


@contextmanager
def world_of(leaves: Sequence[Any]) -> Iterator[World]:
    """The world of these arguments, open while a function runs and is differentiated."""
    world = find_world(leaves)
    if isinstance(world, Symbolic):
        yield world
        return
    _local.depth = _depth() + 1
    try:
        with eager.enable_grad():
            yield world
    finally:
        _local.depth -= 1


_local = local()


def _depth() -> int:
    """How many derivatives on the tape are being taken, one inside another, in this thread."""
    return int(getattr(_local, "depth", 0))


@dataclass(frozen=True)
class Symbolic:
    """In a graph: derivatives are more nodes of it."""

    graph: Graph

    def argument(self, leaf: Any) -> Tensor:
        if type(leaf) is float:
            leaf = Scalar(self.graph, self.graph.constant(leaf))
        tensor: Tensor = alias(as_symbolic(leaf, self.graph), tag=len(self.graph))
        return tensor

    def constant(self, x: Any, like: Any) -> Tensor:
        return as_symbolic(cast_to(as_symbolic(x, self.graph), like.dtype), self.graph)

    def gradients(self, ys: Sequence[Any], xs: Sequence[Any], grad_ys: Sequence[Any]) -> list[Any]:
        found = reverse.gradients(self.graph, *([t.value for t in ts] for ts in (ys, xs, grad_ys)))
        return self._materialized(found, xs)

    def pushforward(self, ys: Sequence[Any], xs: Sequence[Any], tangents: Sequence[Any]) -> list[Any]:
        found = forward.jvp(self.graph, *([t.value for t in ts] for ts in (ys, xs, tangents)))
        return self._materialized(found, ys)

    def holds(self, leaves: Sequence[Any]) -> bool:
        return True

    def each(self, f: Leaves, xs: Sequence[Batched]) -> list[Batched]:
        """f runs on stand-ins in the same graph, where it may read any tensor; what it made is pruned later."""
        tensors = [as_symbolic(x.value, self.graph) for x in xs]
        items = [self._stand_in(t.type) if x.is_mapped else t for x, t in zip(xs, tensors, strict=True)]
        ys = [as_value(y, self.graph) for y in f(items)]
        found = batch(self.graph, ys, {i.value: t.value for i, t in zip(items, tensors, strict=True) if i is not t})
        return [Batched(Tensor(self.graph, y.value), y.is_mapped) for y in found]

    def _stand_in(self, type_: Type) -> Tensor:
        """A tensor like one item of a batch, that nothing else is."""
        zero = Tensor(self.graph, self.graph.constant(0, type_.dtype))
        tensor: Tensor = alias(expand(zero, shape=type_.shape[1:]), tag=len(self.graph))
        self.graph.stand_ins.add(tensor.value.node.id)
        return tensor

    def rows(self, linear: Leaves, basis: Any) -> list[Any]:
        size = basis.shape[0]
        found = self.each(linear, [Batched(basis, True)])
        return [y.value if y.is_mapped else repeated(y.value, size) for y in found]

    def result(self, x: Any) -> Any:
        return x

    def _materialized(self, found: Sequence[Any], like: Sequence[Any]) -> list[Any]:
        return [zeros_like(x) if v is None else Tensor(self.graph, v) for v, x in zip(found, like, strict=True)]


@dataclass(frozen=True)
class Eager:
    """On the tape. `keeps`: derivatives are recorded and stay tensors, because they may be differentiated again."""

    keeps: bool

    def argument(self, leaf: Any) -> eager.Tensor:
        if isinstance(leaf, eager.Tensor) and leaf.requires_grad:
            tensor: eager.Tensor = alias(leaf, tag=0)
            return tensor
        return eager.Tensor(leaf, requires_grad=True)

    def constant(self, x: Any, like: Any) -> eager.Tensor:
        tensor = x if isinstance(x, eager.Tensor) else eager.Tensor(np.asarray(x))
        same: eager.Tensor = cast_to(tensor, like.dtype)
        return same

    def gradients(self, ys: Sequence[Any], xs: Sequence[Any], grad_ys: Sequence[Any]) -> list[Any]:
        pairs = [(y, g) for y, g in zip(ys, grad_ys, strict=True) if y.requires_grad]
        return pulled_back([y for y, _ in pairs], list(xs), [g for _, g in pairs], self.keeps)

    def pushforward(self, ys: Sequence[Any], xs: Sequence[Any], tangents: Sequence[Any]) -> list[Any]:
        moving = [y for y in ys if y.requires_grad]
        found = iter(eager.jvp(moving, list(xs), list(tangents), create_graph=self.keeps) if moving else ())
        return [next(found) if y.requires_grad else zeros_like(y) for y in ys]

    def holds(self, leaves: Sequence[Any]) -> bool:
        return not any(isinstance(x, Tensor) for x in leaves)

    def each(self, f: Leaves, xs: Sequence[Batched]) -> list[Batched]:
        """f is traced in a graph of its own, whose operations then run on whole batches."""
        graph = Closure("items")
        given = [Batched(_on_tape(x.value), x.is_mapped) for x in xs]
        with graph.building():
            items = [graph.placeholder(_item_type(x)) for x in given]
            ys = [as_value(y, graph) for y in f([Tensor(graph, v) for v in items])]
        known = dict(zip(items, given, strict=True))
        known |= {v: Batched(x, False) for v, x in graph.captured.items()}
        return [Batched(self._untracked(y.value), y.is_mapped) for y in replay(graph, ys, known)]

    def _untracked(self, x: Any) -> Any:
        return x if isinstance(x, eager.Tensor) and x.requires_grad else self.result(x)

    def rows(self, linear: Leaves, basis: Any) -> list[Any]:
        """One pass over the tape for each."""
        return [stack(row) for row in zip(*(linear([e]) for e in basis), strict=True)]

    def result(self, x: Any) -> Any:
        return x if self.keeps or not isinstance(x, eager.Tensor) else np.array(x.array)


def _on_tape(x: Any) -> eager.Tensor:
    return x if isinstance(x, eager.Tensor) else eager.Tensor(x)


def _item_type(x: Batched) -> Type:
    """The type of one item of a batch."""
    type_: Type = x.value.type
    return type_.with_shape(type_.shape[1:]) if x.is_mapped else type_
