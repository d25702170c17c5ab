"""How much work the code of each workload does, counted without a clock and compared with tests/golden/work.json.

A figure that grows is a regression, one that shrinks is to be kept: after a change that is meant,

    GRAPHC_UPDATE_GOLDEN=1 python -m pytest tests/test_work.py
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest

import graphc as gx
from benchmarks.workloads import WORKLOADS
from graphc.codegen.gemm.epilogue import COLUMN, COLUMNS, ROW, ROWS
from graphc.codegen.gemm.kernel import ProductKernel
from graphc.codegen.kernels import AnyKernel, each_once, scheduled, uses
from graphc.codegen.library.kernel import LibraryKernel
from graphc.codegen.nest.loops import Body, Chunk, Kernel, Loop, parts, statements
from graphc.ir.graph import Graph
from graphc.ir.node import Value
from graphc.ir.poly import Poly
from graphc.runtime.donation import claims
from graphc.runtime.executable import Native
from graphc.runtime.in_place import in_place, in_slices
from graphc.runtime.plan import lay_out
from graphc.runtime.stages import Stages

GOLDEN = Path(__file__).parent / "golden" / "work.json"
TARGET = frozenset({"avx512"})  # whatever this machine has: products are planned for a number of registers
NAMES = (
    "overhead_add", "mlp_tiny_grad", "hier_logp", "small_gemm_chain", "blackscholes_f32", "elementwise_chain",
    "softmax", "layernorm_grad", "lse_argmax_ax0", "meanvar_ax0", "logreg_grad", "mlp_train_sgdm", "transformer_fwd",
    "transformer_grad", "nbody", "kmeans", "embed_fwd", "embed_grad", "gemm_f32_512", "bmm_64", "sort_1e6",
    "argsort_1e6", "topk50", "cumsum_row", "cumsum_ax0", "cumsum_ax1", "luma_u8", "sobel_u8", "channels_first_u8",
    "rotations", "quaternions", "inverse_2x2", "standardise", "covariance", "kernel_matrix", "normal_logp", "powers",
)  # fmt: skip
DONATED = {"mlp_train_sgdm": ("parameters", "velocities")}  # workloads and the parameters that they give up


def traced(name: str) -> Graph:
    work = WORKLOADS[name]
    return gx.jit(work.compiled).trace(*work.arguments(np.random.default_rng(0)))


def work(graph: Graph, donated: Collection[int] = ()) -> dict[str, int]:
    """Kernels, bytes that they read and write, the arena, statements, and about how often statements are executed."""
    fusion = Stages(graph).fusion
    separate = uses(fusion, TARGET)
    used = in_slices(fusion, in_place(fusion, separate, claims(fusion, separate, donated)))
    kernels = each_once(scheduled, [u.kernel for u in used])
    return {
        "kernels": len(kernels),
        "bytes": _bytes(v for g in fusion.groups for v in (*g.reads, *g.writes, *(p.source for p in g.parts))),
        "arena": lay_out(fusion, used, kernels).plan.bytes({}),
        "statements": sum(map(length, kernels)),
        "executed": sum(map(executed, kernels)),
    }


def donated_work(name: str, parameters: Sequence[str]) -> dict[str, int]:
    """The same where arguments are donated, and the bytes of the results that lie in none of them."""
    program = gx.jit(WORKLOADS[name].compiled, donate=parameters)
    native = program.compile(*WORKLOADS[name].arguments(np.random.default_rng(0)))
    assert isinstance(native, Native)
    plan = native.program.plan
    fresh = set(range(len(native.results))) - {j for j, _ in plan.donation.results}
    figures = work(native.graph, native.stages.donated)
    return figures | {"fresh": sum(Poly.of(native.results[j].nbytes).evaluate({}) for j in fresh)}


def _bytes(values: Iterable[Value]) -> int:
    return sum(Poly.of(v.type.nbytes).evaluate({}) for v in values)


def length(kernel: AnyKernel) -> int:
    """Statements of a nest; of a product, those of its epilogue; a library operation has none."""
    if isinstance(kernel, LibraryKernel):
        return 0
    if isinstance(kernel, ProductKernel):
        return 0 if kernel.epilogue is None else length(kernel.epilogue)
    return sum(1 for p in kernel.phases for _ in statements(p.body))


# ------------------------------------------------------------------------------------------------ executed statements


def executed(kernel: AnyKernel) -> int:
    """Statements, each as often as its loops turn; a statement of a vector loop counts once per vector.

    Of a library operation what it is reckoned to cost.
    """
    if isinstance(kernel, LibraryKernel):
        return kernel.body.chunk.work.evaluate({})
    return _product(kernel) if isinstance(kernel, ProductKernel) else _nest(kernel, {})


def _product(kernel: ProductKernel) -> int:
    """Multiplications of vectors, and the epilogue as if it took all rows of a matrix at once."""
    p, lanes = kernel.cut.product, kernel.cut.plan.lanes
    one = p.rows * p.steps * -(-p.n // lanes)
    whole = {ROW: 0, ROWS: p.rows, COLUMN: 0, COLUMNS: p.n}
    after = 0 if kernel.epilogue is None else _nest(kernel.epilogue, dict.fromkeys(kernel.epilogue.dims, 0) | whole)
    return math.prod(p.batch) * (one + after)


def _nest(kernel: Kernel, env: dict[str, int]) -> int:
    return sum(_phase(p.chunk, p.body, env) for p in kernel.phases)


def _phase(chunk: Chunk | None, body: Body, env: dict[str, int]) -> int:
    if chunk is None:
        return _body(body, env | {"nc": 1})
    count = chunk.count(env)
    lo, hi = chunk.bounds(0, env)
    return count * _body(body, env | {"c": 0, "nc": count, f"{chunk.axis}.lo": lo, f"{chunk.axis}.hi": hi})


def _body(body: Body, env: dict[str, int]) -> int:
    return sum(_loop(s, env) if isinstance(s, Loop) else 1 for s in body)


def _loop(loop: Loop, env: dict[str, int]) -> int:
    """Bounds that depend on an outer loop are those of its first turn."""
    at, total = loop.lo.evaluate(env), 0
    hi = min(h.evaluate(env) for h in loop.hi)
    for part in parts(loop):
        turns = max(0, (hi - at - part.whole) // part.step + 1)
        total += turns * _body(part.body, env | {part.var: at}) if turns else 0
        at += turns * part.step
    return total


# -------------------------------------------------------------------------------------------------------------- tests


def golden() -> dict[str, dict[str, int]]:
    return json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}


def write(name: str, figures: dict[str, int]) -> None:
    known = golden() | {name: figures}
    names = (*NAMES, *map(_when_donated, DONATED))
    lines = [f" {json.dumps(n)}: {json.dumps(known[n])}" for n in names if n in known]
    GOLDEN.parent.mkdir(exist_ok=True)
    GOLDEN.write_text("{\n" + ",\n".join(lines) + "\n}\n")


def changes(want: dict[str, int], got: dict[str, int]) -> list[str]:
    """One line per figure that differs, with how much."""
    return [_change(what, want.get(what), n) for what, n in got.items() if n != want.get(what)]


def _change(what: str, before: int | None, now: int) -> str:
    if before is None:
        return f"{what}: new, {now:,}"
    return f"{what}: {before:,} -> {now:,}" + (f" ({now / before - 1:+.1%})" if before else "")


def _when_donated(name: str) -> str:
    return f"{name} donated"


@pytest.mark.parametrize("name", NAMES)
def test_work_is_as_recorded(name: str) -> None:
    check(name, work(traced(name)))


@pytest.mark.parametrize("name", DONATED)
def test_work_is_as_recorded_where_arguments_are_donated(name: str) -> None:
    check(_when_donated(name), donated_work(name, DONATED[name]))


def check(name: str, figures: dict[str, int]) -> None:
    if os.environ.get("GRAPHC_UPDATE_GOLDEN"):
        write(name, figures)
    differing = changes(golden().get(name, {}), figures)
    assert not differing, "\n".join([f"{name} does other work than recorded:", *differing])


@pytest.mark.parametrize(("count", "vectors"), [(1024, 64), (1000, 63), (16, 1)])
def test_executed_counts_vectors(count: int, vectors: int) -> None:
    """Per vector of 16 numbers a load, an addition and a store; and the constant once."""
    with gx.Graph() as graph:
        x = gx.placeholder("float32", (count,), name="x")
        graph.outputs = [(x + 1).value]
    assert work(graph)["executed"] == 3 * vectors + 1


def test_changes_name_figures_and_shares() -> None:
    assert changes({"kernels": 2, "arena": 0}, {"kernels": 3, "arena": 0}) == ["kernels: 2 -> 3 (+50.0%)"]
    assert changes({}, {"kernels": 3}) == ["kernels: new, 3"]
