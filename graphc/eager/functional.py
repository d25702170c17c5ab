"""Derivatives of a function of tensors, taken on the tape: PyTorch's torch.autograd.functional.

`inputs` is a tensor or a tuple of tensors; where it is a tuple, so are derivatives per input, and where the function
returns a tuple, so are derivatives per output.  With `create_graph` the results can be differentiated again.
Raises GradientError where an output is not a tensor that depends on the inputs; with `strict=False`, PyTorch's
default, an output that does not depend on an input has zeros.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.eager.forward import jvp as push
from graphc.eager.modes import GradMode
from graphc.eager.tape import Tensors, cotangent
from graphc.eager.tape import grad as gradients
from graphc.eager.tensor import Tensor, wrapped
from graphc.errors import GradientError
from graphc.ir.location import user_location

Function = Callable[..., Any]


def vjp(func: Function, inputs: Tensors, v: Any = None, create_graph: bool = False) -> tuple[Any, Any]:
    """The outputs, and v times the Jacobian; v may be left out for an output of one element."""
    with GradMode(True):
        xs, ys, outputs = _run(func, inputs, create_graph)
        vs = [cotangent(y, g) for y, g in zip(ys, _each(v, len(ys)), strict=True)]
        gs = _pulled(ys, xs, vs, create_graph)
    return _result(outputs, create_graph), _like(gs, inputs)


def jvp(func: Function, inputs: Tensors, v: Any = None, create_graph: bool = False) -> tuple[Any, Any]:
    """The outputs, and the Jacobian times v; v may be left out for an input of one element."""
    with GradMode(True):
        xs, ys, outputs = _run(func, inputs, create_graph)
        vs = [cotangent(x, t) for x, t in zip(xs, _each(v, len(xs)), strict=True)]
        needed = [y for y in ys if y.requires_grad]
        found = iter(push(needed, xs, vs, create_graph) if needed else ())
        ts = [next(found) if y.requires_grad else _zeros(y.shape, y) for y in ys]
    return _result(outputs, create_graph), _like(ts, outputs)


def jacobian(func: Function, inputs: Tensors, create_graph: bool = False) -> Any:
    """Per output and input the partial derivatives, of shape (*output.shape, *input.shape)."""
    with GradMode(True):
        xs, ys, outputs = _run(func, inputs, create_graph)
        rows = [_like(_jacobian(y, xs, create_graph), inputs) for y in ys]
    return tuple(rows) if isinstance(outputs, tuple) else rows[0]


def hessian(func: Function, inputs: Tensors, create_graph: bool = False) -> Any:
    """Per pair of inputs the second derivatives of a function with one element."""

    def slope(*xs: Any) -> Any:
        return jacobian(_scalar(func), xs if isinstance(inputs, tuple) else xs[0], create_graph=True)

    return jacobian(slope, inputs, create_graph)


def vhp(func: Function, inputs: Tensors, v: Any = None, create_graph: bool = False) -> tuple[Any, Any]:
    """The value of a function with one element, and v times its Hessian."""
    with GradMode(True):
        xs, (y,), output = _run(_scalar(func), inputs, create_graph)
        slopes = _pulled([y], xs, [cotangent(y, None)], True)
        vs = [cotangent(x, t) for x, t in zip(xs, _each(v, len(xs)), strict=True)]
        gs = _pulled(slopes, xs, vs, create_graph)
    return _result(output, create_graph), _like(gs, inputs)


hvp = vhp  # a Hessian is symmetric


# ------------------------------------------------------------------------------------------------------------ inside


def _run(func: Function, inputs: Tensors, create_graph: bool) -> tuple[list[Tensor], list[Tensor], Any]:
    """Inputs on the tape, the outputs in a list and as the function returned them."""
    given = list(inputs) if isinstance(inputs, Sequence) else [inputs]
    xs = [_input(x, create_graph) for x in given]
    outputs = func(*xs)
    ys = list(outputs) if isinstance(outputs, tuple) else [outputs]
    if not all(isinstance(y, Tensor) for y in ys):
        raise GradientError(
            "the function returns tensors",
            expected="a tensor or a tuple of tensors",
            got=", ".join(type(y).__name__ for y in ys),
            loc=user_location(),
        )
    return xs, ys, outputs


def _input(x: Tensor, create_graph: bool) -> Any:
    """The input under a place of its own on the tape, which leads on to the caller's where that is wanted."""
    if create_graph and x.requires_grad:
        return x.view(x.shape) if x.array.ndim else x * 1
    return wrapped(x.array).requires_grad_()


def _scalar(func: Function) -> Function:
    def of_one_element(*xs: Any) -> Any:
        y = func(*xs)
        if not isinstance(y, Tensor) or y.array.size != 1:
            raise GradientError("a Hessian is of a function with one element", got=repr(y)[:60], loc=user_location())
        return y.reshape(())

    return of_one_element


def _pulled(ys: Sequence[Tensor], xs: Sequence[Tensor], gs: Sequence[Tensor], create_graph: bool) -> list[Tensor]:
    """Zeros for an input that no output depends on."""
    pairs = [(y, g) for y, g in zip(ys, gs, strict=True) if y.requires_grad]
    if not pairs:
        return [_zeros(x.shape, x) for x in xs]
    roots, cotangents = zip(*pairs, strict=True)
    return list(gradients(roots, xs, cotangents, True, create_graph, materialize_grads=True))  # type: ignore[arg-type]


def _jacobian(y: Tensor, xs: Sequence[Tensor], create_graph: bool) -> list[Tensor]:
    if not y.requires_grad or not y.array.size:
        return [_zeros((*y.shape, *x.shape), x) for x in xs]
    rows = np.eye(y.array.size, dtype=y.dtype).reshape(-1, *y.shape)
    columns = gradients(y, xs, rows, True, create_graph, is_grads_batched=True, materialize_grads=True)
    return [g.reshape(*y.shape, *x.shape) for g, x in zip(columns, xs, strict=True)]  # type: ignore[union-attr]


def _zeros(shape: tuple[int, ...], like: Tensor) -> Tensor:
    return wrapped(np.zeros(shape, like.dtype))


def _each(v: Any, n: int) -> list[Any]:
    return [None] * n if v is None else list(v) if isinstance(v, tuple | list) else [v]


def _like(results: list[Tensor], given: Any) -> Any:
    return tuple(results) if isinstance(given, Sequence) else results[0]


def _result(outputs: Any, create_graph: bool) -> Any:
    """Off the tape, unless that is wanted."""
    if create_graph:
        return outputs
    return tuple(y.detach() for y in outputs) if isinstance(outputs, tuple) else outputs.detach()


__all__ = ["hessian", "hvp", "jacobian", "jvp", "vhp", "vjp"]
