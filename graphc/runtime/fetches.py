"""What a run may name: tensors, names, updates, and nests of them."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from typing import Any

from graphc.errors import FeedError, FetchError, GraphcError, GraphMismatchError
from graphc.ir.graph import Graph, Update
from graphc.ir.location import user_location
from graphc.ir.node import Value
from graphc.numpy.tensor import Tensor
from graphc.records import dataclass
from graphc.runtime.run_graph import describe
from graphc.runtime.tree import Structure


@dataclass(frozen=True, slots=True)
class Fetches:
    """The leaves of a nest: for each its tensor (of an update: the new value), and every update once."""

    values: tuple[Value, ...]
    updates: tuple[Update, ...]
    structure: Structure


def nest_key(nest: Any) -> Any:
    """Equal for nests of lists, tuples and dicts that hold the same handles in the same way.

    A nest with other containers has no such key (`has_key`), nor one whose leaves cannot be hashed.
    """
    kind = nest.__class__
    if kind is list or kind is tuple:
        items = nest
    elif kind is dict:
        items = (*nest, *nest.values())
    else:
        return nest
    return (kind, *[nest_key(x) if x.__class__ in _CONTAINERS else x for x in items])


_CONTAINERS = (list, tuple, dict)


def flat_key(fetches: Any, feeds: Sequence[Any]) -> tuple[Any, ...]:
    """A key for one fetch, or a list or tuple without other nests inside, and the handles of its feeds."""
    kind = type(fetches)
    return (kind, *fetches, None, *feeds) if kind is list or kind is tuple else (fetches, *feeds)


def has_key(structure: Structure) -> bool:
    return (structure.is_leaf or structure.kind in _CONTAINERS) and all(map(has_key, structure.children))


def parse_fetches(graph: Graph, leaves: Sequence[Any], structure: Structure) -> Fetches:
    """Raises FetchError for what is no fetch, GraphMismatchError for a tensor of another graph."""
    updates = tuple({(u.variable, u.value): u for u in leaves if isinstance(u, Update)}.values())
    _check_updates(graph, updates)
    values = (leaf.value if isinstance(leaf, Update) else as_value(graph, leaf, FetchError) for leaf in leaves)
    return Fetches(tuple(values), updates, structure)


def parse_feeds(graph: Graph, handles: Iterable[Any]) -> tuple[Value, ...]:
    """The tensors that a feed names.  Raises FeedError or GraphMismatchError."""
    values = tuple(as_value(graph, h, FeedError) for h in handles)
    twice = next((v for k, v in enumerate(values) if v in values[:k]), None)
    if twice is not None:
        raise FeedError(
            f"{describe(twice)!r} is fed twice",
            expected="one array for each tensor", got="the tensor and its name, or two handles of it",
            fix="keep one of them", loc=user_location(),
        )  # fmt: skip
    return values


def parse_donated(graph: Graph, handles: Iterable[Any], feeds: Sequence[Value]) -> tuple[int, ...]:
    """The positions among the feeds of those that are given up.  Raises FeedError for what is not fed."""
    values = tuple(as_value(graph, h, FeedError) for h in handles)
    strange = next((v for v in values if v not in feeds), None)
    if strange is not None:
        raise FeedError(
            f"{describe(strange)!r} is donated, but not fed",
            expected=f"some of the feeds: {', '.join(map(describe, feeds)) or 'none'}", got=describe(strange),
            fix="name it among the feeds too", loc=user_location(),
        )  # fmt: skip
    return tuple(sorted({feeds.index(v) for v in values}))


def as_value(graph: Graph, handle: Any, error: type[GraphcError]) -> Value:
    """The graph value of a tensor or a name."""
    if isinstance(handle, str):
        return _named(graph, handle, error)
    value = handle.value if isinstance(handle, Tensor) else handle
    if not isinstance(value, Value):
        raise error(
            "not a tensor of a graph",
            expected="a tensor, the name of a placeholder or variable, or an update (as a fetch)",
            got=f"{type(handle).__name__}: {repr(handle)[:60]}",
            fix="name what placeholder(), variable(), an operation or assign() returned",
            loc=user_location(),
        )
    _check_owned(graph, value)
    return value


def _named(graph: Graph, name: str, error: type[GraphcError]) -> Value:
    found = graph.named(name)
    if found is None:
        names = [str(v.node.attrs["name"]) for v in (*graph.inputs, *graph.variables)]
        close = difflib.get_close_matches(name, names, 1)
        raise error(
            f"graph {graph.name!r} has no tensor named {name!r}",
            expected=", ".join(names[:8]) + (", ..." if len(names) > 8 else "") if names else "a tensor",
            got=repr(name),
            fix=repr(close[0]) if close else "the name of a placeholder or variable, or the tensor itself",
            loc=user_location(),
        )
    return found


def _check_owned(graph: Graph, value: Value) -> None:
    if not graph.owns(value):
        raise GraphMismatchError(
            "a tensor of another graph",
            expected=f"a tensor of graph {graph.name!r}, which this session runs",
            got=f"{value!r}: {value.type}, made at {value.node.loc}",
            fix="run it in a session of its own graph",
            loc=user_location(),
        )


def _check_updates(graph: Graph, updates: Sequence[Update]) -> None:
    """One run gives a variable one new value."""
    targets: dict[Value, Update] = {}
    for update in updates:
        _check_owned(graph, update.variable)
        _check_owned(graph, update.value)
        other = targets.setdefault(update.variable, update)
        if other is not update:
            raise FetchError(
                f"two updates of the variable {describe(update.variable)!r} in one run",
                expected="at most one new value for each variable",
                got=f"one made at {other.value.node.loc}, one at {update.value.node.loc}",
                fix="fetch them in two runs, or assign the combined value once",
                loc=user_location(),
            )
