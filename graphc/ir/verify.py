"""The invariants of a graph, numbered, a short function each.

An invariant yields what breaks it; `verify` raises the first.  It runs after every pass under tests and with
`GRAPHC_VERIFY=1`, in time linear in the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from graphc.errors import GraphcError, VerificationError
from graphc.ir.graph import Graph
from graphc.ir.location import UNKNOWN
from graphc.ir.node import Attributes, Literal, Node, Value
from graphc.ir.poly import Poly
from graphc.ir.primitive import PRIMITIVES
from graphc.ir.types import DTYPES, Type, short_dtype
from graphc.records import dataclass


@dataclass(frozen=True)
class Fault:
    """What is wrong, and at which node (None: of the graph as a whole)."""

    node: Node | None
    problem: str
    expected: str = ""
    got: str = ""


Rule = Callable[[Graph], Iterator[Fault]]


@dataclass(frozen=True)
class Invariant:
    number: int
    rule: Rule

    @property
    def text(self) -> str:
        return (self.rule.__doc__ or "").strip()


INVARIANTS: list[Invariant] = []


def invariant(rule: Rule) -> Rule:
    INVARIANTS.append(Invariant(len(INVARIANTS) + 1, rule))
    return rule


def verify(graph: Graph) -> Graph:
    """The graph itself.  Raises VerificationError with the number of the invariant, the node and the user's line."""
    for inv in INVARIANTS:
        fault = next(inv.rule(graph), None)
        if fault is not None:
            raise _error(graph, inv, fault)
    return graph


def _error(graph: Graph, inv: Invariant, fault: Fault) -> VerificationError:
    where = repr(fault.node) if fault.node is not None else f"graph {graph.name!r}"
    return VerificationError(
        f"invariant {inv.number} ({inv.text}) does not hold for {where}: {fault.problem}",
        expected=fault.expected,
        got=fault.got,
        loc=fault.node.loc if fault.node is not None else None,
    )


# ------------------------------------------------------------------------------------------------------ structure


@invariant
def dense_ids(graph: Graph) -> Iterator[Fault]:
    """ids are positions"""
    for position, node in enumerate(graph.nodes):
        if node.id != position:
            yield Fault(node, "a wrong id", str(position), str(node.id))


@invariant
def registered_primitives(graph: Graph) -> Iterator[Fault]:
    """every operation is a registered primitive"""
    for node in graph.nodes:
        if PRIMITIVES.get(node.op.name) is not node.op:
            yield Fault(node, f"no primitive is registered as {node.op.name!r}")


@invariant
def earlier_inputs(graph: Graph) -> Iterator[Fault]:
    """operands are results of earlier nodes of the graph"""
    for node in graph.nodes:
        for v in node.inputs:
            if not graph.owns(v) or v.node.id >= node.id:
                yield Fault(node, "an operand from elsewhere", f"a node before %{node.id}", repr(v.node))
            elif not 0 <= v.index < len(v.node.types):
                yield Fault(node, "an operand with no such result", f"0..{len(v.node.types) - 1}", str(v.index))


@invariant
def network_nodes(graph: Graph) -> Iterator[Fault]:
    """the network has the nodes"""
    if set(graph.network) != set(range(len(graph.nodes))):
        yield Fault(None, "other node ids", f"0..{len(graph.nodes) - 1}", f"{graph.network.number_of_nodes()} nodes")


@invariant
def network_edges(graph: Graph) -> Iterator[Fault]:
    """the network has one edge per operand, keyed by position"""
    for node in graph.nodes:
        expected = [(v.node.id, position, v.index) for position, v in enumerate(node.inputs)]
        edges = graph.network.in_edges(node.id, keys=True, data="index")
        got = sorted(((u, key, index) for u, _, key, index in edges), key=lambda e: e[1])
        if got != expected:
            yield Fault(node, "other edges (from, operand, result)", str(expected), str(got))


# ---------------------------------------------------------------------------------------------------------- types


@invariant
def plain_types(graph: Graph) -> Iterator[Fault]:
    """types have a known element type and normal extents"""
    for node in graph.nodes:
        for t in node.types:
            if t.dtype not in DTYPES or not all(map(_is_extent, t.shape)):
                yield Fault(node, "not a type", "non-negative ints and symbolic extents", repr(t))


