"""Random programs: reference = loop interpreter = native code at every level, and so are their gradients."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from programs import LARGE, Program, programs
from roads import Tolerance, interpreted, reference

from graphc.autodiff.reverse import gradients
from graphc.ir.node import Value
from graphc.ir.ops.arithmetic import add
from graphc.ir.ops.reduce import sum_
from graphc.passes.rebuild import rebuild
from graphc.runtime.executable import compile_graph

SIZES = ({"n": 3, "m": 5}, {"n": 0, "m": 2}, {"n": 1, "m": 1}, {"n": 6, "m": 0})
STEP = 1e-5  # of central differences: their error is of the order of its square


def campaign(examples: int) -> settings:
    """The same programs in every run; native code has no place for a deadline, as the first one loads LLVM."""
    return settings(max_examples=examples, deadline=None, derandomize=True, database=None)


@campaign(60)
@given(p=programs(), seed=st.integers(0, 9))
def test_every_road_leads_to_the_same_results(p: Program, seed: int) -> None:
    arrays = p.arrays(seed)
    want, near = reference(p.graph, arrays), Tolerance(p.graph, arrays, p.exact)
    for scheduled in (False, True):
        near.check(p.graph.outputs, interpreted(p.graph, arrays, scheduled=scheduled), want, f"nest, {scheduled=}")
    for level in ("O1", "O3"):
        near.check(p.graph.outputs, compile_graph(p.graph, level)(*arrays), want, level)


@campaign(30)
@given(p=programs(sizes=LARGE), seed=st.integers(0, 9))
def test_loops_of_many_vectors_and_chunks(p: Program, seed: int) -> None:
    arrays = p.arrays(seed)
    alone, shared = (compile_graph(p.graph, threads=n)(*arrays) for n in (1, 2))
    Tolerance(p.graph, arrays, p.exact).check(p.graph.outputs, alone, reference(p.graph, arrays), "O3")
    for a, b in zip(alone, shared, strict=True):
        np.testing.assert_array_equal(a, b)


@campaign(40)
@given(p=st.one_of(programs(), programs(sizes=LARGE)), seed=st.integers(0, 9))
def test_donated_arguments_change_no_bit(p: Program, seed: int) -> None:
    graph, arrays = p.graph, p.arrays(seed)
    want = compile_graph(graph)(*arrays)
    donated = compile_graph(graph, donated=range(len(arrays)))
    for given_up in ([a.copy() for a in arrays], [*arrays]):
        for a, b in zip(donated(*given_up), want, strict=True):
            np.testing.assert_array_equal(a, b)


@campaign(40)
@given(p=programs(), seed=st.integers(0, 9))
def test_nan_infinity_and_the_ends_of_integers(p: Program, seed: int) -> None:
    """Levels that keep every bit; the rules of O3 may turn an infinity into the number that it stands for."""
    arrays = p.arrays(seed, wild=True)
    want, near = reference(p.graph, arrays), Tolerance(p.graph, arrays, p.exact)
    for level in ("O1", "O2"):
        near.check(p.graph.outputs, compile_graph(p.graph, level)(*arrays), want, level)


@campaign(40)
@given(p=programs(symbolic=True))
def test_one_compilation_serves_every_size(p: Program) -> None:
    run = compile_graph(p.graph)
    for dims in SIZES:
        arrays = p.arrays(1, dims)
        want, near = reference(p.graph, arrays), Tolerance(p.graph, arrays, p.exact)
        near.check(p.graph.outputs, run(*arrays), want, f"O3 for {dims}")
        near.check(p.graph.outputs, interpreted(p.graph, arrays, scheduled=True), want, f"nest for {dims}")


# ------------------------------------------------------------------------------------------------------ gradients


class Differentiated:
    """The sum of the outputs of a program followed by its gradients, and the inputs that those belong to."""

    def __init__(self, p: Program) -> None:
        self.graph = g = rebuild(p.graph)
        inputs = [v for v in g.inputs if v.dtype == "f64"]
        with g:
            self.total = self._sum([y for y in g.outputs if y.dtype == "f64"])
            found = gradients(g, [self.total], inputs)
        pairs = [(x, d) for x, d in zip(inputs, found, strict=True) if d is not None]
        self.inputs = [x for x, _ in pairs]
        g.outputs = [self.total, *(d for _, d in pairs)]

    def _sum(self, values: list[Value]) -> Value:
        total = self.graph.constant(np.float64(0))
        for v in values:
            total = add(total, sum_(v, axes=tuple(range(len(v.shape)))))
        return total

    def at(self, arrays: list[np.ndarray]) -> list[np.ndarray]:
        return reference(self.graph, arrays)

    def slope(self, arrays: list[np.ndarray], directions: list[np.ndarray]) -> float:
        """By central differences."""
        ahead = [a + STEP * u for a, u in zip(arrays, directions, strict=True)]
        behind = [a - STEP * u for a, u in zip(arrays, directions, strict=True)]
        return float(self.at(ahead)[0] - self.at(behind)[0]) / (2 * STEP)


@campaign(40)
@given(p=programs(longest=12), seed=st.integers(0, 9))
def test_gradients_are_the_same_compiled(p: Program, seed: int) -> None:
    d, arrays = Differentiated(p), p.uneven_arrays(seed)
    Tolerance(d.graph, arrays).check(d.graph.outputs, compile_graph(d.graph)(*arrays), d.at(arrays), "O3")


@campaign(40)
@given(p=programs(symbolic=True, longest=10))
def test_gradients_of_every_size(p: Program) -> None:
    d = Differentiated(p)
    run = compile_graph(d.graph)
    for dims in SIZES:
        arrays = p.uneven_arrays(1, dims)
        Tolerance(d.graph, arrays).check(d.graph.outputs, run(*arrays), d.at(arrays), f"O3 for {dims}")


@campaign(60)
@given(p=programs(smooth=True, longest=12), seed=st.integers(0, 9))
def test_gradients_are_the_slopes(p: Program, seed: int) -> None:
    d, arrays = Differentiated(p), p.uneven_arrays(seed)
    rng = np.random.default_rng(seed)
    directions = [rng.uniform(-1, 1, a.shape) for a in arrays]
    by_input = dict(zip(d.inputs, d.at(arrays)[1:], strict=True))
    rules = sum(
        float(np.sum(by_input[x] * u)) for x, u in zip(d.graph.inputs, directions, strict=True) if x in by_input
    )
    assert rules == pytest.approx(
        d.slope(arrays, directions), rel=1e-5, abs=1e-6 * Tolerance(d.graph, arrays).largest + 1e-6
    )
