"""Values, gradients and second derivatives of compiled functions against PyTorch's (2.13, float64).

reference.json has three lists of arrays per case: the value; the gradient of its weighted sum by every argument; the
gradient of the weighted sum of that.  At smooth points an array stands as one number, its own weighted sum; at corners
(zeros, ties, poles, large numbers) as all of its items.  Where PyTorch has NaN or rounds to nothing, the limit stands
there instead: sinc and arctan2 at 0, and `where` with a pole in the branch not taken.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from autodiff.reference_cases import CASES, Case, points

import graphc as gx

EXPECTED = json.loads(Path(__file__).with_name("reference.json").read_text())


def weights(x: Any, start: int) -> np.ndarray:
    return points(*x.shape, low=-1.0, high=1.0, start=start)


def derivatives(case: Case, level: str) -> list[list[np.ndarray]]:
    """Value, gradient, and the gradient of the gradient."""
    arguments = tuple(range(len(case.args)))

    def energy(*xs: Any) -> Any:
        y = case.function(*xs)
        return (y * weights(y, 100)).sum()

    first = gx.grad(energy, arguments)

    def slope(*xs: Any) -> Any:
        return sum((g * weights(g, 200 + k)).sum() for k, g in enumerate(first(*xs)))

    second = gx.grad(slope, arguments)
    every = gx.jit(lambda *xs: ([case.function(*xs)], list(first(*xs)), list(second(*xs))), level=level)
    return list(every(*case.args))


def recorded(case: Case, arrays: Sequence[np.ndarray]) -> list[Any]:
    return [a.tolist() if case.is_corner else float((a * weights(a, 300)).sum()) for a in arrays]


def test_no_case_is_missing() -> None:
    assert list(EXPECTED) == list(CASES) and len(CASES) >= 170


@pytest.mark.filterwarnings("ignore:.*:RuntimeWarning")
@pytest.mark.parametrize("level", ["O0", "O3"])
@pytest.mark.parametrize("name", CASES)
def test_compiled_derivatives_are_those_of_the_reference(name: str, level: str) -> None:
    case = CASES[name]
    for kind, arrays, want in zip(("value", "first", "second"), derivatives(case, level), EXPECTED[name], strict=True):
        got = recorded(case, arrays)
        assert len(got) == len(want)
        for g, w in zip(got, want, strict=True):
            np.testing.assert_allclose(g, w, rtol=1e-9, atol=1e-11, err_msg=f"{name}, {kind}")