def _is_extent(e: Any) -> bool:
    return e.constant is None if isinstance(e, Poly) else type(e) is int and e >= 0


@invariant
def plain_attributes(graph: Graph) -> Iterator[Fault]:
    """attributes are immutable and have a text"""
    for node in graph.nodes:
        for name, value in node.attrs.items():
            literal = isinstance(value, Literal) and node.op.name == "constant"
            if not (literal or _is_plain(value)):
                yield Fault(node, f"attribute {name!r}", "numbers, strings, symbolic extents, tuples", repr(value)[:80])


def _is_plain(value: Any) -> bool:
    if type(value) is tuple:
        return all(map(_is_plain, value))
    if isinstance(value, Poly):
        return value.constant is None
    return value is None or type(value) in (bool, int, float, str)


@invariant
def inferred_types(graph: Graph) -> Iterator[Fault]:
    """types are those that `infer` gives"""
    for node in graph.nodes:
        try:
            inferred = node.op.infer(*(v.type for v in node.inputs), **node.attrs)
        except GraphcError as e:
            yield Fault(node, f"`infer` refuses its operands: {e.problem}", e.expected, e.got)
            continue
        expected = inferred if isinstance(inferred, tuple) else (inferred,)
        if node.types != expected:
            yield Fault(node, "another type", _types(expected), _types(node.types))


def _types(types: tuple[Type, ...]) -> str:
    return ", ".join(map(str, types))


@invariant
def unique_nodes(graph: Graph) -> Iterator[Fault]:
    """no operation occurs twice"""
    known: dict[object, Node] = {}
    for node in graph.nodes:
        first = known.setdefault((node.op.name, node.inputs, Attributes(node.attrs).key), node)
        if first is not node:
            yield Fault(node, f"the same as %{first.id}", "one node (add them with Graph.add)")


# ---------------------------------------------------------------------------------------------- sources and results


@invariant
def located(graph: Graph) -> Iterator[Fault]:
    """every node has a line of the user's program"""
    yield from (Fault(node, "no location") for node in graph.nodes if node.loc == UNKNOWN)


@invariant
def listed_sources(graph: Graph) -> Iterator[Fault]:
    """`inputs` lists every placeholder once, `variables` every variable"""
    for op, listed in (("placeholder", graph.inputs), ("variable", graph.variables)):
        expected = [n.out for n in graph.nodes if n.op.name == op]
        if sorted(listed, key=lambda v: v.node.id) != expected:
            yield Fault(None, f"another list of {op}s", str(expected), str(listed))


@invariant
def unique_names(graph: Graph) -> Iterator[Fault]:
    """placeholders and variables have names of their own"""
    taken: dict[str, Node] = {}
    for v in (*graph.inputs, *graph.variables):
        first = taken.setdefault(v.node.attrs["name"], v.node)
        if first is not v.node:
            yield Fault(v.node, f"the name of %{first.id}", got=repr(v.node.attrs["name"]))


@invariant
def initial_values(graph: Graph) -> Iterator[Fault]:
    """every variable, and nothing else, has an initial value of its type"""
    names = {v.node.attrs["name"]: v for v in graph.variables}
    if names.keys() != graph.initial.keys():
        yield Fault(None, "other initial values", str(sorted(names)), str(sorted(graph.initial)))
    for name, array in graph.initial.items():
        got = Type(short_dtype(array.dtype), array.shape)
        if got != names[name].type:
            yield Fault(names[name].node, "an initial value of another type", str(names[name].type), str(got))


@invariant
def owned_outputs(graph: Graph) -> Iterator[Fault]:
    """outputs are values of the graph"""
    yield from (Fault(None, "an output from elsewhere", got=repr(v)) for v in graph.outputs if not _has(graph, v))


@invariant
def fitting_updates(graph: Graph) -> Iterator[Fault]:
    """an update gives a variable a value of its type"""
    for update in graph.updates:
        variable, value = update.variable, update.value
        if variable not in graph.variables or not _has(graph, value):
            yield Fault(None, "an update from elsewhere", got=f"{variable!r} <- {value!r}")
        elif variable.type != value.type:
            yield Fault(value.node, f"an update of {variable!r}", str(variable.type), str(value.type))


def _has(graph: Graph, v: Value) -> bool:
    return graph.owns(v) and 0 <= v.index < len(v.node.types)
