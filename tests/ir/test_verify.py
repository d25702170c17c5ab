"""Every invariant is broken once, and named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

import graphc.ir.ops  # noqa: F401 - registers the primitives
from graphc.errors import VerificationError
from graphc.ir.graph import Graph, Update
from graphc.ir.location import UNKNOWN
from graphc.ir.node import Literal, Node, Value
from graphc.ir.parser import parse_graph
from graphc.ir.poly import Poly
from graphc.ir.primitive import primitive
from graphc.ir.types import Type
from graphc.ir.verify import INVARIANTS, verify

TEXT = """\
graph f(%0 x: f32[n,4], %1 y: f32[4]) {
  %2 = variable {name="w"} : f32[4]
  %3 = add %0, %1 : f32[n,4]
  %4 = sum %3 {axes=(0,)} : f32[4]
  update %2 <- %4
  return %3, %4
}"""


def put(g: Graph, k: int, **changes: object) -> None:
    """Replace node k behind the graph's back."""
    g.nodes[k] = replace(g.nodes[k], **changes)  # type: ignore[arg-type]


def foreign() -> Value:
    return parse_graph(TEXT).nodes[3].out


def _wrong_id(g: Graph) -> None:
    put(g, 3, id=7)


def _unregistered(g: Graph) -> None:
    put(g, 3, op=replace(primitive("add"), name="plus"))


def _foreign_operand(g: Graph) -> None:
    put(g, 4, inputs=(foreign(),))


def _missing_result(g: Graph) -> None:
    put(g, 4, inputs=(Value(g.nodes[3], 1),))


def _extra_network_node(g: Graph) -> None:
    g.network.add_node(99)


def _wrong_edge_key(g: Graph) -> None:
    g.network.remove_edge(1, 3)
    g.network.add_edge(1, 3, key=5, index=0)


def _twice(g: Graph) -> None:
    old = g.nodes[4]
    g.nodes.append(Node(5, old.op, old.inputs, old.attrs, old.types, old.loc))
    g.network.add_node(5)
    g.network.add_edge(3, 5, key=0, index=0)


def _negative_extent(g: Graph) -> None:
    put(g, 4, types=(Type("f32", (-4,)),))


def _number_as_polynomial(g: Graph) -> None:
    put(g, 4, types=(Type("f32", (Poly.of(4),)),))


def _mutable_attribute(g: Graph) -> None:
    put(g, 4, attrs={"axes": [0]})


def _literal_elsewhere(g: Graph) -> None:
    put(g, 4, attrs={"axes": Literal(0)})


def _wrong_type(g: Graph) -> None:
    put(g, 4, types=(Type("f64", (4,)),))


def _no_inference(g: Graph) -> None:
    put(g, 4, attrs={"axes": (7,)})


def _no_location(g: Graph) -> None:
    put(g, 4, loc=UNKNOWN)


def _lost_input(g: Graph) -> None:
    g.inputs.pop()


def _repeated_input(g: Graph) -> None:
    g.inputs.append(g.inputs[0])


def _same_name(g: Graph) -> None:
    g.nodes[1].attrs["name"] = "w"  # type: ignore[index]


def _no_initial(g: Graph) -> None:
    g.initial.clear()


def _wrong_initial(g: Graph) -> None:
    g.initial["w"] = np.zeros(4)


def _foreign_output(g: Graph) -> None:
    g.outputs.append(foreign())


def _update_of_an_input(g: Graph) -> None:
    g.updates.append(Update(g.inputs[1], g.nodes[4].out))


def _update_of_another_type(g: Graph) -> None:
    g.updates.append(Update(g.variables[0], g.nodes[3].out))


@pytest.mark.parametrize(
    ("number", "damage"),
    [
        (1, _wrong_id),
        (2, _unregistered),
        (3, _foreign_operand),
        (3, _missing_result),
        (4, _extra_network_node),
        (5, _wrong_edge_key),
        (9, _twice),
        (6, _negative_extent),
        (6, _number_as_polynomial),
        (7, _mutable_attribute),
        (7, _literal_elsewhere),
        (8, _wrong_type),
        (8, _no_inference),
        (10, _no_location),
        (11, _lost_input),
        (11, _repeated_input),
        (12, _same_name),
        (13, _no_initial),
        (13, _wrong_initial),
        (14, _foreign_output),
        (15, _update_of_an_input),
        (15, _update_of_another_type),
    ],
)
def test_a_broken_invariant_is_named(number: int, damage: Callable[[Graph], None]) -> None:
    g = verify(parse_graph(TEXT))
    damage(g)
    with pytest.raises(VerificationError, match=rf"^invariant {number} \(") as caught:
        verify(g)
    assert len(str(caught.value).splitlines()) <= 12


def test_every_invariant_has_a_number_and_a_text() -> None:
    assert [i.number for i in INVARIANTS] == list(range(1, 16))
    assert all(i.text for i in INVARIANTS)


def test_a_fault_tells_the_line_of_the_node() -> None:
    g = parse_graph(TEXT)
    _wrong_type(g)
    with pytest.raises(VerificationError, match="<text>:4 in f"):
        verify(g)


def test_a_chain_of_ten_thousand_nodes_is_verified() -> None:
    g = Graph()
    with g:
        x = g.placeholder(Type("f32", (4,)))
        for _ in range(10_000):
            x = primitive("neg")(x)
    assert verify(g) is g
