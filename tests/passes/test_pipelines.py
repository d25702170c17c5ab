"""Levels, switches, reports and errors of the pipelines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest
from passes.blocks import run_graph

from graphc.autodiff.reverse import gradients
from graphc.config import config
from graphc.errors import OptionError, RewriteError
from graphc.ir.graph import Graph, Update
from graphc.ir.ops.arithmetic import add, mul, sub
from graphc.ir.ops.linalg import matmul
from graphc.ir.ops.maths import exp, log, tanh
from graphc.ir.ops.reduce import sum_
from graphc.ir.ops.shape import reshape
from graphc.ir.poly import Poly
from graphc.ir.printer import print_graph
from graphc.ir.types import Type
from graphc.ir.verify import verify
from graphc.passes.base import Journal, Pass, PassReport, Pipeline, Step
from graphc.passes.pipelines import PIPELINES, all_pass_names, all_rule_names, optimize
from graphc.passes.rebuild import rebuild


def _training_step() -> Graph:
    """A classifier with a symbolic batch, its loss, and an update per weight."""
    g = Graph("step")
    n = Poly.of("batch")
    with g:
        x, t = g.placeholder(Type("f64", (n, 5)), "x"), g.placeholder(Type("f64", (n, 3)), "t")
        w = g.variable(np.linspace(-1, 1, 20).reshape(5, 4), "w")
        v = g.variable(np.linspace(1, -1, 12).reshape(4, 3), "v")
        z = matmul(tanh(matmul(x, w)), v)
        total = log(sum_(exp(z), axes=(1,)))
        loss = sum_(mul(t, sub(reshape(total, shape=(n, 1)), z)), axes=(0, 1))
        dw, dv = gradients(g, [loss], [w, v])
        exp(x)  # nobody asks for it
        g.outputs = [loss]
        g.updates = [Update(w, sub(w, mul(dw, 0.1))), Update(v, sub(v, mul(dv, 0.1)))]
    return g


def _results(g: Graph) -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    feeds = [rng.normal(size=(6, 5)), np.eye(3)[rng.integers(0, 3, 6)]]
    wanted = replace_outputs(g)
    return run_graph(wanted, feeds)


def replace_outputs(g: Graph) -> Graph:
    """Results and new values of variables, all as outputs."""
    g.outputs = [*g.outputs, *(u.value for u in g.updates)]
    return g


@pytest.mark.parametrize("level", PIPELINES)
def test_every_level_computes_the_same(level: str) -> None:
    after = optimize(_training_step(), level)
    for got, want in zip(_results(after), _results(_training_step()), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-12)


@pytest.mark.parametrize("level", PIPELINES)
def test_signature_and_initial_values_stay(level: str) -> None:
    before = _training_step()
    after = verify(optimize(before, level))
    for part in ("inputs", "variables", "outputs"):
        assert [v.type for v in getattr(after, part)] == [v.type for v in getattr(before, part)]
    assert [u.variable.node.attrs["name"] for u in after.updates] == ["w", "v"]
    assert set(after.initial) == {"w", "v"}


@pytest.mark.parametrize("name", all_pass_names())
def test_every_pass_can_be_switched_off(name: str) -> None:
    journal = Journal()
    after = optimize(_training_step(), disable=[name], on_pass=journal)
    assert name not in [r.name for r in journal]
    np.testing.assert_allclose(_results(after)[0], _results(_training_step())[0], rtol=1e-12)


def test_a_rule_can_be_switched_off() -> None:
    journal = Journal()
    optimize(_training_step(), on_pass=journal)
    assert any("log_sum_exp" in r.fired for r in journal)
    journal = Journal()
    optimize(_training_step(), disable=["log_sum_exp"], on_pass=journal)
    assert not any("log_sum_exp" in r.fired for r in journal)


def test_on_pass_sees_the_graphs_and_what_fired() -> None:
    seen: list[str] = []

    def on_pass(name: str, before: Graph, after: Graph, seconds: float, fired: Mapping[str, int]) -> None:
        seen.append(name)
        assert seconds >= 0
        if name == "prune":
            assert fired["exp"] == 1
            assert len(before) - len(after) == sum(fired.values())

    optimize(_training_step(), on_pass=on_pass)
    assert seen == [s.action.name for s in PIPELINES["O3"].steps]


def test_a_report_reads_well() -> None:
    report = PassReport("prune", 30, 28, 0.0015, {"exp": 1, "log": 1})
    assert str(report) == "prune           30 ->    28 nodes    1.50 ms  exp 1, log 1"


def test_text_is_the_same_every_time() -> None:
    assert str(optimize(_training_step())) == str(optimize(_training_step()))


def test_optimizing_twice_changes_nothing() -> None:
    once = optimize(_training_step())
    assert str(optimize(once)) == str(once)


MISSPELT = [({"level": "O4"}, "O3"), ({"disable": ["simplfy"]}, "simplify"), ({"disable": ["log_of_ex"]}, "log_of_exp")]


@pytest.mark.parametrize(("options", "near"), MISSPELT)
def test_an_unknown_name_is_an_error_with_a_suggestion(options: dict[str, object], near: str) -> None:
    with pytest.raises(OptionError, match=near):
        optimize(_training_step(), **options)  # type: ignore[arg-type]


def test_every_pass_and_rule_has_a_reason() -> None:
    assert all(all_pass_names().values()) and all(all_rule_names().values())
    assert all(step.why for p in PIPELINES.values() for step in p.steps)
    assert not set(all_pass_names()) & set(all_rule_names())


def test_a_pipeline_prints_its_reasons() -> None:
    assert "prune        nothing later need look at dead nodes" in str(PIPELINES["O1"])


# ----------------------------------------------------------------------------------------------- what goes wrong


@dataclass(frozen=True)
class Breaks(Pass):
    """Fails in the way it is told to."""

    name: ClassVar[str] = "breaks"
    how: str = ""

    def run(self, graph: Graph, fired: Counter[str] | None = None) -> Graph:
        out = Graph(graph.name)
        if self.how == "crash":
            raise KeyError("lost")
        if self.how == "outputs":
            out.inputs, out.variables, out.initial = graph.inputs, graph.variables, graph.initial
            return out
        with out:
            x = out.placeholder(Type("f64", (3,)), "x")
            y = add(x, x)
            object.__setattr__(y.node, "types", (Type("f32", (3,)),))
        out.outputs = [y]
        return out


def _one_output(dtype: str) -> Graph:
    g = Graph()
    with g:
        x = g.placeholder(Type("f64", (3,)), "x")
        g.outputs = [g.constant(np.zeros(3, dtype))]
        assert x.shape == (3,)
    return g


@pytest.mark.parametrize("how", ["crash", "outputs", "invalid"])
def test_a_pass_that_fails_is_named(how: str) -> None:
    pipeline = Pipeline("p", (Step(Breaks(how), "for the test"),))
    with config(verify=True), pytest.raises(RewriteError) as error:
        pipeline.run(_one_output("float32"))
    notes = " ".join(getattr(error.value, "__notes__", []))
    assert "breaks" in str(error.value) + notes
    assert how == "outputs" or error.value.__cause__ is not None


def test_debug_prints_a_line_per_pass_and_then_the_graph(capsys: pytest.CaptureFixture[str]) -> None:
    with config(debug=1):
        optimize(_training_step(), "O1")
    lines = capsys.readouterr().err.splitlines()
    assert [line.split()[0] for line in lines] == ["prune", "safe_where", "fold"]
    with config(debug=2):
        optimize(_training_step(), "O1")
    assert "graph step(" in capsys.readouterr().err


def test_without_leaves_other_passes_as_they_are() -> None:
    action = PIPELINES["O1"].steps[0].action
    assert action.without(["anything"]) is action
    assert replace(action) == action


@dataclass(frozen=True)
class Leaves(Pass):
    """Finds nothing to do, and keeps a record."""

    met: list[Graph]
    name: ClassVar[str] = "leaves"

    def run(self, graph: Graph, fired: Counter[str] | None = None) -> Graph:
        self.met.append(graph)
        return graph


@dataclass(frozen=True)
class Copies(Pass):
    """Makes an equal graph."""

    name: ClassVar[str] = "copies"

    def run(self, graph: Graph, fired: Counter[str] | None = None) -> Graph:
        return rebuild(graph)


def test_a_pass_does_not_run_again_on_the_graph_that_it_made():
    met: list[Graph] = []
    one, copies = Step(Leaves(met), ""), Step(Copies(), "")
    journal = Journal()
    Pipeline("again", (one, one, copies, one, one)).run(_training_step(), on_pass=journal)
    assert len(met) == 2 and met[0] is not met[1]
    assert [r.name for r in journal] == ["leaves", "leaves", "copies", "leaves", "leaves"]


@pytest.mark.parametrize("level", PIPELINES)
def test_a_second_run_of_a_pipeline_changes_nothing(level):
    once = optimize(_training_step(), level)
    assert print_graph(optimize(once, level)) == print_graph(once)
