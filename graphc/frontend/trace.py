"""From a function of arrays to a graph: the function runs once, on symbolic tensors.

Arrays, NumPy scalars and Python floats among the arguments become placeholders (also nested in containers); a `Type`
stands for an array that is not there yet.  Everything else is static: it is seen by the function as it is.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from typing import Any

import numpy as np

import graphc.ir.ops  # noqa: F401 - registers the primitives
from graphc.ir.graph import Graph
from graphc.ir.location import Location, definition, user_location
from graphc.ir.types import Type, make_shape, short_dtype
from graphc.numpy.array import Array
from graphc.numpy.tensor import Scalar, Tensor, as_value
from graphc.records import dataclass
from graphc.runtime.tree import Structure, flatten

Function = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class WeakFloat(Type):
    """The type of a Python float: a scalar that takes the element type of the tensor beside it."""

    def __str__(self) -> str:
        return "float"


@dataclass(frozen=True, slots=True)
class Output:
    """The place of one of the graph's outputs in a result."""

    index: int


@dataclass(frozen=True, slots=True)
class Results:
    """How a function's result is put together from the outputs of its graph, and from what was static in it."""

    structure: Structure
    leaves: tuple[Any, ...]

    @property
    def is_single(self) -> bool:
        """The result is one tensor, in no container."""
        return self.structure.is_leaf and isinstance(self.leaves[0], Output)

    @property
    def container(self) -> type[tuple[Any, ...]] | type[list[Any]] | None:
        """The class of the result, where that is a tuple or list of the outputs themselves, in order."""
        in_order = tuple(map(Output, range(len(self.leaves))))
        if self.structure.is_leaf or not self.structure.is_flat or self.leaves != in_order:
            return None
        return list if self.structure.kind is list else tuple

    def rebuild(self, arrays: Sequence[Any]) -> Any:
        return self.structure.unflatten([arrays[x.index] if isinstance(x, Output) else x for x in self.leaves])


def trace(f: Function, args: Sequence[Any], kwargs: Mapping[str, Any] | None = None) -> tuple[Graph, Results]:
    """The graph of f at these arguments, and how its outputs make up the result.

    Raises what f raises; graphs being built by the caller are not touched.
    """
    leaves, structure = flatten((tuple(args), dict(kwargs or {})))
    types = [abstract(x) for x in leaves]
    return trace_leaves(f, structure, leaves, types)


def trace_leaves(
    f: Function, structure: Structure, leaves: Sequence[Any], types: Sequence[Type | None]
) -> tuple[Graph, Results]:
    """As `trace`, of arguments taken apart: a leaf with a type becomes a placeholder, the others are static."""
    graph = Graph(function_name(f))
    names = argument_names(f, structure)
    with graph.building(_definition(f)):
        traced = [_argument(graph, *each) for each in zip(leaves, types, names, strict=True)]
    args, kwargs = structure.unflatten(traced)
    with graph.building():
        result = f(*args, **kwargs)
        results = _results(graph, result)
        graph.check_stand_ins(_needed(graph))
        return graph, results


def abstract(leaf: Any) -> Type | None:
    """The type of the placeholder for an argument, None for a static one. Raises DTypeError for arrays of objects."""
    if isinstance(leaf, Type):
        return leaf
    if isinstance(leaf, np.ndarray | np.generic):
        return Type(short_dtype(leaf.dtype), make_shape(leaf.shape))
    if isinstance(leaf, Array):
        return leaf.type
    return WeakFloat("f64") if type(leaf) is float else None


def _argument(graph: Graph, leaf: Any, type_: Type | None, name: str) -> Any:
    if type_ is None:
        return leaf
    value = graph.placeholder(Type(type_.dtype, type_.shape), name)
    return Scalar(graph, value) if isinstance(type_, WeakFloat) else Tensor(graph, value)


def _results(graph: Graph, result: Any) -> Results:
    """Tensors and arrays of the result become outputs."""
    leaves, structure = flatten(result)
    out: list[Any] = []
    for leaf in leaves:
        if isinstance(leaf, Array | np.ndarray | np.generic):
            graph.outputs.append(as_value(leaf, graph))
            leaf = Output(len(graph.outputs) - 1)
        out.append(leaf)
    return Results(structure, tuple(out))


def _needed(graph: Graph) -> set[int]:
    """The nodes that the outputs are computed from."""
    needed = {v.node.id for v in graph.outputs}
    for node in reversed(graph.nodes):
        if node.id in needed:
            needed.update(v.node.id for v in node.inputs)
    return needed


# ---------------------------------------------------------------------------------------------- names and places


def function_name(f: Function) -> str:
    name = str(getattr(f, "__name__", type(f).__name__))
    return name if name.isidentifier() else "function"


def argument_names(f: Function, structure: Structure) -> list[str]:
    """A name for every leaf of (args, kwargs): its parameter's, with the path inside a container: `w_0`, `p_bias`."""
    args, kwargs = structure.children
    pairs = [*zip(_parameters(f), args.children, strict=False), *zip(kwargs.keys, kwargs.children, strict=True)]
    return [re.sub(r"\W+", "_", path).strip("_") for name, child in pairs for path in child.paths(name)]


def _parameters(f: Function) -> Iterator[str]:
    """The names of positional parameters, then arg2, arg3, ..."""
    named = [
        p.name for p in parameters(f).parameters.values() if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
    ]
    yield from named
    yield from (f"arg{k}" for k in count(len(named)))


def parameters(f: Function) -> inspect.Signature:
    """The parameters of a function, none where it is written in C and does not tell."""
    try:
        return inspect.signature(f)
    except (TypeError, ValueError):
        return inspect.Signature()


def _definition(f: Function) -> Location:
    """Where the function is written; of a callable without code, where it is traced."""
    while hasattr(f, "differentiates"):
        f = f.differentiates
    return definition(f) or user_location()
