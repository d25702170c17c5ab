"""The graph: append-only and hash-consed, a NetworkX multigraph for algorithms, and the stack of graphs being built.

Nodes are numbered in insertion order, which is topological.  A pass never changes a graph, it builds another one.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Any

import numpy as np

from graphc.errors import DTypeError, FrozenGraphError, GraphMismatchError
from graphc.ir.location import Location, user_location
from graphc.ir.node import NO_ATTRIBUTES, Attributes, Literal, Node, Value
from graphc.ir.poly import Poly, Size
from graphc.ir.primitive import Primitive, primitive
from graphc.ir.types import Type, make_shape, numpy_dtype, short_dtype
from graphc.records import dataclass

if TYPE_CHECKING:
    import networkx as nx


@dataclass(frozen=True, slots=True, eq=False)
class Update:
    """At the end of a run that fetches it, `variable` takes `value`.  Like a tensor, it is known by its identity."""

    variable: Value
    value: Value


class Graph:
    """Operations and the tensors between them.

    As a context manager (`with g:`) it receives the operations of the block.  `inputs` are its placeholders in order,
    `outputs` what a traced function returns, `updates` the assignments to variables.  `stand_ins` are the nodes that
    stood for an item while a function was mapped over a batch: nothing may be computed from them.
    """

    def __init__(self, name: str = "graph") -> None:
        self.name = name
        self.nodes: list[Node] = []
        self.inputs: list[Value] = []
        self.variables: list[Value] = []
        self.outputs: list[Value] = []
        self.updates: list[Update] = []
        self.initial: dict[str, np.ndarray[Any, Any]] = {}
        self.stand_ins: set[int] = set()
        self.frozen = False
        self.facts: dict[tuple[str, int], bool] = {}  # what was asked of nodes, which never change: question and node
        self._known: dict[object, Node] = {}  # by what they compute; see `_learn`
        self._readers: list[list[int]] = []  # for each node the ids of those that read it, ascending; see `users`
        self._network: nx.MultiDiGraph | None = None
        self._drawn = 0  # nodes that the network has

    # ---------------------------------------------------------------------------------------------------- adding

    def add(
        self, op: Primitive, inputs: Sequence[Value], attrs: Mapping[str, Any], types: tuple[Type, ...], loc: Location
    ) -> Node:
        """The node of this operation: the one there is, or a new one."""
        own = attrs if isinstance(attrs, Attributes) else Attributes(attrs) if attrs else NO_ATTRIBUTES
        if len(self._known) < len(self.nodes):
            self._learn()
        key = _key(op, inputs, own)
        known = self._known.get(key)
        if known is not None:
            return known
        if self.frozen:
            raise FrozenGraphError(
                f"graph {self.name!r} has been run and takes no more operations",
                got=op.name,
                fix="build the whole graph before the first Session.run, or start another Graph",
                loc=loc,
            )
        node = Node(len(self.nodes), op, tuple(inputs), own, types, loc)
        self._known[key] = node
        self.nodes.append(node)
        return node

    def take(self, node: Node, inputs: tuple[Value, ...]) -> Node:
        """A copy of a node of another graph, which must compute what no node of this graph does."""
        new = Node(len(self.nodes), node.op, inputs, node.attrs, node.types, node.loc)
        self.nodes.append(new)
        return new

    def _learn(self) -> None:
        """What the nodes compute that were taken over: a graph that nothing is added to need not know."""
        for node in self.nodes[len(self._known) :]:
            self._known[_key(node.op, node.inputs, node.attrs)] = node

    def apply(self, op: Primitive, args: Sequence[Any], attrs: Mapping[str, Any]) -> Value:
        """Add an operation on values, arrays and numbers; its type is inferred."""
        inputs = args if all(map(self._is_own, args)) else self._operands(args)
        type_ = op.infer(*[v.node.types[v.index] for v in inputs], **attrs)
        return self.add(op, inputs, attrs, (type_,), building_location()).out

    def constant(self, value: Any, dtype: str | None = None) -> Value:
        literal = Literal(np.asarray(value, numpy_dtype(dtype)) if dtype else value)
        return self.add(primitive("constant"), (), {"value": literal}, (literal.type,), building_location()).out

    def capture(self, x: Any) -> Value:
        """A tensor that is computed already, as a constant."""
        return self.constant(np.asarray(x))

    def placeholder(self, type_: Type, name: str = "") -> Value:
        attrs = {"name": self._fresh(name or f"arg{len(self.inputs)}"), "dtype": type_.dtype, "shape": type_.shape}
        value = self.add(primitive("placeholder"), (), attrs, (type_,), building_location()).out
        self.inputs.append(value)
        return value

    def variable(self, initial: np.ndarray[Any, Any], name: str = "") -> Value:
        type_ = Type(short_dtype(initial.dtype), make_shape(initial.shape))
        name = self._fresh(name or f"var{len(self.variables)}")
        attrs = {"name": name, "dtype": type_.dtype, "shape": type_.shape}
        value = self.add(primitive("variable"), (), attrs, (type_,), building_location()).out
        self.variables.append(value)
        self.initial[name] = np.array(initial, order="C")
        return value

    def _fresh(self, name: str) -> str:
        taken = {v.node.attrs["name"] for v in (*self.inputs, *self.variables)}
        return name if name not in taken else next(n for k in range(1, 10**9) if (n := f"{name}_{k}") not in taken)

    def _is_own(self, a: Any) -> bool:
        return a.__class__ is Value and self.owns(a)

    def _operands(self, args: Sequence[Any]) -> list[Value]:
        values = [a for a in args if isinstance(a, Value)]
        like = next((v for v in values if v.dtype != "bool"), values[0] if values else None)
        return [self._operand(a, like) for a in args]

    def _operand(self, a: Any, like: Value | None) -> Value:
        if isinstance(a, Value):
            if not self.owns(a):
                raise GraphMismatchError(
                    "a tensor of another graph",
                    expected=f"a tensor of graph {self.name!r}",
                    got=f"{a!r}: {a.type}, made at {a.node.loc}",
                    fix="build both in one graph, or pass the value as an argument",
                    loc=building_location(),
                )
            return a
        if isinstance(a, bool | int | float) and like is not None:
            return self.constant(a, like.dtype)
        if isinstance(a, np.ndarray | np.generic):
            return self.constant(a)
        raise DTypeError(
            "not an operand", expected="a tensor, an array or a number", got=repr(a)[:80], loc=building_location()
        )

    # --------------------------------------------------------------------------------------------------- looking

    def owns(self, v: Value) -> bool:
        return v.node.id < len(self.nodes) and self.nodes[v.node.id] is v.node

    def users(self, v: Value) -> Iterator[Node]:
        """Every node that reads v, once, in order."""
        for reader in self.nodes[len(self._readers) :]:  # those that came since the last time
            self._readers.append([])
            for k in {x.node.id for x in reader.inputs}:
                self._readers[k].append(reader.id)
        for k in self._readers[v.node.id]:
            node = self.nodes[k]
            if v in node.inputs:
                yield node

    @property
    def network(self) -> nx.MultiDiGraph:
        """The graph for the algorithms of NetworkX: node ids, and edges keyed by operand position with the `index` of
        the result, so that `x * x` has two."""
        if self._network is None:
            import networkx as nx  # slow to load, and few programs need it

            self._network = nx.MultiDiGraph()
        for node in self.nodes[self._drawn :]:
            self._network.add_node(node.id)
            for position, v in enumerate(node.inputs):
                self._network.add_edge(v.node.id, node.id, key=position, index=v.index)
        self._drawn = len(self.nodes)
        return self._network

    def check_stand_ins(self, needed: Iterable[int]) -> None:
        """Raises GraphMismatchError if a result needs a node that stood for one item of a batch."""
        lost = self.stand_ins.intersection(needed)
        if lost:
            raise GraphMismatchError(
                "one item of a batch is used outside of the function that vmap maps",
                got=f"the item made at {self.nodes[min(lost)].loc}",
                fix="return it from the mapped function; give it to a custom_vjp or custom_jvp function as an argument",
                loc=user_location(),
            )

    def named(self, name: str) -> Value | None:
        """The placeholder or variable of that name."""
        return next((v for v in (*self.inputs, *self.variables) if v.node.attrs["name"] == name), None)

    @property
    def dims(self) -> tuple[str, ...]:
        """The names of symbolic extents, sorted."""
        extents: Iterable[Size] = (e for n in self.nodes for t in n.types for e in t.shape)
        return tuple(sorted(frozenset[str]().union(*(e.free for e in extents if isinstance(e, Poly)))))

    def __len__(self) -> int:
        return len(self.nodes)

    def __str__(self) -> str:
        from graphc.ir.printer import print_graph

        return print_graph(self)

    # -------------------------------------------------------------------------------------------------- building

    def __enter__(self) -> Graph:
        _stack().append((self, None))
        return self

    def __exit__(self, *exc: object) -> None:
        _stack().pop()

    def building(self, loc: Location | None = None) -> AbstractContextManager[Graph]:
        """Receive operations; with `loc`, every node made is attributed to that line."""
        return _Building(self, loc)


def _key(op: Primitive, inputs: Sequence[Value], attrs: Any) -> object:
    return (op.name, attrs.key, *[(v.node.id, v.index) for v in inputs])


class _Building:
    """A block that a graph receives; a pass opens one for every node."""

    __slots__ = ("entry",)

    def __init__(self, graph: Graph, loc: Location | None) -> None:
        self.entry = graph, loc

    def __enter__(self) -> Graph:
        _stack().append(self.entry)
        return self.entry[0]

    def __exit__(self, *error: object) -> None:
        _stack().pop()


_local = threading.local()


def _stack() -> list[tuple[Graph, Location | None]]:
    try:
        stack: list[tuple[Graph, Location | None]] = _local.stack
    except AttributeError:
        stack = _local.stack = []
    return stack


def is_building() -> bool:
    return bool(_stack())


def current_graph() -> Graph:
    """The graph being built. Raises GraphMismatchError outside of any."""
    stack = _stack()
    if not stack:
        raise GraphMismatchError(
            "no graph is being built", fix="write it inside `with graph:` or in a traced function", loc=user_location()
        )
    return stack[-1][0]


def building_location() -> Location:
    stack = _stack()
    return (stack[-1][1] if stack else None) or user_location()
