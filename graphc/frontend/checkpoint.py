"""`checkpoint`: a function whose inside is computed again for the gradient, so that it need not be kept.

The function's operations become part of the graph as always.  Its results pass through `custom` operations, whose rule
for reverse mode adds the operations once more, on arguments behind a `barrier`: it keeps the second computation apart
from the first, and after the cotangent that needs it.  So the arguments stay in memory until then, and what lies
between them and the results does not.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from graphc.autodiff import forward, reverse
from graphc.frontend.point import Function, derived
from graphc.frontend.rules import is_float, lowered, marked
from graphc.frontend.worlds import Symbolic, find_world
from graphc.ir.closure import Closure
from graphc.ir.graph import Graph, current_graph
from graphc.ir.node import Node, Value
from graphc.ir.ops.custom import barrier, first_item
from graphc.ir.types import FLOATS
from graphc.numpy.tensor import Tensor, as_value
from graphc.records import dataclass, field
from graphc.runtime.tree import flatten


def checkpoint(f: Function) -> Function:
    """f with the same results and derivatives; in a graph, the gradient computes f again instead of keeping its inside.

    Worth it for a part that is large inside and small at its ends, such as a block of layers: the gradient of a chain
    of n blocks keeps n arguments and the inside of one block.  What f closes over is differentiated like its arguments.
    On the tape it is f itself: memory there follows the program.
    """

    @derived(f, "checkpoint")
    def checkpointed(*args: Any, **kwargs: Any) -> Any:
        world = find_world(flatten((args, kwargs))[0])
        if not isinstance(world, Symbolic) or isinstance(world.graph, Closure):
            return f(*args, **kwargs)
        start = len(world.graph)
        ys, nest = flatten(f(*args, **kwargs))
        return nest.unflatten(_marked(world.graph, ys, start))

    return checkpointed


def _marked(graph: Graph, ys: Sequence[Any], start: int) -> list[Any]:
    """The results, with rules for those that the function has computed."""
    made = [k for k, y in enumerate(ys) if is_float(y) and isinstance(y, Tensor) and y.value.node.id >= start]
    part = _Part.between(graph, start, [ys[k].value for k in made])
    operands = [Tensor(graph, v) for v in part.operands]
    results = list(ys)
    for n, k in enumerate(made):
        results[k] = marked(ys[k], operands, _pull_back(part, n), _push(part, n))
    return results


@dataclass
class _Part:
    """The operations between some operands and results of a graph, to be repeated on other operands."""

    nodes: list[Node]
    operands: list[Value]
    results: list[Value]
    _repeated: dict[tuple[Value, ...], tuple[list[Value], list[Value]]] = field(default_factory=dict)

    @staticmethod
    def between(graph: Graph, start: int, results: list[Value]) -> _Part:
        needed = {y.node.id for y in results}
        nodes: list[Node] = []
        operands: dict[Value, None] = {}
        for node in reversed(graph.nodes[start:]):
            if node.id in needed:
                nodes.append(node)
                needed.update(v.node.id for v in node.inputs)
                operands |= dict.fromkeys(v for v in node.inputs if v.node.id < start and v.op.name != "constant")
        return _Part(nodes[::-1], list(operands), results)

    def on(self, operands: Sequence[Value]) -> list[Value]:
        """The results for other operands."""
        graph = current_graph()
        known = dict(zip(self.operands, operands, strict=True))
        for node in self.nodes:
            with graph.building(node.loc):
                known[node.out] = graph.apply(node.op, [known.get(v, v) for v in node.inputs], node.attrs)
        return [known[y] for y in self.results]

    def again(self, operands: Sequence[Value], g: Value) -> tuple[list[Value], list[Value]]:
        """Operands that are not there before g, and the results for them: one computation for the gradients of all."""
        key = tuple(operands)
        if key not in self._repeated:
            late = list(operands) if g.type.size == 0 else [barrier(v, first_item(g)) for v in operands]
            self._repeated[key] = late, self.on(late)
        return self._repeated[key]


def _pull_back(part: _Part, k: int) -> Function:
    def pull_back(g: Any, z: Any, y: Any, *xs: Any, tag: int) -> list[Any]:
        graph = current_graph()
        cotangent = as_value(g, graph)
        operands, results = part.again([as_value(x, graph) for x in xs], cotangent)
        places = [n for n, v in enumerate(operands) if v.dtype in FLOATS]
        found = reverse.gradients(graph, [results[k]], [operands[n] for n in places], [cotangent])
        parts = dict(zip(places, found, strict=True))
        return [None, *[_derivative(parts.get(n), x, g) for n, x in enumerate(xs)]]

    return pull_back


def _push(part: _Part, k: int) -> Function:
    def push(ts: Sequence[Any], z: Any, y: Any, *xs: Any, tag: int) -> Any:
        graph = current_graph()
        operands = [as_value(x, graph) for x in xs]
        tangents = [None if t is None else as_value(t, graph) for t in ts[1:]]
        places = [n for n, t in enumerate(tangents) if t is not None]
        result = part.on(operands)[k]
        (found,) = forward.jvp(graph, [result], [operands[n] for n in places], [tangents[n] for n in places])
        return _derivative(found, y, y)

    return push


def _derivative(v: Value | None, x: Any, like: Any) -> Any:
    return None if v is None else lowered(Tensor(current_graph(), v), x, like)
