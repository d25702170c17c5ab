"""The command line: every command and stage, what `diff` finds, and how mistakes are told."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from graphc.cli import diff as diff_module
from graphc.cli import main
from graphc.cli.diff import difference
from graphc.cli.dump import STAGES
from graphc.cli.shrink import Sample, shrink
from graphc.ir.evaluate import evaluate
from graphc.ir.graph import Graph
from graphc.ir.ops.maths import tanh
from graphc.ir.parser import parse_graph
from graphc.ir.printer import print_graph
from graphc.ir.verify import verify
from graphc.passes.base import Pass, Pipeline, Step
from graphc.passes.pipelines import PIPELINES, all_pass_names, all_rule_names
from graphc.passes.rebuild import copy, rebuild

PROGRAM = """\
import numpy as np
from graphc.ir.graph import Graph, Update
from graphc.ir.primitive import primitive
from graphc.ir.types import Type

def f(x, w):
    h = np.tanh(x @ w)
    return np.exp(h + 0.0), h.sum()

f.signature = "f32[batch,8], f32[8,3]"

def loss(x, w):
    return (np.tanh(x @ w) * 2).mean()

def broken(x):
    return x.no_such_method()

g = Graph("counter")
with g:
    x = g.placeholder(Type("f64", (2,)), "x")
    n = g.variable(np.array([1.0, 2.0]), "n")
    g.updates.append(Update(n, primitive("add")(n, x)))
number = 3
"""
LOSS = ["--args", "f32[4,8], f32[8,3]"]


@pytest.fixture
def program(tmp_path: Path) -> str:
    file = tmp_path / "program.py"
    file.write_text(PROGRAM)
    return str(file)


@pytest.fixture
def graphc(program: str, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Run a command on a name of the program: exit code, stdout, stderr."""

    def call(command: str, name: str = "", *options: str) -> tuple[int, str, str]:
        code = main([command, *([f"{program}:{name}"] if name else []), *options])
        out, err = capsys.readouterr()
        return code, out, err

    return call


# -------------------------------------------------------------------------------------------------------------- dump


def test_the_trace_is_a_graph_that_parses(graphc) -> None:
    code, out, _ = graphc("dump", "f")
    g = verify(parse_graph(out))
    assert code == 0 and [str(v.type) for v in g.inputs] == ["f32[batch,8]", "f32[8,3]"]
    assert [v.node.attrs["name"] for v in g.inputs] == ["x", "w"]
    assert "# program.py:7 in f" in out and "# program.py:8 in f" in out


def test_the_gradient_has_more_outputs(graphc) -> None:
    _, out, _ = graphc("dump", "loss", "--stage", "grad", *LOSS)
    g = verify(parse_graph(out))
    assert [str(v.type) for v in g.outputs] == ["f32[]", "f32[4,8]", "f32[8,3]"]


def test_passes_remove_what_is_not_needed(graphc) -> None:
    _, before, _ = graphc("dump", "loss", "--stage", "grad", *LOSS)
    _, after, _ = graphc("dump", "loss", "--stage", "optimized", "--grad", *LOSS)
    assert 0 < len(parse_graph(after)) < len(parse_graph(before))


@pytest.mark.parametrize(
    ("stage", "shows"), [("kernels", "tanh"), ("loops", "for "), ("llvm", "define "), ("asm", "ret")]
)
def test_every_stage_has_a_text(graphc, stage: str, shows: str) -> None:
    code, out, err = graphc("dump", "f", "--stage", stage)
    assert code == 0 and shows in out and not err


@pytest.mark.parametrize("stage", STAGES)
def test_every_stage_has_json(graphc, stage: str) -> None:
    name, types = ("loss", LOSS) if stage == "grad" else ("f", [])
    data = json.loads(graphc("dump", name, "--stage", stage, "--format", "json", *types)[1])
    assert data.get("text") or all(n["location"]["line"] > 0 for n in data["nodes"])


def test_json_tells_the_same_as_the_text(graphc) -> None:
    data = json.loads(graphc("dump", "f", "--format", "json")[1])
    g = parse_graph(graphc("dump", "f")[1])
    assert [n["op"] for n in data["nodes"]] == [n.op.name for n in g.nodes]
    assert data["outputs"] == [repr(v) for v in g.outputs]
    assert data["nodes"][-1]["attributes"] == {"axes": "(0,1)"}


def test_dot_draws_kernels_as_boxes(graphc) -> None:
    assert graphc("dump", "f", "--format", "dot")[1] == graphc("dot", "f")[1]
    assert "subgraph cluster_0" in graphc("dot", "f", "--stage", "kernels")[1]


