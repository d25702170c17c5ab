"""Where a derivative is taken: in the graph that is being built, or on the eager twin's tape.

Both give arguments an identity of their own (`alias`), so that no other path to the same tensor counts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from threading import local
from typing import Any, Protocol

import numpy as np

from graphc import eager
from graphc.autodiff import forward, reverse
from graphc.ir.graph import Graph, current_graph, is_building
from graphc.ir.ops.arithmetic import alias
from graphc.numpy.like import zeros_like
from graphc.numpy.promote import cast_to
from graphc.numpy.tensor import Scalar, Tensor, as_symbolic


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

    def result(self, x: Any) -> Any:
        """A tensor as the caller gets it."""


@contextmanager
def world_of(leaves: Sequence[Any]) -> Iterator[World]:
    """The world of these arguments, open while the function runs and is differentiated."""
    traced = next((x for x in leaves if isinstance(x, Tensor)), None)
    if traced is not None or is_building():
        yield Symbolic(current_graph() if is_building() or traced is None else traced.graph)
        return
    keeps = _depth() > 0 or any(isinstance(x, eager.Tensor) for x in leaves)
    _local.depth = _depth() + 1
    try:
        with eager.enable_grad():
            yield Eager(keeps)
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
        return self._apply(ys, grad_ys, xs, self._grad)

    def _grad(self, ys: list[Any], grad_ys: list[Any], xs: Sequence[Any]) -> list[Any]:
        grads = eager.grad(ys, xs, grad_ys, retain_graph=True, create_graph=self.keeps, materialize_grads=True)
        return list(grads)

    def _apply(
        self, ys: Sequence[Any], grad_ys: Sequence[Any], xs: Sequence[Any], run: Callable[..., list[Any]]
    ) -> list[Any]:
        pairs = [(y, g) for y, g in zip(ys, grad_ys, strict=True) if y.requires_grad]
        if not pairs:
            return [zeros_like(x) for x in xs]
        return run([y for y, _ in pairs], [g for _, g in pairs], xs)

    def pushforward(self, ys: Sequence[Any], xs: Sequence[Any], tangents: Sequence[Any]) -> list[Any]:
        moving = [y for y in ys if y.requires_grad]
        found = iter(eager.jvp(moving, list(xs), list(tangents), create_graph=self.keeps) if moving else ())
        return [next(found) if y.requires_grad else zeros_like(y) for y in ys]

    def result(self, x: Any) -> Any:
        return x if self.keeps or not isinstance(x, eager.Tensor) else np.array(x.array)
