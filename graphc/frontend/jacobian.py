"""Matrices of derivatives: jacobian and hessian; and the product of a Hessian with a vector, which needs no matrix."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from graphc.errors import OptionError
from graphc.frontend.point import Function, Point, argument_positions, derived, result_tensors, with_aux
from graphc.frontend.transforms import grad, jvp
from graphc.frontend.worlds import World, world_of
from graphc.ir.location import user_location
from graphc.ir.ops.logic import eq
from graphc.ir.ops.shape import reshape
from graphc.ir.ops.source import iota
from graphc.ir.poly import Poly, Size, as_size
from graphc.ir.primitive import source_like
from graphc.ir.types import volume
from graphc.numpy.like import zeros_like
from graphc.numpy.movement import moveaxis
from graphc.numpy.promote import cast_to
from graphc.runtime.tree import flatten, map_tree

MODES = ("forward", "reverse")


def jacobian(f: Function, argnums: int | Sequence[int] = 0, mode: str | None = None, has_aux: bool = False) -> Function:
    """The function that computes the derivative of every item of f's result by every item of an argument.

    The result nests as f's does; in place of each tensor y stands the nest of the argument (a tuple of nests for
    several argnums) with an array of shape y.shape + x.shape for each x.  mode "forward" pushes the unit vectors of
    the arguments through f, "reverse" pulls those of the results back; by default the one with fewer of them (reverse
    where there are as many, or extents are symbolic).  In a graph all unit vectors go at once, as one batch; on the
    tape one after the other.  With `has_aux` f returns a pair, and the function (jacobian, aux).

    Raises OptionError for another mode, GradientError for what is no float.
    """
    if mode not in (None, *MODES):
        raise OptionError("jacobian", expected='mode="forward", "reverse" or None', got=repr(mode), loc=user_location())

    @derived(f, "jacobian")
    def jacobian_of(*args: Any, **kwargs: Any) -> Any:
        positions = argument_positions(argnums, len(args))
        with world_of(flatten((args, kwargs))[0]) as world:
            point = Point(world, [args[k] for k in positions], positions)
            returned, aux = with_aux(f(*point.among(args), **kwargs), has_aux)
            ys, structure = result_tensors(returned, world)
            columns = _forward if (mode or _cheaper(point.leaves, ys)) == "forward" else _reverse
            matrices = columns(world, point.leaves, ys)
            nests = [point.nested([world.result(m) for m in row]) for row in matrices]
            slopes = structure.unflatten([n[0] if isinstance(argnums, int) else tuple(n) for n in nests])
            return (slopes, map_tree(world.result, aux)) if has_aux else slopes

    return jacobian_of


def hessian(f: Function, argnums: int | Sequence[int] = 0, has_aux: bool = False) -> Function:
    """The function that computes the second derivatives of f: the forward jacobian of its reverse one.

    For a scalar result and one array x the shape is x.shape + x.shape; nests and several argnums as in `jacobian`,
    twice.
    """
    return jacobian(jacobian(f, argnums, "reverse", has_aux), argnums, "forward", has_aux)


def hvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any], has_aux: bool = False) -> Any:
    """The Hessian of a scalar function times `tangents`, nested like `primals`; the matrix is never made.

    With `has_aux` f returns a pair, and the result is (product, aux).
    """
    slope = grad(f, tuple(range(len(primals))), has_aux)
    _, product, *aux = jvp(slope, primals, tangents, has_aux)
    return (product, *aux) if has_aux else product


def _cheaper(xs: Sequence[Any], ys: Sequence[Any]) -> str:
    difference = as_size(sum((Poly.of(y.size) for y in ys), Poly()) - sum((Poly.of(x.size) for x in xs), Poly()))
    return "forward" if isinstance(difference, int) and difference > 0 else "reverse"


def _forward(world: World, xs: Sequence[Any], ys: Sequence[Any]) -> list[list[Any]]:
    """A row of matrices for every y, one for each x."""

    def along(k: int) -> Callable[[list[Any]], list[Any]]:
        return lambda t: world.pushforward(ys, xs, [t[0] if j == k else zeros_like(x) for j, x in enumerate(xs)])

    columns = [_unit_results(world, along(k), x, ys) for k, x in enumerate(xs)]
    return [[_last(columns[k][j], y, x) for k, x in enumerate(xs)] for j, y in enumerate(ys)]


def _last(column: Any, y: Any, x: Any) -> Any:
    """From [size of x, *y] to [*y, *x]."""
    return reshape(moveaxis(column, 0, -1), shape=(*y.shape, *x.shape))


def _reverse(world: World, xs: Sequence[Any], ys: Sequence[Any]) -> list[list[Any]]:
    def back(y: Any) -> Callable[[list[Any]], list[Any]]:
        return lambda g: world.gradients([y], xs, g)

    rows = [_unit_results(world, back(y), y, xs) for y in ys]
    return [
        [reshape(m, shape=(*y.shape, *x.shape)) for m, x in zip(row, xs, strict=True)]
        for row, y in zip(rows, ys, strict=True)
    ]


def _unit_results(world: World, linear: Callable[[list[Any]], list[Any]], v: Any, like: Sequence[Any]) -> list[Any]:
    """The results, each like one of `like`, for every unit vector of v's shape, along a first axis."""
    size = volume(v.shape)
    if size == 0:
        return [zeros_like(x, shape=(0, *x.shape)) for x in like]
    if size == 1:
        one = cast_to(reshape(_units(1, v), shape=v.shape), v.dtype)
        return [reshape(r, shape=(1, *r.shape)) for r in linear([one])]
    return world.rows(linear, cast_to(reshape(_units(size, v), shape=(size, *v.shape)), v.dtype))


def _units(size: Size, like: Any) -> Any:
    """The unit matrix, of booleans."""
    numbers = source_like(iota, like, shape=(size,), axis=0, dtype="i64")
    return eq(reshape(numbers, shape=(size, 1)), reshape(numbers, shape=(1, size)))
