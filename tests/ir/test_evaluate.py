"""Reference evaluation: values, dimensions, feeds, errors."""

from __future__ import annotations

import warnings
import weakref

import numpy as np
import pytest

import graphc.ir.ops  # noqa: F401 - registers the primitives
from graphc.errors import FeedError, GraphMismatchError, MissingFeedError, OutOfRangeError, VerificationError
from graphc.ir.evaluate import bind_dims, evaluate
from graphc.ir.graph import Graph
from graphc.ir.location import Location
from graphc.ir.parser import parse_graph
from graphc.ir.primitive import Primitive, primitive
from graphc.ir.types import Type, parse_type

F32 = np.float32
SHORT = {"f32": np.float32, "i32": np.int32, "u8": np.uint8}


def run(text: str, *feeds: np.ndarray) -> list[np.ndarray]:
    g = parse_graph(text)
    return evaluate(g, g.outputs, dict(zip(g.inputs, feeds, strict=True)))


def test_values_follow_the_numpy_rules() -> None:
    text = """graph f(%0 x: f32[n,4], %1 w: f32[4,2]) {
      %2 = matmul %0, %1 : f32[n,2]
      %3 = tanh %2 : f32[n,2]
      %4 = sum %3 {axes=(0,1)} : f32[]
      return %4, %3, %3
    }"""
    x, w = np.arange(12, dtype=F32).reshape(3, 4), np.ones((4, 2), F32) / 8
    total, y, again = run(text, x, w)
    np.testing.assert_array_equal(y, np.tanh(x @ w))
    assert total.dtype == F32 and total.shape == () and total == np.tanh(x @ w).sum()
    assert again is not y


def test_symbolic_attributes_get_their_numbers() -> None:
    text = """graph f(%0 x: f32[n,2]) {
      %1 = reshape %0 {shape=(2*n,)} : f32[2*n]
      %2 = pad %1 {high=(1,), low=(0,), value=7.0} : f32[2*n + 1]
      %3 = expand %2 {shape=(n,2*n + 1)} : f32[n,2*n + 1]
      return %3
    }"""
    for n in (0, 1, 3):
        (y,) = run(text, np.ones((n, 2), F32))
        assert y.shape == (n, 2 * n + 1)


def test_results_are_new_arrays() -> None:
    x = np.ones((2, 2), F32)
    (y,) = run("graph f(%0 x: f32[2,2]) { %1 = permute %0 {axes=(1,0)} : f32[2,2] return %1 }", x)
    assert not np.shares_memory(x, y) and y.flags.writeable and y.flags.c_contiguous


def test_any_value_can_be_fed() -> None:
    g = parse_graph("graph f(%0 x: f32[2]) { %1 = neg %0 : f32[2] %2 = exp %1 : f32[2] return %2 }")
    (y,) = evaluate(g, g.outputs, {g.nodes[1].out: np.zeros(2, F32)})
    np.testing.assert_array_equal(y, [1, 1])


def test_variables_have_their_initial_value_unless_fed() -> None:
    g = parse_graph('graph f() { %0 = variable [3.0, 4.0] {name="w"} : f64[2] %1 = neg %0 : f64[2] return %1 }')
    np.testing.assert_array_equal(evaluate(g, g.outputs, {})[0], [-3, -4])
    np.testing.assert_array_equal(evaluate(g, g.outputs, {g.variables[0]: np.array([1.0, 2])})[0], [-1, -2])


def test_dead_values_are_dropped() -> None:
    alive: list[weakref.ref[np.ndarray]] = []
    most = 0

    def watch(x: np.ndarray) -> np.ndarray:
        nonlocal most
        y = x + 1
        alive.append(weakref.ref(y))
        most = max(most, sum(r() is not None for r in alive))
        return y

    g = Graph()
    with g:
        v = g.placeholder(Type("f64", (3,)))
        op = Primitive("watched", lambda t: t, watch)
        for _ in range(20):
            v = g.add(op, [v], {}, (v.type,), Location("f.py", 1, "f")).out
    evaluate(g, [v], {g.inputs[0]: np.zeros(3)})
    assert len(alive) == 20 and most == 2


