"""The driver of rules: fixpoint, names in errors, locations, counts, linear time."""

from __future__ import annotations

from collections import Counter
from time import process_time

import numpy as np
import pytest

from graphc.errors import RewriteError
from graphc.ir.graph import Graph, Update
from graphc.ir.location import Location
from graphc.ir.node import Node
from graphc.ir.ops.arithmetic import add, mul, neg, sub
from graphc.ir.ops.maths import cos, exp, log, sin, tan, tanh
from graphc.ir.ops.reduce import sum_
from graphc.ir.types import Type
from graphc.passes.rewrite import Result, RewritePass, RuleSet, rewrite
from graphc.passes.simplify import Simplify

rule = RuleSet("test")


@rule(neg)
def double_negation(n: Node) -> Result:
    """-(-x) -> x"""
    x = n.inputs[0]
    return x.node.inputs[0] if x.op is neg else None


@rule(tanh)
def sine_over_cosine(n: Node) -> Result:
    """tanh(x) -> -(-(sin(x) * cos(x))): nonsense that leaves work for other rules"""
    return neg(neg(mul(sin(n.inputs[0]), cos(n.inputs[0]))))


@rule(log)
def log_grows(n: Node) -> Result:
    """log(x) -> log(x + x), for ever"""
    return log(add(n.inputs[0], n.inputs[0]))


@rule(sin)
def to_cosine(n: Node) -> Result:
    """sin(x) -> cos(x)"""
    return cos(n.inputs[0])


@rule(cos)
def to_sine(n: Node) -> Result:
    """cos(x) -> sin(x), and back again"""
    return sin(n.inputs[0])


@rule(exp)
def drops_the_shape(n: Node) -> Result:
    """exp(x) -> sum(x), which has another type"""
    return sum_(n.inputs[0], axes=(0,))


@rule(tan)
def divides_by_zero(n: Node) -> Result:
    """A rule with a fault"""
    return 1 // 0


RULES = {r.name: r for r in rule}


def _unary(op: object, line: int = 7) -> Graph:
    g = Graph("case")
    with g.building(Location("model.py", line, "loss")):
        x = g.placeholder(Type("f32", (4,)))
        g.outputs = [op(x)]  # type: ignore[operator]
    return g


def test_a_node_made_by_a_rule_is_rewritten_too() -> None:
    fired: Counter[str] = Counter()
    out = rewrite(_unary(tanh), [RULES["double_negation"], RULES["sine_over_cosine"]], fired)
    assert [n.op.name for n in out.nodes] == ["placeholder", "sin", "cos", "mul"]
    assert fired == {"double_negation": 1, "sine_over_cosine": 1}


def test_every_new_node_has_the_users_line() -> None:
    out = rewrite(_unary(tanh, line=12), [RULES["sine_over_cosine"]])
    assert {n.loc for n in out.nodes} == {Location("model.py", 12, "loss")}


def test_nothing_fires_nothing_changes() -> None:
    g = _unary(tanh)
    assert rewrite(g, [RULES["double_negation"]]) is g


@pytest.mark.parametrize(("op", "names"), [(log, ["log_grows"]), (sin, ["to_cosine", "to_sine"])])
def test_an_endless_rule_is_stopped_and_named(op: object, names: list[str]) -> None:
    with pytest.raises(RewriteError) as error:
        rewrite(_unary(op), [RULES[n] for n in names])
    assert any(n in str(error.value) for n in names)
    assert "goes on without end" in str(error.value)
    assert "model.py:7" in str(error.value)


def test_a_changed_type_is_an_error_that_names_the_rule() -> None:
    with pytest.raises(RewriteError, match="drops_the_shape") as error:
        rewrite(_unary(exp), [RULES["drops_the_shape"]])
    assert "f32[4]" in str(error.value) and "f32[]" in str(error.value)


def test_a_crash_is_an_error_that_names_the_rule_and_keeps_the_cause() -> None:
    with pytest.raises(RewriteError, match="divides_by_zero") as error:
        rewrite(_unary(tan), [RULES["divides_by_zero"]])
    assert isinstance(error.value.__cause__, ZeroDivisionError)


def test_a_rule_can_be_left_out() -> None:
    action = RewritePass(tuple(rule)).without(["log_grows", "drops_the_shape"])
    assert "log_grows" not in {r.name for r in action.rules}
    g = _unary(log)
    assert action.run(g) is g


def test_a_rule_needs_a_docstring_and_a_name_of_its_own() -> None:
    rules = RuleSet("test")
    with pytest.raises(ValueError, match="docstring"):
        rules(neg)(lambda n: None)
    rules(neg)(double_negation.fire)
    with pytest.raises(ValueError, match="two rules"):
        rules(neg)(double_negation.fire)


def test_variables_updates_and_inputs_stay() -> None:
    g = Graph()
    with g:
        g.placeholder(Type("f32", (4,)), "unused")
        w = g.variable(np.ones(4, np.float32), "w")
        g.updates = [Update(w, neg(neg(sub(w, 1))))]
    out = Simplify().run(g)
    assert [v.node.attrs["name"] for v in (*out.inputs, *out.variables)] == ["unused", "w"]
    assert out.updates[0].variable == out.variables[0]
    assert out.updates[0].value.op is add  # w - 1 is w + -1
    np.testing.assert_array_equal(out.initial["w"], np.ones(4))


def _chain(length: int) -> Graph:
    g = Graph()
    with g:
        y = g.placeholder(Type("f32", (4,)))
        for _ in range(length):
            y = sub(neg(neg(tanh(y))), 1.5)
        g.outputs = [y]
    return g


def _seconds(length: int) -> float:
    g = _chain(length)
    start = process_time()
    Simplify().run(g)
    return process_time() - start


def test_a_deep_graph_is_rewritten_throughout() -> None:
    assert len(Simplify().run(_chain(1000))) == 2 * 1000 + 2


def test_time_grows_with_the_number_of_nodes_and_no_faster() -> None:
    assert _seconds(1200) < 8 * max(_seconds(300) for _ in range(3))