def test_a_graph_of_the_file_is_a_program(graphc) -> None:
    assert 'variable [1.0, 2.0] {name="n"}' in graphc("dump", "g")[1]
    assert "update %1 <- %2" in graphc("dump", "g")[1]
    assert graphc("dump", "g", "--stage", "kernels")[0] == 0


def test_passes_can_be_watched_and_disabled(graphc) -> None:
    code, out, err = graphc("dump", "f", "--stage", "optimized", "--print-between-passes", "--time-passes")
    assert code == 0 and err.count("# after ") == len(PIPELINES["O3"].steps) and " ms" in err
    assert "\n# after" not in out
    _, _, quieter = graphc("dump", "f", "--stage", "optimized", "--time-passes", "--disable", "simplify")
    assert "simplify" in err and "simplify" not in quieter
    _, _, only = graphc("dump", "f", "--stage", "optimized", "--level", "O0", "--time-passes")
    assert [line.split()[0] for line in only.splitlines()] == ["safe_where"]


@pytest.mark.parametrize("name,options", [("f", []), ("loss", LOSS), ("loss", [*LOSS, "--grad"]), ("g", [])])
def test_every_stage_is_timed(graphc, name, options) -> None:
    code, out, _ = graphc("time", name, *options)
    rows = [line.split(" ms") for line in out.splitlines()]
    stages, times = zip(*(row[0].rsplit(maxsplit=1) for row in rows), strict=True)
    assert code == 0 and [s.strip() for s in stages][:2] == ["passes", "fusion"] and stages[-1].strip() == "all"
    *parts, total = map(float, times)
    assert all(t >= 0 for t in parts) and total == pytest.approx(sum(parts), abs=0.1)


def test_passes_are_listed(graphc) -> None:
    code, out, _ = graphc("passes")
    assert code == 0
    for name, reason in (*all_pass_names().items(), *all_rule_names().items()):
        assert name in out and reason in out


# --------------------------------------------------------------------------------------------------------------- run


def test_a_run_is_the_same_for_a_seed_and_a_level(graphc) -> None:
    first = graphc("run", "f", "--dim", "batch=2")
    assert first == graphc("run", "f", "--dim", "batch=2", "--seed", "0")
    assert first != graphc("run", "f", "--dim", "batch=2", "--seed", "1")
    assert "shape (2, 3)" in first[1] and "output 1: f32[], shape ()" in first[1]


def test_variables_run_with_their_initial_values(graphc) -> None:
    _, out, _ = graphc("run", "g", "--level", "O0")
    drawn = np.random.default_rng(0).normal(size=2)
    assert str(np.array([1.0, 2.0]) + drawn) in out


# -------------------------------------------------------------------------------------------------------------- diff


def test_ways_to_run_agree(graphc) -> None:
    code, out, _ = graphc("diff", "f")
    assert code == 0
    names = [line.split()[-2] for line in out.splitlines()]
    assert names == ["eager", *(s.action.name for s in PIPELINES["O3"].steps), "native"]
    assert all(line.endswith("same") for line in out.splitlines())
    assert graphc("diff", "loss", "--grad", *LOSS)[0] == 0
    assert graphc("diff", "g")[0] == 0


@dataclass(frozen=True)
class Wrong(Pass):
    """tanh(x) -> x, which is wrong."""

    name = "wrong"

    def run(self, graph: Graph, fired: Counter[str] | None = None) -> Graph:
        return rebuild(graph, lambda g, n, inputs: (inputs[0],) if n.op is tanh else copy(g, n, inputs))


