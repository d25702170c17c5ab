"""`vmap`: a function of one item as a function of a batch of items, along chosen axes of arguments and results."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from graphc.autodiff.batch import Batched
from graphc.errors import AxisError, ShapeError, SignatureError
from graphc.frontend.point import Function, derived
from graphc.frontend.worlds import find_world
from graphc.ir.location import user_location
from graphc.ir.ops.batching import move_axis, repeated
from graphc.ir.poly import Size
from graphc.numpy.array import Array
from graphc.runtime.tree import Structure, flatten


def vmap(f: Function, in_axes: Any = 0, out_axes: Any = 0) -> Function:
    """f for every item of a batch at once: each of its operations runs on all items, there is no loop.

    in_axes: for every argument the axis that counts the items, or None where all items have it in common; one number
    (or None) for all arguments, or a tuple of one per argument, each of them a number, None, or a nest like the
    argument's upper levels.  Arguments by name have their items along axis 0.  out_axes: the same for the result;
    what does not depend on the items is repeated, unless None says that it is the same for all.

    f is traced, on one item: inside `jit` and `with graph:` its operations join that graph; called with arrays or eager
    tensors the operations run at once, on whole batches, and are recorded where an eager tensor requires grad.

    Raises ShapeError where the arguments disagree about the number of items or none tells it, AxisError for an axis
    that an argument has not, SignatureError where axes do not nest as arguments do.
    """

    @derived(f, "vmap")
    def mapped(*args: Any, **kwargs: Any) -> Any:
        leaves, structure = flatten((args, kwargs))
        axes = [*_prefix(in_axes, structure.children[0], "in_axes"), *[0] * structure.children[1].leaf_count]
        paths = _paths(structure)
        tensors = {
            k: _front(x, axes[k], paths[k]) for k, x in enumerate(leaves) if _is_tensor(x) or axes[k] is not None
        }
        size = _size({paths[k]: x.value.shape[0] for k, x in tensors.items() if x.is_mapped})
        results: list[Any] = []

        def item(items: list[Any]) -> list[Any]:
            places = dict(zip(tensors, items, strict=True))
            inner, names = structure.unflatten([places.get(k, x) for k, x in enumerate(leaves)])
            results.append(flatten(f(*inner, **names)))
            return [y for y in results[0][0] if _is_tensor(y)]

        found = iter(find_world(leaves).each(item, list(tensors.values())))
        ys, nest = results[0]
        out = zip(ys, _prefix(out_axes, nest, "out_axes"), strict=True)
        return nest.unflatten([_placed(next(found), a, size) if _is_tensor(y) else y for y, a in out])

    return mapped


def _prefix(axes: Any, structure: Structure, role: str) -> Iterator[int | None]:
    """An axis for every leaf, from a nest of axes that may end above the leaves."""
    if axes is None or isinstance(axes, int):
        yield from [axes] * structure.leaf_count
        return
    children = _children(axes, structure.keys)
    if structure.is_leaf or children is None or len(children) != len(structure.children):
        raise SignatureError(
            f"{role} do not nest as what they belong to",
            expected=f"a number, None, or a nest like {structure}",
            got=repr(axes)[:80],
            loc=user_location(),
        )
    for child, part in zip(children, structure.children, strict=True):
        yield from _prefix(child, part, role)


def _children(axes: Any, keys: Sequence[Any]) -> list[Any] | None:
    if isinstance(axes, dict):
        return [axes[k] for k in keys] if set(axes) == set(keys) else None
    return list(axes) if isinstance(axes, tuple | list) else None


def _paths(structure: Structure) -> list[str]:
    args, kwargs = structure.children
    return [*args.paths("argument "), *kwargs.paths("argument ")]


def _is_tensor(x: Any) -> bool:
    return isinstance(x, Array | np.ndarray | np.generic)


def _front(x: Any, axis: int | None, path: str) -> Batched:
    """The argument with its items along the first axis."""
    if axis is None:
        return Batched(x, False)
    ndim = x.ndim if _is_tensor(x) else 0
    if not -ndim <= axis < ndim:
        raise AxisError(
            f"{path} has no axis {axis} to map over",
            expected=f"an axis in [-{ndim}, {ndim})" if ndim else "an array of one dimension or more",
            got=f"shape {x.shape}" if _is_tensor(x) else repr(x)[:60],
            fix="in_axes with None for an argument that all items have in common",
            loc=user_location(),
        )
    return Batched(move_axis(x, axis % ndim, 0), True)


def _size(sizes: dict[str, Size]) -> Size:
    """The number of items, on which all arguments agree."""
    if not sizes:
        raise ShapeError("vmap of no argument", expected="an axis to map over in in_axes", loc=user_location())
    first = next(iter(sizes.values()))
    if any(n != first for n in sizes.values()):
        raise ShapeError(
            "the arguments have different numbers of items",
            expected=f"{first} items in each",
            got=", ".join(f"{path}: {n}" for path, n in sizes.items()),
            fix="in_axes=(0, None) for an argument that all items have in common",
            loc=user_location(),
        )
    return first


def _placed(y: Batched, axis: int | None, size: Size) -> Any:
    if axis is None:
        if y.is_mapped:
            raise ShapeError(
                "a result differs from item to item, and out_axes has None for it",
                expected="an axis for the items",
                fix="out_axes=0",
                loc=user_location(),
            )
        return y.value
    value = y.value if y.is_mapped else repeated(y.value, size)
    ndim = len(value.shape)
    if not -ndim <= axis < ndim:
        raise AxisError(
            f"out_axes: a result has no axis {axis}", expected=f"an axis in [-{ndim}, {ndim})", loc=user_location()
        )
    return move_axis(value, 0, axis % ndim)
