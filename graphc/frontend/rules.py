"""Rules written by users, in the place of a primitive's: how they reach a graph or tape, and a batch.

A rule is called by reverse or forward mode with what these hold (values of a graph, arrays, eager tensors); the user's
code sees tensors and arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc import eager
from graphc.errors import GradientError
from graphc.frontend.vmap import vmap
from graphc.ir.graph import current_graph
from graphc.ir.location import user_location
from graphc.ir.node import Value
from graphc.ir.ops.batching import batch_size, repeated
from graphc.ir.ops.custom import with_rules
from graphc.ir.primitive import type_of
from graphc.ir.types import FLOATS
from graphc.numpy.array import Array
from graphc.numpy.promote import cast_to
from graphc.numpy.tensor import Tensor, as_value

Rule = Callable[..., Any]


def is_tensor(x: Any) -> bool:
    return isinstance(x, Array)


def is_float(x: Any) -> bool:
    return isinstance(x, Array | np.ndarray) and x.dtype.kind == "f"


def is_differentiable(x: Any) -> bool:
    """A derivative may be asked for: it is traced, or tracked by the tape."""
    return isinstance(x, Tensor) or (isinstance(x, eager.Tensor) and x.requires_grad)


def marked(y: Any, operands: Sequence[Any], vjp: Rule, jvp: Rule) -> Any:
    """y as a function of the operands with these rules; what is no float stays as it is."""
    if getattr(getattr(y, "dtype", None), "kind", None) != "f":
        return y
    return with_rules(y.detach() if isinstance(y, eager.Tensor) else y, operands, vjp, jvp, _batch(vjp, jvp))


def lifted(*values: Any) -> list[Any]:
    """What autodiff holds, as users know it."""
    return [Tensor(current_graph(), v) if isinstance(v, Value) else v for v in values]


def lowered(t: Any, x: Any, like: Any) -> Any:
    """What a user's rule gives for x, as autodiff holds it (as it holds `like`); nothing for what is no float.

    Raises GradientError where the shape is not that of x.
    """
    if t is None or type_of(x).dtype not in FLOATS:
        return None
    tensor = t if isinstance(t, Array) else np.asarray(t)
    if tensor.shape != x.shape:
        raise GradientError(
            "a rule gives a derivative of another shape",
            expected=f"shape {x.shape}",
            got=f"shape {tensor.shape}",
            loc=user_location(),
        )
    same = cast_to(tensor, x.dtype)
    if isinstance(like, Value):
        return as_value(same, current_graph())
    return same.detach().array if isinstance(like, np.ndarray) and isinstance(same, eager.Tensor) else same


def _batch(vjp: Rule, jvp: Rule) -> Rule:
    """The operation for every item: its rules are mapped over the items."""

    def batch(mapped: Sequence[bool], y: Any, *xs: Any, tag: int) -> Any:
        size = batch_size(mapped, (y, *xs))
        axes = [0 if m else None for m in mapped[1:]]
        rules = _mapped_vjp(vjp, axes), _mapped_jvp(jvp, axes)
        return with_rules(y if mapped[0] else repeated(y, size), xs, *rules, _batch(*rules))

    return batch


def _mapped_vjp(vjp: Rule, axes: Sequence[int | None]) -> Rule:
    """An operand that all items have in common gets the sum of their cotangents."""

    def pull_back(g: Any, z: Any, y: Any, *xs: Any, tag: int) -> list[Any]:
        each = vmap(lambda g, z, y, xs: vjp(g, z, y, *xs, tag=tag), (0, 0, 0, list(axes)))
        tensors = lifted(*xs)
        parts = each(*lifted(g, z, y), tensors)[1:]
        sums = [p if p is None or a == 0 else p.sum(axis=0) for p, a in zip(parts, axes, strict=True)]
        return [None, *[lowered(p, x, g) for p, x in zip(sums, tensors, strict=True)]]

    return pull_back


def _mapped_jvp(jvp: Rule, axes: Sequence[int | None]) -> Rule:
    def push(ts: Sequence[Any], z: Any, y: Any, *xs: Any, tag: int) -> Any:
        each = vmap(lambda ts, z, y, xs: jvp(ts, z, y, *xs, tag=tag), ([0, *axes], 0, 0, list(axes)))
        return lowered(each(lifted(*ts), *lifted(z, y), lifted(*xs)), lifted(y)[0], y)

    return push
