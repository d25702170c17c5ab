"""Define, then run: placeholders, variables and gradients in the graph of the `with` block."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

import graphc.ir.ops  # noqa: F401 - registers the primitives
from graphc.autodiff import reverse
from graphc.errors import GradientError, OptionError
from graphc.ir.graph import current_graph
from graphc.ir.location import user_location
from graphc.ir.types import Type, short_dtype
from graphc.numpy.like import zeros_like
from graphc.numpy.movement import as_shape
from graphc.numpy.promote import cast_to
from graphc.numpy.tensor import Tensor, as_symbolic
from graphc.numpy.variable import Variable
from graphc.runtime.tree import flatten, parts_for


def placeholder(dtype: Any, shape: Any = (), name: str = "") -> Tensor:
    """A tensor to be fed in every run that needs it: `placeholder("float32", (Dim("batch"), 64), name="x")`.

    An extent is a number, `Dim("name")` or just the name.  Raises DTypeError and DimensionError for what is no element
    type or extent, GraphMismatchError outside of `with graph:`.
    """
    graph = current_graph()
    return Tensor(graph, graph.placeholder(Type(short_dtype(dtype), as_shape(shape)), name))


def variable(initial: Any, name: str = "", dtype: Any = None) -> Variable:
    """State of the sessions that run the graph, at first `initial`: an array, or what NumPy makes one of."""
    graph = current_graph()
    array = np.asarray(initial)
    return Variable(graph, graph.variable(array if dtype is None else cast_to(array, dtype), name))


def gradients(ys: Any, xs: Any, grad_ys: Any = None, unconnected: str = "zero") -> Any:
    """The sum over ys of grad_y * dy/dx, for every x: in the nest of xs.

    ys, grad_ys: a tensor or a nest of them, alike; a y of several elements needs a cotangent of its shape, another one
    may have None.  unconnected: what stands for the gradient by an x that no y depends on, "zero", "none" (None) or
    "error".

    Raises GradientError for what has no gradient, GraphMismatchError for tensors of several graphs, OptionError for
    another `unconnected`.
    """
    if unconnected not in ("zero", "none", "error"):
        raise OptionError(
            "gradients",
            expected='unconnected="zero", "none" or "error"',
            got=repr(unconnected),
            fix='unconnected="zero"',
        )
    targets, sources, structure = _tensors(ys, "ys"), _tensors(xs, "xs"), flatten(xs)[1]
    if not targets:
        raise GradientError("gradients of nothing", expected="one tensor or more in ys", loc=user_location())
    graph = targets[0].graph
    cotangents = None if grad_ys is None else _cotangents(ys, targets, grad_ys)
    found = reverse.gradients(graph, [t.value for t in targets], [t.value for t in sources], cotangents)
    slopes = [None if v is None else Tensor(graph, v) for v in found]
    return structure.unflatten([_connected(g, x, unconnected) for g, x in zip(slopes, sources, strict=True)])


def _tensors(nest: Any, role: str) -> list[Tensor]:
    leaves = flatten(nest)[0]
    wrong = next((x for x in leaves if not isinstance(x, Tensor)), None)
    if wrong is not None:
        raise GradientError(
            f"{role} are tensors of a graph", got=repr(wrong)[:80], fix="graphc.grad of a function", loc=user_location()
        )
    return leaves


def _cotangents(ys: Any, targets: Sequence[Tensor], grad_ys: Any) -> list[Any]:
    """Each in the element type of its y; None stays."""
    alone = len(targets) == 1 and flatten(grad_ys)[1].is_leaf
    given = [grad_ys] if alone else parts_for(flatten(ys)[1], grad_ys)
    pairs = zip(given, targets, strict=True)
    return [None if g is None else cast_to(as_symbolic(g, y.graph), y.dtype).value for g, y in pairs]


def _connected(slope: Tensor | None, x: Tensor, unconnected: str) -> Tensor | None:
    if slope is not None or unconnected == "none":
        return slope
    if unconnected == "error":
        raise GradientError(
            "a tensor that ys do not depend on", got=repr(x), fix='unconnected="zero"', loc=user_location()
        )
    zeros: Tensor = zeros_like(x)
    return zeros
