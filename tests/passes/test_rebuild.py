"""Copies of graphs: equal to the text, and still without two nodes that compute the same."""

from __future__ import annotations

import numpy as np

from graphc.ir.graph import Graph, Update
from graphc.ir.ops.arithmetic import add, mul, sub
from graphc.ir.printer import print_graph
from graphc.ir.types import Type
from graphc.ir.verify import verify
from graphc.passes.rebuild import copy, reachable, rebuild


def _graph() -> Graph:
    g = Graph("g")
    with g:
        x, w = g.placeholder(Type("f64", (3,)), "x"), g.variable(np.ones(3), "w")
        y = mul(x, w)
        sub(y, x)  # nobody asks for it
        g.outputs = [add(y, y)]
        g.updates = [Update(w, y)]
    return g


def test_a_copy_has_the_same_text_and_shares_no_node():
    g = _graph()
    h = rebuild(g)
    assert print_graph(h) == print_graph(g) == print_graph(rebuild(g, copy))
    assert not set(map(id, g.nodes)) & set(map(id, h.nodes))
    assert all(h.owns(v) for v in (*h.inputs, *h.variables, *h.outputs))
    verify(h)


def test_what_a_copy_computes_already_is_not_computed_again():
    h = rebuild(_graph())
    count = len(h)
    with h:
        y = mul(h.inputs[0], h.variables[0])
        assert add(y, y) == h.outputs[0]
        assert len(h) == count
        z = sub(y, h.variables[0])
        assert len(h) == count + 1 and sub(y, h.variables[0]) == z
    verify(h)


def test_what_was_dropped_may_come_again():
    g = _graph()
    h = rebuild(g, keep=reachable(g))
    assert len(h) == len(g) - 1
    with h:
        x, w = h.inputs[0], h.variables[0]
        again = sub(mul(x, w), x)
    assert again.node is h.nodes[-1] and len(h) == len(g)
