"""Reference evaluation: every node by its NumPy rule, one after the other.

This is what all other ways to run a graph are compared with.  Dimensions are solved from the shapes of the feeds, and
attributes that hold symbolic extents get their numbers.  A value is dropped after its last use.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from graphc.errors import FeedError, GraphMismatchError, MissingFeedError, OutOfRangeError, VerificationError
from graphc.ir.graph import Graph
from graphc.ir.node import Node, Value
from graphc.ir.poly import Poly
from graphc.ir.printer import print_node
from graphc.ir.types import Type, short_dtype

Array = np.ndarray[Any, Any]


def evaluate(graph: Graph, values: Sequence[Value], feeds: Mapping[Value, Array]) -> list[Array]:
    """The arrays of `values`: new, C-contiguous, of exactly the declared types.

    Any value can be fed; nothing above a fed value is computed.  A variable that is not fed has its initial value.
    Raises MissingFeedError, FeedError for a feed that does not fit, OutOfRangeError for an index outside its axis.
    """
    for v in (*values, *feeds):
        if not graph.owns(v):
            raise GraphMismatchError("a tensor of another graph", got=f"{v!r}: {v.type}", loc=v.node.loc)
    arrays = [np.asarray(a) for a in feeds.values()]
    env = bind_dims([v.type for v in feeds], arrays)
    known = dict(zip(feeds, arrays, strict=True))
    nodes = _needed(values, known)
    with np.errstate(all="ignore"):
        _run(nodes, known, env, Counter(values), graph.initial)
    return [np.array(known[v], order="C") for v in values]


def bind_dims(types: Sequence[Type], arrays: Sequence[Array]) -> dict[str, int]:
    """The number that every symbolic dimension stands for.

    Extents that are a name bind it; extents that are an expression are checked once all names are bound.
    Raises FeedError that names the first argument whose element type, rank or extent does not fit.
    """
    env: dict[str, int] = {}
    pairs = list(enumerate(zip(types, arrays, strict=True)))
    for k, (type_, array) in pairs:
        if short_dtype(array.dtype) != type_.dtype or array.ndim != type_.ndim:
            raise _misfit(k, type_, array)
        for extent, actual in zip(type_.shape, array.shape, strict=True):
            if isinstance(extent, Poly) and _is_name(extent):
                env.setdefault(str(extent), actual)
    for k, (type_, array) in pairs:
        if _extents(k, type_, env) != array.shape:
            raise _misfit(k, type_, array, env)
    return env


def concrete(value: Any, env: Mapping[str, int]) -> Any:
    """An attribute with numbers in place of symbolic extents."""
    if isinstance(value, Poly):
        return value.evaluate(env)
    if isinstance(value, tuple):
        return tuple(concrete(v, env) for v in value)
    return value


# ------------------------------------------------------------------------------------------------------ the run


def _needed(values: Iterable[Value], known: Mapping[Value, Array]) -> list[Node]:
    """The nodes to compute, in order; the walk stops at values that are known."""
    found: dict[int, Node] = {}
    stack = [v for v in values if v not in known]
    while stack:
        node = stack.pop().node
        if node.id not in found:
            found[node.id] = node
            stack.extend(v for v in node.inputs if v not in known)
    return [found[k] for k in sorted(found)]


def _run(
    nodes: Sequence[Node],
    known: dict[Value, Array],
    env: Mapping[str, int],
    uses: Counter[Value],
    initial: Mapping[str, Array],
) -> None:
    """Compute `nodes` into `known`; `uses` counts the readers that are not nodes."""
    for node in nodes:
        uses.update(node.inputs)
    for node in nodes:
        for k, array in enumerate(_results(node, known, env, initial)):
            known[Value(node, k)] = array
        for v in node.inputs:
            uses[v] -= 1
            if not uses[v]:
                del known[v]


def _results(
    node: Node, known: Mapping[Value, Array], env: Mapping[str, int], initial: Mapping[str, Array]
) -> list[Array]:
    if node.op.name == "variable":
        return [initial[node.attrs["name"]]]
    if node.op.name == "placeholder":
        name = node.attrs["name"]
        raise MissingFeedError(f"{name!r} has no value", expected=f"a feed of {node.out.type}", loc=node.loc)
    result = _apply(node, [known[v] for v in node.inputs], {k: concrete(a, env) for k, a in node.attrs.items()})
    arrays = [np.asarray(r) for r in (result if len(node.types) > 1 else (result,))]
    for type_, array in zip(node.types, arrays, strict=True):
        _check(node, type_, array, env)
    return arrays


def _apply(node: Node, operands: list[Array], attrs: dict[str, Any]) -> Any:
    if not node.op.traits & {"indexed", "scatter"}:
        return node.op.numpy(*operands, **attrs)
    try:
        return node.op.numpy(*operands, **attrs)
    except IndexError as e:
        raise OutOfRangeError(f"`{node.op.name}`: {e}", got=print_node(node), loc=node.loc) from None


def _check(node: Node, type_: Type, array: Array, env: Mapping[str, int]) -> None:
    """A NumPy rule gives what `infer` promised."""
    got = Type(short_dtype(array.dtype), array.shape)
    expected = Type(type_.dtype, concrete(type_.shape, env))
    if got != expected:
        raise VerificationError(
            f"the numpy rule of `{node.op.name}` breaks its type", expected=str(expected), got=str(got), loc=node.loc
        )


# --------------------------------------------------------------------------------------------------- dimensions


def _is_name(extent: Poly) -> bool:
    return str(extent).isidentifier()


def _extents(k: int, type_: Type, env: Mapping[str, int]) -> tuple[int, ...]:
    try:
        return tuple(int(concrete(e, env)) for e in type_.shape)
    except KeyError as missing:
        raise FeedError(
            f"argument {k}: nothing tells the extent of dimension {missing}",
            expected=f"another argument with {missing} alone as an extent",
            got=str(type_),
        ) from None


def _misfit(k: int, type_: Type, array: Array, env: Mapping[str, int] | None = None) -> FeedError:
    where = ", ".join(f"{name} = {size}" for name, size in (env or {}).items() if _mentions(type_, name))
    return FeedError(
        f"argument {k} does not fit its type",
        expected=f"{type_}{f' where {where}' if where else ''}",
        got=f"{array.dtype} of shape {array.shape}",
    )


def _mentions(type_: Type, name: str) -> bool:
    return any(isinstance(e, Poly) and name in e.free for e in type_.shape)
