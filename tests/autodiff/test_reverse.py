"""Reverse and forward mode on graphs: what is connected, where nodes are attributed, what is refused."""

from __future__ import annotations

import inspect

import numpy as np
import pytest

from graphc.autodiff.forward import jvp
from graphc.autodiff.reverse import gradients
from graphc.errors import GradientError, GraphMismatchError
from graphc.ir.evaluate import evaluate
from graphc.ir.graph import Graph
from graphc.ir.ops.arithmetic import add, alias, cast, floor, mul, stop_gradient
from graphc.ir.ops.linalg import matmul
from graphc.ir.ops.maths import tanh
from graphc.ir.ops.reduce import argmax, sum_
from graphc.ir.ops.shape import expand
from graphc.ir.types import Dim, Type


@pytest.fixture
def graph():
    with Graph("test") as g:
        yield g


def here() -> int:
    """The line of the caller."""
    return inspect.currentframe().f_back.f_lineno


def test_every_node_has_the_line_of_the_operation_it_differentiates(graph):
    x = graph.placeholder(Type("f64", (3,)))
    first = here() + 1
    y = tanh(x)
    z = sum_(mul(y, y), axes=(0,))
    before = len(graph)
    gradients(graph, [z], [x])
    lines = {n.loc.line for n in graph.nodes[before:]}
    assert lines == {first, first + 1, first + 3}  # the seed is on the line that asked


def test_only_the_way_between_x_and_y_is_differentiated(graph):
    x, w = graph.placeholder(Type("f64", (3, 3))), graph.placeholder(Type("f64", (3, 3)))
    hidden = tanh(matmul(tanh(w), w))
    y = sum_(mul(hidden, x), axes=(0, 1))
    before = len(graph)
    (dx,) = gradients(graph, [y], [x])
    assert dx is not None
    assert not [n for n in graph.nodes[before:] if n.op is matmul]


def test_unconnected_is_none(graph):
    x, z = graph.placeholder(Type("f64", ())), graph.placeholder(Type("f64", ()))
    assert gradients(graph, [mul(x, x)], [z, stop_gradient(x)]) == [None, None]
    assert gradients(graph, [stop_gradient(x)], [x]) == [None]
    assert gradients(graph, [floor(x)], [x]) == [None]
    assert gradients(graph, [], [x]) == [None]
    assert gradients(graph, [x], []) == []
    assert jvp(graph, [mul(z, z)], [x], [x]) == [None]
    assert jvp(graph, [mul(z, z)], [z], [None]) == [None]


def test_several_outputs_and_cotangents_add_up(graph):
    x = graph.placeholder(Type("f64", (2,)))
    ys = [mul(x, x), tanh(x)]
    gs = [graph.placeholder(Type("f64", (2,))) for _ in ys]
    (dx,) = gradients(graph, ys, [x], gs)
    point, c, d = np.array([0.5, -2.0]), np.array([1.0, 3.0]), np.array([-1.0, 0.5])
    (got,) = evaluate(graph, [dx], {x: point, gs[0]: c, gs[1]: d})
    np.testing.assert_allclose(got, c * 2 * point + d * (1 - np.tanh(point) ** 2))


def test_gradient_of_a_tensor_with_respect_to_itself_and_to_what_lies_between(graph):
    x = graph.placeholder(Type("f64", ()))
    y = mul(x, x)
    z = mul(y, y)
    dz, dy, dx = gradients(graph, [z], [z, y, x])
    assert [float(a) for a in evaluate(graph, [dz, dy, dx], {x: np.array(3.0)})] == [1.0, 18.0, 108.0]


def test_an_alias_is_a_variable_of_its_own(graph):
    x = graph.placeholder(Type("f64", ()))
    own = alias(x, tag=7)
    (dx,) = gradients(graph, [add(mul(own, own), mul(x, x))], [own])
    assert evaluate(graph, [dx], {x: np.array(3.0)}) == [6.0]


def test_broadcasting_is_summed_with_a_symbolic_batch(graph):
    x, b = graph.placeholder(Type("f32", (Dim("batch"), 3))), graph.placeholder(Type("f32", (3,)))
    z = sum_(mul(add(x, b), add(x, b)), axes=(0, 1))
    dx, db = gradients(graph, [z], [x, b])
    assert (dx.type, db.type) == (x.type, b.type)
    a, c = np.arange(12, dtype="f4").reshape(4, 3), np.ones(3, "f4")
    gx, gb = evaluate(graph, [dx, db], {x: a, b: c})
    np.testing.assert_array_equal(gx, 2 * (a + c))
    np.testing.assert_array_equal(gb, (2 * (a + c)).sum(0))


def test_third_derivative(graph):
    x = graph.placeholder(Type("f64", ()))
    y = mul(mul(x, x), mul(x, x))
    for _ in range(3):
        (y,) = gradients(graph, [y], [x])
    assert evaluate(graph, [y], {x: np.array(2.0)}) == [48.0]


def test_forward_mode_broadcasts_the_tangent(graph):
    x, b = graph.placeholder(Type("f64", (2, 3))), graph.placeholder(Type("f64", (3,)))
    (t,) = jvp(graph, [add(x, b)], [b], [b])
    assert t.type == x.type


def test_a_hundred_thousand_operations_do_not_recurse():
    g = Graph("deep")
    with g.building(loc=Graph("other").placeholder(Type("f64", ())).node.loc):
        x = w = g.placeholder(Type("f64", ()))
        for _ in range(100_000):
            w = add(w, x)
        (dx,) = gradients(g, [w], [x])
    assert evaluate(g, [dx], {x: np.array(1.0)}) == [100_001.0]


# ------------------------------------------------------------------------------------------------------- mistakes


def test_a_vector_needs_a_cotangent(graph):
    x = graph.placeholder(Type("f64", (3,)))
    with pytest.raises(GradientError, match=r"f64\[3\]") as e:
        gradients(graph, [tanh(x)], [x])
    assert "sum()" in str(e.value) and "test_reverse.py" in str(e.value)
    assert gradients(graph, [expand(sum_(x, axes=(0,)), shape=(1, 1))], [x])[0].type == x.type


@pytest.mark.parametrize("of", ["x", "y"])
def test_integers_have_no_gradient(graph, of):
    x = graph.placeholder(Type("f64", (3,)))
    whole = argmax(x, axes=(0,)) if of == "y" else cast(x, dtype="i32")
    with pytest.raises(GradientError, match="only floats"):
        gradients(graph, [whole] if of == "y" else [sum_(x, axes=(0,))], [x] if of == "y" else [whole])


def test_cotangents_and_tangents_have_the_type_of_their_tensor(graph):
    x, wrong = graph.placeholder(Type("f64", (3,))), graph.placeholder(Type("f32", (3,)))
    with pytest.raises(GradientError, match="cotangent has the type"):
        gradients(graph, [tanh(x)], [x], [wrong])
    with pytest.raises(GradientError, match="one cotangent per y"):
        gradients(graph, [tanh(x)], [x], [])
    with pytest.raises(GradientError, match="tangent has the type"):
        jvp(graph, [tanh(x)], [x], [wrong])
    with pytest.raises(GradientError, match="one tangent per x"):
        jvp(graph, [tanh(x)], [x], [])


def test_another_graph_is_refused(graph):
    x = graph.placeholder(Type("f64", ()))
    other = Graph("other").placeholder(Type("f64", ()))
    with pytest.raises(GraphMismatchError):
        gradients(graph, [mul(x, x)], [other])
    with pytest.raises(GraphMismatchError):
        jvp(graph, [other], [x], [x])
