"""Native code of scheduled kernels against NumPy and against the interpreter of loop nests."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from codegen.native import Native
from codegen.nest_kernels import CASES, Case, check, cluster_of, make

from graphc.codegen import interp, monoids
from graphc.codegen.array_layout import numpy_dtype
from graphc.codegen.loops import (
    Accumulate,
    Body,
    Buffer,
    Check,
    Chunk,
    Finish,
    Fold,
    Guard,
    Index,
    Init,
    Kernel,
    Let,
    Load,
    Loop,
    Phase,
    Store,
)
from graphc.codegen.lower import lower
from graphc.codegen.monoids import MONOIDS, Monoid
from graphc.codegen.pool import fork_address
from graphc.codegen.schedule import AUTO, Plan, schedule
from graphc.ir.poly import Poly, Size

SIZES = [(0, 5), (5, 0), (1, 1), (1, 17), (7, 3), (17, 16), (19, 33), (40, 67)]
PLANS = {"auto": AUTO, "plain": Plan(unroll=1, jam=1, prefetch=0)}
P = Poly.of
I = P("i")  # noqa: E741
Array = np.ndarray[Any, Any]


def run_case(case: Case, native: Native, n: int, d: int, fork: int = 0) -> dict[str, Array]:
    ins, outs = make(case, n, d)
    status = native({**ins, **outs}, {"n": n, "d": d}, fork)
    assert status == 0
    check(case, ins, outs)
    return outs


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("name", CASES)
def test_symbolic_extents(name: str, plan: str) -> None:
    case, built = CASES[name], dict[tuple[int, ...], Native]()
    for n, d in SIZES:
        if case.empty or n * d:
            key = tuple({"n": n, "d": d}[f] for f in case.fixed)
            if key not in built:
                built[key] = Native(schedule(lower(cluster_of(case, n, d, False)), PLANS[plan]))
            run_case(case, built[key], n, d)


@pytest.mark.parametrize("n,d", [(3, 0), (7, 3), (19, 33)])
@pytest.mark.parametrize("name", CASES)
def test_static_extents(name: str, n: int, d: int) -> None:
    case = CASES[name]
    if case.empty or n * d:
        run_case(case, Native(schedule(lower(cluster_of(case, n, d, True)))), n, d)


@pytest.mark.parametrize("name", CASES)
def test_bits_do_not_depend_on_threads(name: str) -> None:
    case, n, d = CASES[name], 503, 519
    native = Native(schedule(lower(cluster_of(case, n, d, False))))
    alone = run_case(case, native, n, d)
    for _ in range(3):
        shared = run_case(case, native, n, d, fork_address(2))
        assert all(shared[k].tobytes() == v.tobytes() for k, v in alone.items())
