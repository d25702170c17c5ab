"""`compare`: both models agree, and what is counted is what they do."""

from __future__ import annotations

import tracemalloc
from typing import Any

import numpy as np
import pytest

import graphc as gx
from graphc.errors import ConcretizationError, GradientError, SignatureError

X = np.linspace(-1, 1, 1000)


def f(x: Any, k: float = 2.0) -> Any:
    return (np.tanh(x) * k).sum()


def test_values_only() -> None:
    found = gx.compare(f, X, 3.0, seconds=0.01)
    assert found.difference < 1e-12 and found.gradient_difference is None
    assert found.static.nodes == 0 and found.dynamic.nodes == 3  # tanh, mul, sum
    assert found.graph == (5, 5) and found.kernels == 1
    assert found.title == "f(f64[1000], float)"


def test_with_gradients() -> None:
    found = gx.compare(f, X, 3.0, argnums=(0, 1), seconds=0.01)
    assert found.gradient_difference is not None and found.gradient_difference < 1e-12
    assert found.dynamic.nodes == 3 and found.graph[0] > 5


def test_memory_is_what_a_call_holds() -> None:
    """The static side adds up on the fly; the dynamic one holds tanh(x) and the product."""
    found = gx.compare(f, X, seconds=0.01)
    assert found.static.bytes < X.nbytes < 2 * X.nbytes <= found.dynamic.bytes
    assert not tracemalloc.is_tracing()


def test_times_are_positive_and_the_first_call_compiles() -> None:
    found = gx.compare(f, X, seconds=0.01)
    for model in (found.static, found.dynamic):
        assert model.seconds > 0 and model.first > 0
    assert found.static.first > found.static.seconds


def test_nests_and_static_arguments() -> None:
    def g(p: Any, n: int, name: str) -> Any:
        return {"y": p["w"] * n, "name": name, "n": n}

    found = gx.compare(g, {"w": X}, 3, "g", seconds=0.01)
    assert found.difference == 0
    with_slope = gx.compare(lambda p, n: (p["w"] ** n).sum(), {"w": X}, 3, argnums=0, seconds=0.01)
    assert with_slope.gradient_difference is not None and with_slope.gradient_difference < 1e-12


def test_a_difference_is_found() -> None:
    """A function that does another thing when it is traced."""

    def two_faced(x: Any) -> Any:
        return x + (0.5 if isinstance(x, gx.eager.Tensor) else 0.0)

    assert gx.compare(two_faced, X, seconds=0.01).difference == 0.5


def test_the_table() -> None:
    found = gx.compare(f, X, argnums=0, seconds=0.01)
    lines = str(found).splitlines()
    assert lines[0].split() == ["f(f64[1000])", "static", "dynamic"]
    assert repr(found) == str(found) and "largest difference of gradients" in lines[-1]
    assert len({len(line) for line in lines}) == 1


# ------------------------------------------------------------------------------------------------------ mistakes


def test_what_only_the_tape_can_do() -> None:
    with pytest.raises(ConcretizationError, match=r"np\.where"):
        gx.compare(lambda x: x if x.sum() > 0 else -x, X)


def test_a_gradient_that_is_none() -> None:
    with pytest.raises(GradientError, match="one number"):
        gx.compare(np.tanh, X, argnums=0)


def test_nothing_to_compute() -> None:
    with pytest.raises(SignatureError, match="no tensor"):
        gx.compare(lambda n: n + 1, 3)
