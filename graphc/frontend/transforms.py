"""Functions to derivatives of functions: grad, value_and_grad, vjp, jvp.

Each takes and returns nests of tensors.  On symbolic tensors (inside `jit`, or `with graph:`) a derivative is more
nodes; on arrays it is computed at once by the eager twin, and arrays come back; on eager tensors it is recorded.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.errors import GradientError, SignatureError
from graphc.frontend.trace import function_name, parameters
from graphc.frontend.worlds import World, world_of
from graphc.ir.location import user_location
from graphc.ir.ops.arithmetic import stop_gradient as _stop
from graphc.numpy.array import Array
from graphc.numpy.like import ones_like
from graphc.runtime.tree import Structure, flatten, flatten_as, map_tree

Function = Callable[..., Any]


def grad(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """The function that computes df/d(argument): in the nest of that argument, in a tuple for several.

    f returns a scalar; with `has_aux` a pair of it and something that is handed through, and so does the gradient.
    Raises GradientError where the result is no scalar, or an argument to differentiate by is no float.
    """
    both = value_and_grad(f, argnums, has_aux)

    @_of(f, "grad")
    def gradient(*args: Any, **kwargs: Any) -> Any:
        value, slopes = both(*args, **kwargs)
        return (slopes, value[1]) if has_aux else slopes

    return gradient


def value_and_grad(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """As `grad`, of a function that returns the pair (value, gradient), or ((value, aux), gradient)."""

    @_of(f, "value_and_grad")
    def value_and_gradient(*args: Any, **kwargs: Any) -> Any:
        positions = _positions(argnums, len(args))
        with world_of(flatten((args, kwargs))[0]) as world:
            point = _Point(world, [args[k] for k in positions], positions)
            result = f(*point.among(args), **kwargs)
            returned, aux = _with_aux(result) if has_aux else (result, None)
            y = _scalar(_lifted(returned, "the result", world))
            slopes = point.gradients([y], [ones_like(y)])
            value = (y, aux) if has_aux else y
            return map_tree(world.result, value), slopes[0] if isinstance(argnums, int) else tuple(slopes)

    return value_and_gradient


def _of(f: Function, name: str) -> Callable[[Function], Function]:
    """Named after f, with its parameters; `differentiates` leads back to it."""

    def decorate(derivative: Function) -> Function:
        functools.update_wrapper(derivative, f, updated=())
        derivative.__name__ = f"{name}_{function_name(f)}"
        vars(derivative).update(differentiates=f, __signature__=parameters(f))
        del derivative.__wrapped__  # type: ignore[attr-defined]
        return derivative

    return decorate


def vjp(f: Function, *primals: Any) -> tuple[Any, Callable[[Any], tuple[Any, ...]]]:
    """The result of f, and the function from its cotangents (a nest like the result) to those of every argument."""
    with world_of(flatten(primals)[0]) as world:
        point = _Point(world, primals, range(len(primals)))
        ys, structure = _tensors(f(*point.nests), world)
        results = structure.unflatten([world.result(y) for y in ys])

    def pullback(cotangents: Any) -> tuple[Any, ...]:
        given = flatten_as(structure, cotangents)
        return tuple(point.gradients(ys, [world.constant(g, y) for g, y in zip(given, ys, strict=True)]))

    return results, pullback


def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """The result of f, and its derivative along `tangents`, which are nested like `primals`."""
    with world_of(flatten((primals, tangents))[0]) as world:
        point = _Point(world, list(primals), range(len(primals)))
        ys, structure = _tensors(f(*point.nests), world)
        given = point.like_arguments(list(tangents))
        slopes = world.pushforward(ys, point.leaves, given)
        results, derivatives = ([world.result(t) for t in ts] for ts in (ys, slopes))
    return structure.unflatten(results), structure.unflatten(derivatives)


def stop_gradient(x: Any) -> Any:
    """The same tensors, as constants: no gradient passes. Takes nests; what is no float tensor stays as it is."""
    return map_tree(lambda t: _stop(t) if isinstance(t, Array | np.ndarray) and t.dtype.kind != "b" else t, x)


class _Point:
    """Where a derivative is taken: the arguments in question, as tensors of a world."""

    def __init__(self, world: World, arguments: Sequence[Any], positions: Sequence[int]) -> None:
        self.world, self.positions = world, tuple(positions)
        self.structures: list[Structure] = []
        self.leaves: list[Any] = []
        for k, argument in zip(positions, arguments, strict=True):
            leaves, structure = flatten(argument)
            paths = structure.paths(f"argument {k}")
            self.leaves += [world.argument(_float(x, path)) for x, path in zip(leaves, paths, strict=True)]
            self.structures.append(structure)

    @property
    def nests(self) -> list[Any]:
        return self._nested(self.leaves)

    def among(self, args: Sequence[Any]) -> list[Any]:
        """All arguments, those of this point in their places."""
        placed = dict(zip(self.positions, self.nests, strict=True))
        return [placed.get(k, a) for k, a in enumerate(args)]

    def gradients(self, ys: Sequence[Any], grad_ys: Sequence[Any]) -> list[Any]:
        """One nest per argument."""
        return self._nested([self.world.result(g) for g in self.world.gradients(ys, self.leaves, grad_ys)])

    def like_arguments(self, nests: Sequence[Any]) -> list[Any]:
        """Tangents, as tensors of the arguments' types."""
        given = [x for s, nest in zip(self.structures, nests, strict=True) for x in flatten_as(s, nest)]
        return [self.world.constant(t, x) for t, x in zip(given, self.leaves, strict=True)]

    def _nested(self, leaves: Sequence[Any]) -> list[Any]:
        each = iter(leaves)
        return [s.unflatten([next(each) for _ in range(s.leaf_count)]) for s in self.structures]


# --------------------------------------------------------------------------------------------------------- checks


def _positions(argnums: int | Sequence[int], count: int) -> tuple[int, ...]:
    wanted = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    if any(not -count <= k < count for k in wanted):
        raise SignatureError(
            "argnums names an argument that was not given by position",
            expected=f"positions of {count} arguments",
            got=str(argnums),
            loc=user_location(),
        )
    return tuple(k % count for k in wanted)


def _float(x: Any, name: str) -> Any:
    """A leaf that can be differentiated by."""
    kind = "f" if type(x) is float else getattr(getattr(x, "dtype", None), "kind", None)
    if kind != "f":
        raise GradientError(
            f"{name} is no float, and has no gradient",
            expected="float16, float32 or float64",
            got=str(x.dtype) if kind else repr(x)[:60],
            fix='convert with .astype("float64"); leave out arguments with argnums=',
            loc=user_location(),
        )
    return x


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


def _with_aux(result: Any) -> tuple[Any, Any]:
    if not isinstance(result, tuple) or len(result) != 2:
        raise GradientError("has_aux: the function returns (value, aux)", got=repr(result)[:80], loc=user_location())
    return result


def _tensors(result: Any, world: World) -> tuple[list[Any], Structure]:
    """The leaves of a result, as float tensors of the world."""
    leaves, structure = flatten(result)
    paths = structure.paths("the result")
    return [_lifted(y, path, world) for y, path in zip(leaves, paths, strict=True)], structure


def _lifted(y: Any, name: str, world: World) -> Any:
    """A float tensor as it is, a plain array or number as a constant."""
    return world.constant(_float(y, name), np.asarray(y) if type(y) is float else y)