def test_a_long_chain_needs_no_stack() -> None:
    g = Graph()
    with g:
        v = x = g.placeholder(Type("f64", ()))
        for _ in range(20_000):
            v = primitive("neg")(v)
    assert evaluate(g, [v], {x: np.array(2.0)})[0] == 2


def test_division_by_zero_is_silent() -> None:
    text = "graph f(%0 x: {t}[2]) { %1 = {op} %0, %0 : {t}[2] return %1 }"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for t, op in (("f32", "div"), ("i32", "floordiv"), ("i32", "mod"), ("u8", "floordiv")):
            run(text.replace("{t}", t).replace("{op}", op), np.zeros(2, SHORT[t]))


# ---------------------------------------------------------------------------------------------------------- errors


def test_a_missing_feed_is_named() -> None:
    g = parse_graph("graph f(%0 x: f32[2], %1 y: f32[2]) { %2 = add %0, %1 : f32[2] return %2 }")
    with pytest.raises(MissingFeedError, match=r"'y' has no value[^$]*f32\[2\]"):
        evaluate(g, g.outputs, {g.inputs[0]: np.zeros(2, F32)})


def test_what_is_not_needed_is_not_missed() -> None:
    g = parse_graph("graph f(%0 x: f32[2], %1 y: f32[2]) { %2 = neg %0 : f32[2] return %2 }")
    assert evaluate(g, g.outputs, {g.inputs[0]: np.zeros(2, F32)})[0].shape == (2,)


def test_a_value_of_another_graph_is_refused() -> None:
    text = "graph f(%0 x: f32[2]) { return %0 }"
    g, other = parse_graph(text), parse_graph(text)
    with pytest.raises(GraphMismatchError):
        evaluate(g, g.outputs, {other.inputs[0]: np.zeros(2, F32)})


@pytest.mark.parametrize("index", [5, -6])
def test_an_index_outside_its_axis_tells_the_line(index: int) -> None:
    text = "graph f(%0 x: f32[5], %1 i: i64[1]) {\n%2 = gather %0, %1 {axis=0} : f32[1]  # m.py:7 in f\nreturn %2 }"
    with pytest.raises(OutOfRangeError, match=r"m\.py:7 in f"):
        run(text, np.zeros(5, F32), np.array([index]))


def test_a_rule_that_breaks_its_type_is_found() -> None:
    g = Graph()
    x = g.placeholder(Type("f32", (2,)))
    op = Primitive("widen", lambda t: t, lambda a: a.astype(np.float64))
    y = g.add(op, [x], {}, (x.type,), x.node.loc).out
    with pytest.raises(VerificationError, match="numpy rule of `widen`"):
        evaluate(g, [y], {x: np.zeros(2, F32)})


# ------------------------------------------------------------------------------------------------------ dimensions


def bind(types: str, *shapes: tuple[int, ...]) -> dict[str, int]:
    return bind_dims([parse_type(t) for t in types.split(";")], [np.zeros(s, F32) for s in shapes])


def test_names_are_solved_and_expressions_checked() -> None:
    assert bind("f32[2*n];f32[n,m];f32[m]", (6,), (3, 5), (5,)) == {"n": 3, "m": 5}


@pytest.mark.parametrize(
    ("types", "shapes", "problem"),
    [
        ("f32[n];f32[n]", [(3,), (4,)], r"argument 1 [^$]*n = 3[^$]*\(4,\)"),
        ("f32[n];f32[2*n]", [(3,), (5,)], "argument 1"),
        ("f32[4]", [(5,)], "argument 0"),
        ("f32[4]", [(4, 1)], "argument 0"),
        ("f64[4]", [(4,)], "argument 0"),
        ("f32[2*n]", [(4,)], "nothing tells the extent of dimension 'n'"),
    ],
)
def test_feeds_that_do_not_fit_are_named(types: str, shapes: list[tuple[int, ...]], problem: str) -> None:
    with pytest.raises(FeedError, match=problem):
        bind(types, *shapes)