def test_a_wrong_pass_is_named_with_a_small_graph(graphc, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = PIPELINES["O3"].steps
    monkeypatch.setitem(PIPELINES, "O3", Pipeline("O3", (*steps[:2], Step(Wrong(), "a test"), *steps[2:])))
    code, out, _ = graphc("diff", "f")
    assert code == 1
    lines = out.splitlines()
    assert [line.endswith("same") for line in lines[:4]] == [True, True, True, False]
    assert lines[3].startswith("3 wrong")
    assert "program.py:7 in f" in out
    text = out[out.index("graph f(") : out.index("\n}") + 2]
    assert [n.op.name for n in parse_graph(text).nodes] == ["placeholder", "tanh"]


def test_wrong_native_code_is_named(graphc, monkeypatch: pytest.MonkeyPatch) -> None:
    def compile_wrongly(graph: Graph, level: str, disable: object) -> Callable[..., list[np.ndarray]]:
        wrong = Wrong().run(graph)
        return lambda *arrays: evaluate(wrong, wrong.outputs, dict(zip(wrong.inputs, arrays, strict=True)))

    monkeypatch.setattr(diff_module, "compile_graph", compile_wrongly)
    code, out, _ = graphc("diff", "f")
    assert code == 1 and "first difference: native, at %1 = tanh %0" in out


def test_differences_are_seen_item_by_item() -> None:
    a = np.array([1.0, np.nan, np.inf, 0.0])
    assert difference(0, a, a.copy()) == ""
    assert difference(0, a * (1 + 1e-15), a) == ""
    for k, wrong in enumerate((1.1, 0.0, -np.inf, np.nan)):
        b = a.copy()
        b[k] = wrong
        assert f"in 1 of 4 items; at ({k},)" in difference(0, b, a)
    assert "float32" in difference(0, a.astype(np.float32), a)
    assert "in 1 of 1 items; at ()" in difference(0, np.array(1), np.array(2))
    assert difference(0, a * 1.01, a, rtol=0.1) == ""


def test_shrinking_keeps_only_what_fails() -> None:
    g = parse_graph("""graph f(%0 x: f64[3], %1 y: f64[3]) {
      %2 = exp %0 : f64[3]
      %3 = mul %2, %1 : f64[3]
      %4 = tanh %3 : f64[3]
      %5 = neg %4 : f64[3]
      %6 = sqrt %2 : f64[3]
      %7 = add %5, %6 : f64[3]
      return %7, %6
    }""")
    sample = Sample(g, (np.ones(3), np.arange(3.0)))

    def has_tanh_of_a_product(s: Sample) -> bool:
        return any(n.op.name == "tanh" and n.inputs[0].op.name == "mul" for n in s.graph.nodes)

    small = shrink(sample, has_tanh_of_a_product)
    assert [n.op.name for n in small.graph.nodes] == ["placeholder", "placeholder", "mul", "tanh"]
    np.testing.assert_allclose(small.expected[0], np.tanh(np.exp(1.0) * np.arange(3.0)))
    assert print_graph(verify(small.graph))


# ---------------------------------------------------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("command", "says"),
    [
        (["dump", "nothing.py:f"], "no such file"),
        (["dump", "PROGRAM"], "FILE.py:NAME"),
        (["dump", "PROGRAM:nothing"], "no 'nothing'"),
        (["dump", "PROGRAM:number"], "'number' is no program"),
        (["dump", "PROGRAM:loss"], "--args"),
        (["dump", "PROGRAM:loss", "--args", "f32[4"], "not a type"),
        (["dump", "PROGRAM:loss", "--args", "f32[4,8]"], "takes other arguments"),
        (["dump", "PROGRAM:loss", "--args", "f32[4,8], f32[9,3]"], "program.py:13 in loss"),
        (["dump", "PROGRAM:broken", "--args", "f32[4]"], "program.py:16 in broken"),
        (["dump", "PROGRAM:f", "--stage", "grad"], "gradients are of one output"),
        (["dump", "PROGRAM:f", "--stage", "everything"], "invalid choice"),
        (["dump", "PROGRAM:f", "--stage", "llvm", "--format", "dot"], "has no DOT form"),
        (["dump", "PROGRAM:f", "--stage", "optimized", "--disable", "simplfy"], "simplify"),
        (["diff", "PROGRAM:f", "--disable", "simplfy"], "simplify"),
        (["dump", "PROGRAM:g", "--args", "f32[4]"], "is a graph"),
        (["run", "PROGRAM:f", "--dim", "batch"], "NAME=N"),
        (["run", "PROGRAM:f", "--dim", "length=3"], "no dimension is named 'length'"),
        (["run"], "required"),
        ([], "required"),
        (["fly"], "invalid choice"),
    ],
)
def test_mistakes_are_told_in_one_line(command: list[str], says: str, program: str, capsys) -> None:
    code = main([part.replace("PROGRAM", program) for part in command])
    out, err = capsys.readouterr()
    assert code == 2 and out == ""
    assert err.startswith("graphc: error: ") and err.count("\n") == 1 and says in err


def test_a_file_that_does_not_import_is_told(tmp_path: Path, capsys) -> None:
    file = tmp_path / "bad.py"
    file.write_text("import numpy as np\nx = 1 / 0\n")
    assert main(["dump", f"{file}:f"]) == 2
    assert "ZeroDivisionError" in (err := capsys.readouterr().err) and "bad.py:2" in err


def test_a_closed_pipe_is_no_error(program: str) -> None:
    command = f"{sys.executable} -m graphc.cli dump {program}:f --stage asm | head -1"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]
    )
    assert done.stdout.count("\n") == 1 and done.stderr == ""
