"""Where a derivative is taken: some arguments of a function as tensors of a world, and what may be asked of them."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from graphc.errors import GradientError, SignatureError
from graphc.frontend.trace import function_name, parameters
from graphc.frontend.worlds import World
from graphc.ir.location import user_location
from graphc.runtime.tree import Structure, flatten, flatten_as

Function = Callable[..., Any]


def derived(f: Function, name: str) -> Callable[[Function], Function]:
    """Named after f, with its parameters; `differentiates` leads back to it."""

    def decorate(derivative: Function) -> Function:
        functools.update_wrapper(derivative, f, updated=())
        derivative.__name__ = f"{name}_{function_name(f)}"
        vars(derivative).update(differentiates=f, __signature__=parameters(f))
        del derivative.__wrapped__  # type: ignore[attr-defined]
        return derivative

    return decorate


class Point:
    """The arguments in question, as tensors of a world: `leaves` in order, nested as `structures` say."""

    def __init__(self, world: World, arguments: Sequence[Any], positions: Sequence[int]) -> None:
        self.world, self.positions = world, tuple(positions)
        self.structures: list[Structure] = []
        self.leaves: list[Any] = []
        for k, argument in zip(positions, arguments, strict=True):
            leaves, structure = flatten(argument)
            paths = structure.paths(f"argument {k}")
            self.leaves += [world.argument(float_leaf(x, path)) for x, path in zip(leaves, paths, strict=True)]
            self.structures.append(structure)

    @property
    def nests(self) -> list[Any]:
        return self.nested(self.leaves)

    def among(self, args: Sequence[Any]) -> list[Any]:
        """All arguments, those of this point in their places."""
        placed = dict(zip(self.positions, self.nests, strict=True))
        return [placed.get(k, a) for k, a in enumerate(args)]

    def gradients(self, ys: Sequence[Any], grad_ys: Sequence[Any]) -> list[Any]:
        """One nest per argument."""
        return self.nested([self.world.result(g) for g in self.world.gradients(ys, self.leaves, grad_ys)])

    def pushforward(self, ys: Sequence[Any], tangents: Sequence[Any]) -> list[Any]:
        """The derivatives of the ys along nests like the arguments."""
        given = [x for s, nest in zip(self.structures, tangents, strict=True) for x in flatten_as(s, nest)]
        typed = [self.world.constant(t, x) for t, x in zip(given, self.leaves, strict=True)]
        return [self.world.result(t) for t in self.world.pushforward(ys, self.leaves, typed)]

    def nested(self, leaves: Sequence[Any]) -> list[Any]:
        """Something per leaf, in one nest per argument."""
        each = iter(leaves)
        return [s.unflatten([next(each) for _ in range(s.leaf_count)]) for s in self.structures]


# --------------------------------------------------------------------------------------------------------- checks


def argument_positions(argnums: int | Sequence[int], count: int) -> tuple[int, ...]:
    wanted = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    if any(not -count <= k < count for k in wanted):
        raise SignatureError(
            "argnums names an argument that was not given by position",
            expected=f"positions of {count} arguments",
            got=str(argnums),
            loc=user_location(),
        )
    return tuple(k % count for k in wanted)


def float_leaf(x: Any, name: str) -> Any:
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


def with_aux(result: Any, has_aux: bool) -> tuple[Any, Any]:
    """The result and what comes beside it."""
    if not has_aux:
        return result, None
    if not isinstance(result, tuple) or len(result) != 2:
        raise GradientError("has_aux: the function returns (value, aux)", got=repr(result)[:80], loc=user_location())
    return result


def result_tensors(result: Any, world: World) -> tuple[list[Any], Structure]:
    """The leaves of a result, as float tensors of the world."""
    leaves, structure = flatten(result)
    paths = structure.paths("the result")
    return [result_tensor(y, path, world) for y, path in zip(leaves, paths, strict=True)], structure


def result_tensor(y: Any, name: str, world: World) -> Any:
    """A float tensor as it is, a plain array or number as a constant."""
    return world.constant(float_leaf(y, name), np.asarray(y) if type(y) is float else y)
