"""Functions to derivatives of functions: grad, value_and_grad, vjp, jvp, linearize.

Each takes and returns nests of tensors.  On symbolic tensors (inside `jit`, or `with graph:`) a derivative is more
nodes; on arrays it is computed at once by the eager twin, and arrays come back; on eager tensors it is recorded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from graphc.errors import GradientError
from graphc.frontend.point import Function, Point, argument_positions, derived, result_tensor, result_tensors, with_aux
from graphc.frontend.worlds import World, world_of
from graphc.ir.location import user_location
from graphc.ir.ops.arithmetic import stop_gradient as _stop
from graphc.numpy.array import Array
from graphc.numpy.like import ones_like
from graphc.runtime.tree import flatten, flatten_as, map_tree


def grad(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """The function that computes df/d(argument): in the nest of that argument, in a tuple for several.

    f returns a scalar; with `has_aux` a pair of it and something that is handed through, and so does the gradient.
    Raises GradientError where the result is no scalar, or an argument to differentiate by is no float.
    """
    both = value_and_grad(f, argnums, has_aux)

    @derived(f, "grad")
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, slopes = both(*args, **kwargs)
        return (slopes, value[1]) if has_aux else slopes

    return gradient


def value_and_grad(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """As `grad`, of a function that returns the pair (value, gradient), or ((value, aux), gradient)."""

    @derived(f, "value_and_grad")
    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        positions = argument_positions(argnums, len(args))
        with world_of(flatten((args, kwargs))[0]) as world:
            point = Point(world, [args[k] for k in positions], positions)
            returned, aux = with_aux(f(*point.among(args), **kwargs), has_aux)
            y = _scalar(result_tensor(returned, "the result", world))
            slopes = point.gradients([y], [ones_like(y)])
            value = (y, aux) if has_aux else y
            return map_tree(world.result, value), slopes[0] if isinstance(argnums, int) else tuple(slopes)

    return value_and_gradient


def vjp(f: Function, *primals: Any, has_aux: bool = False) -> Any:
    """The result of f, and the function from its cotangents (a nest like the result) to those of every argument.

    With `has_aux` f returns a pair, and what is beside its result comes third.
    """
    with world_of(flatten(primals)[0]) as world:
        point = Point(world, primals, range(len(primals)))
        returned, aux = with_aux(f(*point.nests), has_aux)
        ys, structure = result_tensors(returned, world)
        value = structure.unflatten([world.result(y) for y in ys])

    def pullback(cotangents: Any) -> tuple[Any, ...]:
        given = flatten_as(structure, cotangents)
        if not world.holds(given):
            return tuple(vjp(f, *primals, has_aux=has_aux)[1](cotangents))
        return tuple(point.gradients(ys, [world.constant(g, y) for g, y in zip(given, ys, strict=True)]))

    return _with_aux(world, (value, pullback), aux, has_aux)


def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    """The result of f, and its derivative along `tangents`, which are nested like `primals`.

    With `has_aux` f returns a pair, and what is beside its result comes third.
    """
    with world_of(flatten((primals, tangents))[0]) as world:
        point = Point(world, list(primals), range(len(primals)))
        returned, aux = with_aux(f(*point.nests), has_aux)
        ys, structure = result_tensors(returned, world)
        slopes = structure.unflatten(point.pushforward(ys, list(tangents)))
        value = structure.unflatten([world.result(y) for y in ys])
    return _with_aux(world, (value, slopes), aux, has_aux)


def linearize(f: Function, *primals: Any, has_aux: bool = False) -> Any:
    """The result of f, and its derivative as a function of tangents, one per argument: f itself runs only now.

    With `has_aux` f returns a pair, and what is beside its result comes third.
    """
    with world_of(flatten(primals)[0]) as world:
        point = Point(world, primals, range(len(primals)))
        returned, aux = with_aux(f(*point.nests), has_aux)
        ys, structure = result_tensors(returned, world)
        value = structure.unflatten([world.result(y) for y in ys])

    def linear(*tangents: Any) -> Any:
        if not world.holds(flatten(tangents)[0]):
            return jvp(f, primals, tangents, has_aux)[1]
        return structure.unflatten(point.pushforward(ys, tangents))

    return _with_aux(world, (value, linear), aux, has_aux)


def stop_gradient(x: Any) -> Any:
    """The same tensors, as constants: no gradient passes. Takes nests; what is no float tensor stays as it is."""
    return map_tree(lambda t: _stop(t) if isinstance(t, Array | np.ndarray) and t.dtype.kind != "b" else t, x)


def _with_aux(world: World, pair: tuple[Any, Any], aux: Any, has_aux: bool) -> tuple[Any, ...]:
    return (*pair, map_tree(world.result, aux)) if has_aux else pair


def _scalar(y: Any) -> Any:
    if y.shape != ():
        raise GradientError(
            "grad is of a function that returns one number",
            expected="a 0-d float tensor",
            got=f"{y.dtype}, shape {y.shape}",
            fix="reduce the result with .sum() or .mean(), or use vjp with a cotangent",
            loc=user_location(),
        )
    return y
