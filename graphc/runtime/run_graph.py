"""The graph of one run: what the fetches need, cut at what is fed.

Any tensor can be fed: it becomes a placeholder and what led to it is pruned.  A variable that is read becomes a
placeholder as well, so that a run is a pure function of arrays: feeds and variables in, fetches and new values out.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from graphc.errors import MissingFeedError
from graphc.ir.graph import Graph
from graphc.ir.location import user_location
from graphc.ir.node import Node, Value
from graphc.ir.poly import Poly
from graphc.records import dataclass


@dataclass(frozen=True, slots=True)
class RunGraph:
    """`graph.inputs` are the feeds in order, then one placeholder for each name in `variables`."""

    graph: Graph
    variables: tuple[str, ...]


def run_graph(graph: Graph, fetches: Sequence[Value], feeds: Sequence[Value]) -> RunGraph:
    """The pruned graph whose outputs are `fetches`.

    Raises MissingFeedError when a placeholder that is needed is not among `feeds`.
    """
    needed = _needed(fetches, frozenset(feeds))
    _check_fed(needed)
    graph.check_stand_ins(n.id for n in needed)
    run = Graph(graph.name)
    image = {v: _placeholder(run, v) for v in feeds}
    variables = [n.out for n in needed if n.op.name == "variable"]
    image |= {v: _placeholder(run, v) for v in variables}
    for node in needed:
        _copy(node, run, image)
    run.outputs.extend(image[v] for v in fetches)
    _check_extents(run)
    return RunGraph(run, tuple(v.node.attrs["name"] for v in variables))


def describe(value: Value) -> str:
    """How messages name a tensor: by its name, or by number and line."""
    name = value.node.attrs.get("name")
    return str(name) if name else f"{value!r} ({value.op.name}, {value.node.loc})"


def _needed(fetches: Sequence[Value], fed: Collection[Value]) -> list[Node]:
    """The fetches and their ancestors, short of what is fed, in the order of the graph."""
    found: dict[int, Node] = {}
    pending = [v.node for v in fetches if v not in fed]
    while pending:
        node = pending.pop()
        if node.id not in found:
            found[node.id] = node
            pending.extend(v.node for v in node.inputs if v not in fed)
    return [found[k] for k in sorted(found)]


def _check_fed(needed: Sequence[Node]) -> None:
    missing = [n.out for n in needed if n.op.name == "placeholder"]
    if missing:
        names = [describe(v) for v in missing]
        raise MissingFeedError(
            f"the fetches need {' and '.join(map(repr, names))}, which {'is' if len(names) == 1 else 'are'} not fed",
            expected=", ".join(f"{name}: {v.type}" for name, v in zip(names, missing, strict=True)),
            got="no value",
            fix=f"run(fetches, feed={{{', '.join(f'{name}: ...' for name in names)}}})",
            loc=user_location(),
        )


def _placeholder(run: Graph, value: Value) -> Value:
    with run.building(value.node.loc):
        return run.placeholder(value.type, value.node.attrs.get("name") or f"fed{value.node.id}")


def _copy(node: Node, run: Graph, image: dict[Value, Value]) -> None:
    if node.out in image:
        return
    copy = run.add(node.op, [image[v] for v in node.inputs], node.attrs, node.types, node.loc)
    for k in range(len(node.types)):
        image.setdefault(Value(node, k), Value(copy, k))


def _check_extents(run: Graph) -> None:
    """Symbolic extents get their numbers from the shapes of what is fed."""
    extents = (e for v in run.inputs for e in v.shape if isinstance(e, Poly))
    unknown = set(run.dims).difference(*(e.free for e in extents))
    if unknown:
        raise MissingFeedError(
            f"the extent {sorted(unknown)[0]!r} is not known from what is fed",
            expected="a feed whose shape contains it",
            got=", ".join(describe(v) for v in run.inputs) or "no feed",
            fix="feed a tensor that has this extent",
            loc=user_location(),
        )
