"""Prune and fold."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from passes.blocks import plain

from graphc.ir.graph import Graph, Update
from graphc.ir.ops.arithmetic import add, div, mul, neg
from graphc.ir.ops.index import gather
from graphc.ir.ops.reduce import amax
from graphc.ir.ops.shape import expand, reshape
from graphc.ir.ops.source import iota
from graphc.ir.parser import parse_graph
from graphc.ir.poly import Poly
from graphc.ir.types import Type
from graphc.ir.verify import verify
from graphc.passes.fold import Fold
from graphc.passes.prune import Prune


def _ops(graph: Graph) -> list[str]:
    return [n.op.name for n in graph.nodes]


def test_prune_drops_what_no_output_needs_and_keeps_the_signature() -> None:
    before = parse_graph("""graph g(%0 x: f32[3], %1 y: f32[3]) {
  %2 = exp %1 : f32[3]
  %3 = tanh %0 : f32[3]
  %4 = log %2 : f32[3]
  return %3
}""")
    fired: Counter[str] = Counter()
    after = verify(Prune().run(before, fired))
    assert plain(after) == "graph g(%0 x: f32[3], %1 y: f32[3]) {\n  %2 = tanh %0 : f32[3]\n  return %2\n}"
    assert fired == {"exp": 1, "log": 1}


def test_prune_keeps_what_updates_need() -> None:
    g = Graph()
    with g:
        w = g.variable(np.zeros(3, np.float32), "w")
        g.updates = [Update(w, neg(w))]
    assert Prune().run(g) is g


def test_fold_computes_constants_through_several_nodes() -> None:
    g = Graph()
    with g:
        x = g.placeholder(Type("f32", (3,)))
        c = mul(g.constant(np.float32([1, 2, 3])), np.float32(2))
        g.outputs = [add(x, neg(c))]
    fired: Counter[str] = Counter()
    after = verify(Prune().run(Fold().run(g, fired)))
    assert plain(after).splitlines()[1:3] == [
        "  %1 = constant [-2.0, -4.0, -6.0] : f32[3]",
        "  %2 = add %0, %1 : f32[3]",
    ]
    assert fired == {"mul": 1, "neg": 1}


def test_fold_is_silent_about_nan() -> None:
    g = Graph()
    with g:
        zero = g.constant(np.float32([0, -1]))
        g.outputs = [div(zero, zero)]
    (y,) = Prune().run(Fold().run(g)).outputs
    np.testing.assert_array_equal(y.node.attrs["value"].array, np.float32([np.nan, 1]))


def test_a_repeated_item_becomes_an_expanded_scalar_but_zero_and_minus_zero_are_two() -> None:
    g = Graph()
    with g:
        g.outputs = [g.constant(np.full((100, 100), 2.5)), g.constant(np.array([0.0, -0.0])), g.constant(np.array([7]))]
    after = Prune().run(Fold().run(g))
    assert [v.op.name for v in after.outputs] == ["expand", "constant", "constant"]
    assert after.outputs[0].node.inputs[0].type == Type("f64")


@pytest.mark.parametrize("what", ["large", "symbolic", "iota", "empty maximum", "index"])
def test_fold_leaves_alone(what: str) -> None:
    g = Graph()
    with g:
        one = g.constant(np.float32(1))
        row = g.constant(np.arange(3.0))
        g.outputs = [
            {
                "large": lambda: mul(g.constant(np.arange(300.0)), g.constant(np.arange(300.0).reshape(300, 1))),
                "symbolic": lambda: expand(one, shape=(Poly.of("n"),)),
                "iota": lambda: neg(_iota(g)),
                "empty maximum": lambda: amax(reshape(g.constant(np.zeros((0, 2))), shape=(2, 0)), axes=(1,)),
                "index": lambda: gather(row, g.constant(np.array([5])), axis=0),
            }[what]()
        ]
    assert g.outputs[0].op in [n.op for n in Fold().run(g).nodes]


def _iota(g: Graph) -> object:
    return g.apply(iota, (), {"shape": (3,), "axis": 0, "dtype": "i64"})


def test_fold_without_constants_returns_the_graph() -> None:
    g = Graph()
    with g:
        g.outputs = [neg(g.placeholder(Type("f32", (3,))))]
    assert Fold().run(g) is g
