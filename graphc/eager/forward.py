"""Forward mode over a recorded tape: tangents are pushed from inputs to outputs, in the order of recording."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.eager.modes import GradMode
from graphc.eager.node import Edge, Node
from graphc.eager.tape import Tensors, ancestors, as_tensor, cotangent, required
from graphc.eager.tensor import Tensor
from graphc.errors import GradientError
from graphc.ir.location import user_location


def jvp(outputs: Tensors, inputs: Tensors, tangents: Any, create_graph: bool = False) -> tuple[Tensor, ...]:
    """The derivative of every output along `tangents`, one per input and of its shape; the tape is kept.

    An output that does not depend on the inputs has zeros.  With `create_graph` the derivative is recorded too.  Raises
    GradientError for outputs and inputs that do not require grad, tangents of other shapes and a released tape.
    """
    ys, xs = required(outputs, "the output"), required(inputs, "an input")
    known = _seeds(xs, [tangents] if isinstance(tangents, Tensor | np.ndarray) else list(tangents))
    if not create_graph:
        known = {edge: t.array for edge, t in known.items()}
    with np.errstate(all="ignore"), GradMode(create_graph):
        for node in ancestors(ys):
            if node not in known and any(e in known for e in node.edges):
                _push_forward(node, known, create_graph)
    return tuple(as_tensor(known.get(y.edge), y) for y in ys)


def _seeds(xs: Sequence[Tensor], tangents: Sequence[Any]) -> dict[Edge, Any]:
    if len(xs) != len(tangents):
        raise GradientError("one tangent per input", expected=str(len(xs)), got=str(len(tangents)), loc=user_location())
    return {x.edge: cotangent(x, t) for x, t in zip(xs, tangents, strict=True)}


def _push_forward(node: Node, known: dict[Edge, Any], create_graph: bool) -> None:
    """The tangent of a node's result from those of its operands."""
    t = node.push([known.get(e) for e in node.edges], create_graph)
    if t is not None:
        known[node] = t
