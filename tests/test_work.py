"""How much work the code of each workload does, counted without a clock and compared with tests/golden/work.json.

A figure that grows is a regression, one that shrinks is to be kept: after a change that is meant,

    GRAPHC_UPDATE_GOLDEN=1 python -m pytest tests/test_work.py
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from benchmarks.workloads import WORKLOADS

import graphc as gx
from graphc.codegen.loops import Body, Kernel, Loop, parts, statements
from graphc.ir.graph import Graph
from graphc.ir.node import Value
from graphc.ir.poly import Poly
from graphc.runtime.stages import Stages

GOLDEN = Path(__file__).parent / "golden" / "work.json"
NAMES = (
    "overhead_add", "mlp_tiny_grad", "hier_logp", "small_gemm_chain", "blackscholes_f32", "elementwise_chain",
    "softmax", "layernorm_grad", "lse_argmax_ax0", "meanvar_ax0", "logreg_grad", "mlp_train_sgdm", "transformer_fwd",
    "nbody", "kmeans", "embed_fwd", "embed_grad", "gemm_f32_512", "bmm_64",
)  # fmt: skip


def traced(name: str) -> Graph:
    work = WORKLOADS[name]
    return gx.jit(work.compiled).trace(*work.arguments(np.random.default_rng(0)))


def work(graph: Graph) -> dict[str, int]:
    """Kernels, bytes that they read and write, the arena, statements, and about how often statements are executed."""
    stages = Stages(graph)
    groups, kernels = stages.fusion.groups, stages.kernels
    return {
        "kernels": len(groups),
        "bytes": _bytes(v for g in groups for v in (*g.reads, *g.writes)),
        "arena": stages.plan.arena({}).size,
        "statements": sum(1 for k in kernels for p in k.phases for _ in statements(p.body)),
        "executed": sum(map(executed, kernels)),
    }


def _bytes(values: Iterable[Value]) -> int:
    return sum(Poly.of(v.type.nbytes).evaluate({}) for v in values)


# ------------------------------------------------------------------------------------------------ executed statements


def executed(kernel: Kernel) -> int:
    """Statements, each as often as its loops turn; a vector statement counts once."""
    return sum(_in_phase(k.chunk, k.body) for k in kernel.phases)


def _in_phase(chunk: Any, body: Body) -> int:
    if chunk is None:
        return _in_body(body, {"nc": 1})
    count = chunk.count({})
    lo, hi = chunk.bounds(0, {})
    return count * _in_body(body, {"c": 0, "nc": count, f"{chunk.axis}.lo": lo, f"{chunk.axis}.hi": hi})


def _in_body(body: Body, env: dict[str, int]) -> int:
    return sum(_in_loop(s, env) if isinstance(s, Loop) else 1 for s in body)


def _in_loop(loop: Loop, env: dict[str, int]) -> int:
    """A loop whose bounds depend on an outer one counts as in the first turn of that."""
    at, total = loop.lo.evaluate(env), 0
    hi = min(h.evaluate(env) for h in loop.hi)
    for part in parts(loop):
        turns = max(0, (hi - at - part.whole) // part.step + 1)
        total += turns * _in_body(part.body, env | {part.var: at}) if turns else 0
        at += turns * part.step
    return total


# -------------------------------------------------------------------------------------------------------------- tests


def golden() -> dict[str, dict[str, int]]:
    return json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}


def write(name: str, figures: dict[str, int]) -> None:
    known = golden() | {name: figures}
    lines = [f" {json.dumps(n)}: {json.dumps(known[n])}" for n in NAMES if n in known]
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def changes(want: dict[str, int], got: dict[str, int]) -> list[str]:
    """One line per figure that differs, with how much."""
    return [
        f"{what}: {want.get(what, 0):,} -> {n:,} ({n / want[what] - 1:+.1%})" if want.get(what) else f"{what}: new, {n:,}"
        for what, n in got.items()
        if n != want.get(what)
    ]


@pytest.mark.parametrize("name", NAMES)
def test_work_is_as_recorded(name: str) -> None:
    figures = work(traced(name))
    if os.environ.get("GRAPHC_UPDATE_GOLDEN"):
        write(name, figures)
    assert changes(golden().get(name, {}), figures) == []


def test_executed_counts_turns_of_loops() -> None:
    """16 elements in vectors: one load, one addition, one store per vector, and the loop itself is no statement."""
    with gx.Graph() as graph:
        x = gx.placeholder("float32", (1024,), name="x")
        graph.outputs = [(x + 1).value]
    (kernel,) = Stages(graph).kernels
    (loop,) = (s for p in kernel.phases for s in p.body if isinstance(s, Loop))
    inner = sum(not isinstance(s, Loop) for s in statements(loop.body))
    assert executed(kernel) == inner * sum(_vectors(loop))


def _vectors(loop: Loop) -> list[int]:
    return [1024 // loop.step]


def test_changes_name_figures_and_shares() -> None:
    assert changes({"kernels": 2, "arena": 0}, {"kernels": 3, "arena": 0}) == ["kernels: 2 -> 3 (+50.0%)"]
    assert changes({}, {"kernels": 3}) == ["kernels: new, 3"]
