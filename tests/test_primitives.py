"""Every primitive, every case, every element type: NumPy's rule = loop interpreter = native code."""

from __future__ import annotations

import numpy as np
import pytest
from cases import PrimitiveCase, primitive_cases, tolerance
from roads import interpreted

from graphc.ir.primitive import PRIMITIVES, type_of
from graphc.runtime.executable import compile_graph

CASES = list(primitive_cases())


def reference(c: PrimitiveCase, arrays: list[np.ndarray]) -> np.ndarray:
    with np.errstate(all="ignore"):
        return np.asarray(c.op(*arrays, **c.case.attrs))


def check(c: PrimitiveCase, got: np.ndarray, want: np.ndarray, arrays: list[np.ndarray]) -> None:
    assert type_of(got) == type_of(want)
    np.testing.assert_allclose(got, want, **tolerance(c.op, want, arrays))


@pytest.mark.parametrize("c", CASES, ids=str)
def test_infer_gives_the_type_that_numpy_gives(c: PrimitiveCase) -> None:
    arrays = c.arrays()
    assert c.op.infer(*map(type_of, arrays), **c.case.attrs) == type_of(reference(c, arrays))


@pytest.mark.parametrize("scheduled", [False, True], ids=["naive", "scheduled"])
@pytest.mark.parametrize("c", CASES, ids=str)
def test_loop_nests_mean_what_numpy_computes(c: PrimitiveCase, scheduled: bool) -> None:
    arrays = c.arrays()
    check(c, interpreted(c.graph(), arrays, scheduled=scheduled)[0], reference(c, arrays), arrays)


@pytest.mark.parametrize("c", CASES, ids=str)
def test_native_code_computes_what_numpy_does(c: PrimitiveCase) -> None:
    arrays = c.arrays()
    check(c, compile_graph(c.graph(), "O1")(*arrays)[0], reference(c, arrays), arrays)


@pytest.mark.parametrize("name", sorted(PRIMITIVES))
def test_record_is_complete(name: str) -> None:
    """Every primitive but the leaves has cases and code; what takes floats and gives floats has both gradients."""
    op = PRIMITIVES[name]
    if name in ("placeholder", "variable"):
        return
    assert op.cases
    assert op.scalar or op.loops or op.traits & {"scatter", "source", "library"}
    assert (op.vjp is None) == (op.jvp is None)
