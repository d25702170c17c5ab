"""Threads, child processes, and the same text in every process."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from contracts.child import python
from contracts.models import chain, graph, layer, mirrored, numbers, softmax, statistics

from graphc.runtime.executable import compile_graph

TEXTS = """
from contracts.models import *
from graphc.runtime.stages import Stages
for f, types in ((chain, ("f32[n,8]", "f32[8]")), (softmax, ("f64[7,9]",)), (statistics, ("f32[40,n]",)),
                 (layer, ("f32[n,8]", "f32[8,3]")), (histogram, ("f32[n]", "i64[n]")), (with_table, ("f32[4,2]",))):
    stages = Stages(graph(f, *types))
    print(stages.optimized, stages.loops, stages.llvm, sep="\\n")
"""

CHILD = """
import os, sys
from contracts.models import *
from graphc.runtime.executable import compile_graph
types = ("f32[4000,64]",)
run, arrays = compile_graph(graph(softmax, *types), threads=2), numbers(*types)
want = run(*arrays)[0]
child = os.fork()
same = all((run(*arrays)[0] == want).all() and (run.native(*arrays)[0] == want).all() for _ in range(20))
if child == 0:
    os._exit(0 if same else 1)
sys.exit(os.waitpid(child, 0)[1] or not same)
"""


def test_texts_do_not_depend_on_the_process():
    texts = [python(TEXTS, PYTHONHASHSEED=seed) for seed in ("0", "1", "4242")]
    assert "define" in texts[0]
    assert texts[1:] == texts[:1] * 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork on this system")
def test_a_child_process_runs_what_its_parent_compiled():
    python(CHILD, PYTHONWARNINGS="ignore")


PROGRAMS = [
    (softmax, ("f32[400,64]",)),
    (mirrored, ("f64[n]",)),
    (layer, ("f32[64,64]", "f32[64,64]")),
]


@pytest.mark.parametrize(("f", "types"), PROGRAMS, ids=lambda p: getattr(p, "__name__", ""))
def test_many_threads_call_one_executable(f, types):
    run = compile_graph(graph(f, *types), threads=2)
    cases = [numbers(*types, seed=k, n=1000 + 7 * k) for k in range(4)]
    want = [run(*arrays) for arrays in cases]

    def work(k: int) -> bool:
        ways = [run] if run.native is None else [run, run.native]
        return all(same(way(*cases[k]), want[k]) for _ in range(100) for way in ways)

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(work, range(4))) == [True] * 4


def same(a: tuple[np.ndarray, ...], b: tuple[np.ndarray, ...]) -> bool:
    return all(np.array_equal(x, y) for x, y in zip(a, b, strict=True))


CHUNKED = [
    (chain, ("f32[700,600]", "f32[600]")),
    (softmax, ("f32[3000,100]",)),
    (statistics, ("f32[1000,300]",)),
    (statistics, ("f64[3,200001]",)),
    (layer, ("f32[300,200]", "f32[200,150]")),
    (mirrored, ("f64[300001]",)),
]


@pytest.mark.parametrize(("f", "types"), CHUNKED, ids=lambda p: getattr(p, "__name__", str(p)))
def test_the_number_of_threads_does_not_change_a_bit(f, types):
    arrays = numbers(*types)
    alone, *others = (compile_graph(graph(f, *types), threads=n)(*arrays) for n in (1, 2, 5))
    for other in others:
        for a, b in zip(other, alone, strict=True):
            np.testing.assert_array_equal(a, b)
