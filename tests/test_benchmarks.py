"""The benchmarks' own parts: programs for every workload, the judgement of results, the tables."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest

import graphc as gx
from benchmarks import doors, peers, report, tape, vector_maths, worker
from benchmarks.check import complaint, reference
from benchmarks.measure import interleaved
from benchmarks.workloads import NOT_EXPRESSIBLE, WORKLOADS
from graphc import eager
from graphc.runtime.tree import flatten

PROGRAMS = Path(peers.__file__).parent


def named(file: Path) -> set[str]:
    """Functions and keys of tables in a module, which is not imported: its system may be missing."""
    nodes = list(ast.walk(ast.parse(file.read_text())))
    functions = {n.name for n in nodes if isinstance(n, ast.FunctionDef)}
    variables = {t.id for n in nodes if isinstance(n, ast.Assign) for t in n.targets if isinstance(t, ast.Name)}
    keys = {k.value for n in nodes if isinstance(n, ast.Dict) for k in n.keys if isinstance(k, ast.Constant)}
    return functions | variables | keys


@pytest.mark.parametrize("file", ["torch_programs.py", "jax_programs.py"])
def test_every_workload_has_a_program(file):
    assert {w.program for w in WORKLOADS.values()} <= named(PROGRAMS / file)


def test_what_is_missing_is_not_there():
    assert not {name.strip() for names in NOT_EXPRESSIBLE for name in names.split(",")} & set(WORKLOADS)


@pytest.mark.parametrize("name", ["overhead_add", "mlp_tiny_grad", "hier_logp", "small_gemm_chain"])
def test_results_are_judged(name):
    """Right as computed by graphc; wrong where one number is off."""
    work = WORKLOADS[name]
    arguments = work.arguments(np.random.default_rng(0))
    wanted = reference(work, arguments)
    graphc = peers.load("graphc")
    got = [np.array(a) for a in graphc.arrays(graphc.prepare(work, arguments)())]
    assert complaint(work, got, wanted) == ""
    got[-1].flat[0] += np.abs(wanted[-1]).max()
    assert "wrong by" in complaint(work, got, wanted)
    assert "arrays, not" in complaint(work, got[1:], wanted)


def figures(**seconds):
    rows = {name: {"first": 0.25, "peak": 1 << 20, "wrong": "", "seconds": s} for name, s in seconds.items()}
    return {"workload": "softmax", "threads": 1, "peers": rows, "again": {"graphc": 0.02}}


def test_losses_are_bold_and_named():
    text = report.tables({"runs": [figures(graphc=2e-3, numpy=9e-3, jax=1e-3)], "doors": {"x + 1": {"NumPy": 1.0}}})
    assert "1 lost" in text and "Lost: **softmax** (0.50)." in text
    assert "| softmax | 2 | 9 | 1 | **0.50** |" in text
    assert "| softmax | 250 | 250 | 250 | 20 |" in text and "| softmax | 1.0 | 1.0 | 1.0 |" in text


def test_failures_and_wrong_results_are_told():
    row = figures(graphc=1e-3, jax=1e-3, torch=1e-3)
    row["peers"]["torch"] = worker._once([].pop, lambda result: "")
    row["peers"]["jax"] = {"first": 0.25, "peak": 0, "wrong": "result 0 is wrong by 1.0e+00 of its largest element"}
    failed = {
        "workload": "nbody",
        "threads": 1,
        "peers": {},
        "again": {},
        "failed": "exit status -11: Segmentation fault",
    }
    text = report.tables({"runs": [row, failed], "doors": {"x + 1": {"NumPy": 1.0}}})
    assert "**softmax: jax is not timed**" in text and "| wrong |" in text
    assert "**softmax: torch is not timed**: IndexError: pop from empty list" in text
    assert "**nbody failed**: exit status -11" in text


def test_systems_take_turns():
    order = []
    times = interleaved({name: lambda name=name: order.append(name) for name in "ab"}, 0.0)
    assert set(times) == {"a", "b"} and all(t > 0 for t in times.values())
    turns = [x for x, y in zip(order, [*order[1:], ""], strict=True) if x != y]
    assert "".join(turns).endswith("ab" * 5)


def test_every_function_of_the_table_computes():
    """In every type, as a user calls it; NumPy's own value beside it where NumPy has the function."""
    for row in vector_maths.ROWS:
        for dtype in row.dtypes:
            rng = np.random.default_rng(0)
            arrays = [rng.uniform(*interval, 40).astype(dtype) for interval in row.operands]
            got = gx.jit(row.function)(*arrays)
            if row.in_numpy:
                np.testing.assert_allclose(got, row.function(*arrays), rtol=1e-5, err_msg=row.name)


def test_slower_functions_are_bold():
    row = next(r for r in vector_maths.ROWS if r.name == "exp")
    assert vector_maths.line(row, "float32", {"graphc": 2.0, "numpy": 3.0, "torch": 1.0})[-2] == "**0.50**"
    assert vector_maths.line(row, "float32", {"graphc": 2.0, "numpy": 1.9})[-2:] == ["0.95", "1.25"]


@pytest.mark.parametrize("row", tape.ROWS, ids=lambda row: row.name)
def test_operations_of_the_tape(row):
    """Both directions run, and the pass keeps the tape."""
    forward, backward = tape.calls(row, eager, 3, "float32")
    assert forward().requires_grad
    assert [g is None for g in backward()] == [g is None for g in backward()]


@pytest.mark.parametrize("name", doors.JITTED)
def test_doors_lead_to_the_same_sums(name):
    door = doors.JITTED[name]
    compiled = doors.in_turn(gx.jit(door.function, signature=door.signature), door)
    for _ in range(2):
        (found, nests), (wanted, others) = flatten(compiled()), flatten(doors.in_turn(door.function, door)())
        assert nests == others
        for a, b in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(a, b)


def test_every_other_door_is_open():
    for call in doors.others().values():
        call(), call()
