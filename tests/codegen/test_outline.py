"""Groups with one outline: they get the kernels and arrays that lifting each of them gives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import graphc as gx
from graphc.codegen import kernels
from graphc.codegen.native.engine import host
from graphc.codegen.outline import outline
from graphc.passes.fuse import Fusion
from graphc.runtime.stages import Stages

X = np.random.default_rng(0).normal(size=(12, 6, 8))


def unrolled(x: Any) -> Any:
    h = x[0]
    for row in x[1:]:
        h = np.tanh(row @ h.T @ h)
    return h


def unequal_distances(x: Any) -> Any:
    """Two reads of one array, at distances that differ from step to step."""
    return [(np.exp(x[t]) * x[2 * t]).sum(axis=0) for t in range(1, 6)]


def whole_and_slices(x: Any) -> Any:
    return [(x * x[t]).sum(axis=0) for t in range(4)]


def steps_and_flips(x: Any) -> Any:
    return [np.cumsum(np.exp(x[t : t + 6 : 2, ::-1]).sum(axis=0), axis=0) for t in range(4)]


def pads_and_joins(x: Any) -> Any:
    return [np.concatenate([np.pad(x[t], 1), np.ones((2, 10))]).sum(axis=1) for t in range(4)]


def reshapes(x: Any) -> Any:
    flat = np.exp(x).reshape(72, 8)
    return [np.sin(flat[6 * t : 6 * t + 6].reshape(3, 16)).sum(axis=1) for t in range(12)]


def equal_but_for_a_number(x: Any) -> Any:
    return [(x[t] * (1.0 + t // 2)).sum(axis=0) for t in range(4)]


def equal_but_for_a_type(x: Any) -> Any:
    return [x[t].astype(dtype).sum(axis=0) for t, dtype in enumerate(("f4", "f8", "i8", "f4"))]


def chosen(x: Any) -> Any:
    return [np.take(x[t], np.array([1, -1]), axis=0).sum(axis=0) for t in range(3)]


def parts(x: Any) -> Any:
    return np.stack([(x[t] @ x[t + 1].T).sum(axis=1) for t in range(5)], axis=1)


def nothing(x: Any) -> Any:
    return [np.exp(x[t, :0]).sum(axis=0) for t in range(3)]


PROGRAMS = (
    unrolled,
    unequal_distances,
    whole_and_slices,
    steps_and_flips,
    pads_and_joins,
    reshapes,
    equal_but_for_a_number,
    equal_but_for_a_type,
    chosen,
    parts,
    nothing,
)


@pytest.fixture(params=PROGRAMS, ids=lambda f: f.__name__)
def program(request: pytest.FixtureRequest) -> Callable[[Any], Any]:
    return request.param


def fusion_of(f: Callable[..., Any]) -> Fusion:
    return Stages(gx.jit(f).trace(X)).fusion


def uses(fusion: Fusion) -> list[kernels.Use]:
    return kernels.uses(fusion, host().features)


def shared(used: list[kernels.Use]) -> list[int]:
    """For each use the first one that has its kernel."""
    first: dict[int, int] = {}
    return [first.setdefault(id(u.kernel), n) for n, u in enumerate(used)]


def test_outlines_change_nothing(program: Callable[[Any], Any], monkeypatch: pytest.MonkeyPatch) -> None:
    fusion = fusion_of(program)
    drawn = uses(fusion)
    monkeypatch.setattr(kernels, "outline", lambda fusion, group: None)
    lifted = uses(fusion)
    assert [(u.name, u.arrays) for u in drawn] == [(u.name, u.arrays) for u in lifted]
    assert shared(drawn) == shared(lifted)
    assert [str(u.kernel) for u in drawn] == [str(u.kernel) for u in lifted]


def test_results_are_those_of_numpy(program: Callable[[Any], Any]) -> None:
    got, want = gx.jit(program)(X), program(X)
    pairs: Iterator[tuple[Any, Any]] = zip(got, want, strict=True) if isinstance(want, list) else iter([(got, want)])
    for a, b in pairs:
        np.testing.assert_allclose(a, b, rtol=1e-6 if a.dtype == "f4" else 1e-12)


def test_the_steps_of_a_loop_are_lifted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lifted: list[str] = []
    lift = kernels.lift
    monkeypatch.setattr(kernels, "lift", lambda fusion, group: lifted.append(group.name) or lift(fusion, group))
    fusion = fusion_of(unrolled)
    assert len(uses(fusion)) == len(fusion.groups) > 20
    assert len(lifted) < 6


def test_kernels_that_report_an_index_have_no_outline() -> None:
    def f(x: Any, i: Any) -> Any:
        return [np.exp(np.take(x[t], i, axis=0)) for t in range(2)]

    fusion = Stages(gx.jit(f).trace(X, np.array([1, -1]))).fusion
    assert [outline(fusion, g) for g in fusion.groups] == [None] * len(fusion.groups)


def test_slices_at_one_distance_share_an_outline_and_others_do_not() -> None:
    fusion = fusion_of(unequal_distances)
    assert len({o.key for o in (outline(fusion, g) for g in fusion.groups) if o}) == len(fusion.groups)
    fusion = fusion_of(lambda x: [(np.exp(x[t]) * x[t + 3]).sum(axis=0) for t in range(1, 6)])
    drawn = [o for o in (outline(fusion, g) for g in fusion.groups) if o]
    assert len({o.key for o in drawn}) == 1
    assert sorted(o.starts[-1] for o in drawn) == [48 * t for t in range(1, 6)]
