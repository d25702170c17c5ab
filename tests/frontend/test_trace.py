"""Tracing: what becomes a placeholder, what stays static, names, places and results."""

from __future__ import annotations

from collections import namedtuple
from functools import partial
from typing import Any

import numpy as np
import pytest

from graphc.errors import ConcretizationError, DTypeError, GraphMismatchError
from graphc.frontend.trace import trace
from graphc.ir.evaluate import evaluate
from graphc.ir.graph import Graph, is_building
from graphc.ir.types import Type, parse_type

Pair = namedtuple("Pair", "first second")
X = np.arange(6.0).reshape(2, 3)


def names(graph: Graph) -> list[str]:
    return [v.node.attrs["name"] for v in graph.inputs]


def run(f: Any, *args: Any) -> Any:
    graph, results = trace(f, args)
    return results.rebuild(evaluate(graph, graph.outputs, dict(zip(graph.inputs, arrays(args), strict=True))))


def arrays(args: Any) -> list[np.ndarray]:
    return [np.asarray(a) for a in args if isinstance(a, np.ndarray | np.generic | float)]


def test_arrays_scalars_and_floats_become_placeholders() -> None:
    graph, _ = trace(lambda a, b, c: a * b * c, [X, np.float32(2), 0.5])
    assert [str(v.type) for v in graph.inputs] == ["f64[2,3]", "f32[]", "f64[]"]


def test_everything_else_is_static() -> None:
    seen: list[Any] = []
    graph, _ = trace(lambda *args: seen.extend(args), [3, True, "text", None, len])
    assert seen == [3, True, "text", None, len]
    assert graph.inputs == [] == graph.outputs


def test_types_stand_for_arrays() -> None:
    graph, _ = trace(lambda x, w: x @ w, [parse_type("f32[batch,4]"), Type("f32", (4, 2))])
    assert str(graph.outputs[0].type) == "f32[batch,2]"


def test_names_follow_parameters_and_paths() -> None:
    def f(x: Any, p: Any, *rest: Any, scale: Any) -> Any:
        return x

    nest = {"w": X, "b": [X, Pair(X, X)]}
    assert names(trace(f, [X, nest, X, X], {"scale": 2.0})[0]) == [
        "x", "p_w", "p_b_0", "p_b_1_first", "p_b_1_second", "arg2", "arg3", "scale",
    ]  # fmt: skip
    assert names(trace(np.tanh, [X])[0]) in (["x"], ["arg0"])


def test_placeholders_are_placed_at_the_definition() -> None:
    def f(x: Any) -> Any:
        return x + 1

    graph, _ = trace(f, [X])
    placeholder, plus = graph.inputs[0].node, graph.outputs[0].node
    assert placeholder.loc.line == f.__code__.co_firstlineno
    assert (plus.loc.line, plus.loc.function) == (f.__code__.co_firstlineno + 1, "f")


def test_results_keep_their_nest() -> None:
    def f(x: Any) -> Any:
        return {"a": x + 1, "b": Pair((x, 7), None), "c": "text", "d": np.ones(2)}

    found = run(f, X)
    assert list(found) == ["a", "b", "c", "d"] and found["c"] == "text"
    assert found["b"].first[1] == 7 and found["b"].second is None
    np.testing.assert_array_equal(found["a"], X + 1)
    np.testing.assert_array_equal(found["d"], np.ones(2))


def test_a_trace_leaves_nothing_behind() -> None:
    def fails(x: Any) -> Any:
        raise KeyError("mine")

    with pytest.raises(KeyError):
        trace(fails, [X])
    assert not is_building()


def test_leaked_tensors_are_refused() -> None:
    leaked: list[Any] = []
    trace(leaked.append, [X])
    with pytest.raises(GraphMismatchError, match="another graph"):
        trace(lambda x: x + leaked[0], [X])
    with pytest.raises(GraphMismatchError, match="another graph"):
        trace(lambda x: leaked[0], [X])


def test_python_control_flow_needs_values() -> None:
    with pytest.raises(ConcretizationError, match=r"np\.where"):
        trace(lambda x: x if x.sum() > 0 else -x, [X])


def test_python_control_flow_on_shapes_and_static_arguments() -> None:
    def f(x: Any, n: int) -> Any:
        for _ in range(n):
            x = x + x.shape[0]
        return x if len(x) > 1 else -x

    np.testing.assert_array_equal(run(f, X, 3), X + 6)


def test_arrays_of_objects_are_refused() -> None:
    with pytest.raises(DTypeError):
        trace(lambda x: x, [np.array(["a"])])


def test_callables_without_code() -> None:
    graph, _ = trace(partial(np.add, 1.0), [X])
    assert str(graph.outputs[0].type) == "f64[2,3]" and graph.name == "partial"
