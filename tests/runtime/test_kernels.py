"""Single operations by machine code: the results of the NumPy rules, where it is used, and the switch."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from cases import primitive_cases, tolerance

from graphc import eager
from graphc.config import KERNELS, Config, config
from graphc.errors import OptionError
from graphc.ir import compute
from graphc.runtime import kernels

FLOATS = frozenset({"f32", "f64"})
CASES = [c for c in primitive_cases(FLOATS) if c.op.is_elementwise or "reduction" in c.op.traits]


@pytest.fixture
def calls(monkeypatch):
    """Machine code for small arrays too; lists the operations and derivatives that it computes."""
    monkeypatch.setattr(compute, "LARGE", 1)
    listed: list[str] = []

    def listing(name: str, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(op: Any, *args: Any) -> Any:
            result = function(op, *args)
            if result is not None:
                listed.append(f"{name} {op.name}")
            return result

        return call

    for name in ("compute", "pull"):
        monkeypatch.setattr(kernels, name, listing(name, getattr(kernels, name)))
    return listed


def on_tape(function: Callable[..., Any], arrays: list[np.ndarray]) -> list[np.ndarray | None]:
    """The value, and the gradients of a weighted sum of it."""
    xs = [eager.Tensor(a, requires_grad=a.dtype.kind == "f") for a in arrays]
    y = function(*xs)
    if not y.requires_grad:
        return [y.numpy()]
    weights = np.cos(np.arange(y.numel(), dtype=y.dtype)).reshape(y.shape)
    gs = eager.grad(y, [x for x in xs if x.requires_grad], weights, allow_unused=True)
    return [y.detach().numpy(), *(g if g is None else g.numpy() for g in gs)]


def both_ways(function: Callable[..., Any], arrays: list[np.ndarray]) -> list[tuple[Any, Any]]:
    with config(kernels=KERNELS):
        native = on_tape(function, arrays)
    with config(kernels=None):
        return list(zip(native, on_tape(function, arrays), strict=True))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_every_operation(case, calls):
    arrays = case.arrays()
    for got, expected in both_ways(lambda *xs: case.op(*xs, **case.case.attrs), arrays):
        assert got.dtype == expected.dtype and got.shape == expected.shape
        bounds = tolerance(case.op, expected, arrays)
        np.testing.assert_allclose(got, expected, rtol=4 * bounds["rtol"], atol=4 * bounds["atol"] + 4 * bounds["rtol"])


def test_elementwise_operations_have_machine_code(calls):
    x = np.linspace(0.1, 0.9, 60, dtype="f4").reshape(3, 20)
    for name in ("exp", "log", "tanh", "sigmoid", "erf", "sqrt", "sin", "abs"):
        both_ways(lambda t, name=name: getattr(eager, name)(t), [x])
        assert calls == [f"compute {name}", f"pull {name}"]
        calls.clear()


A = np.arange(1.0, 25.0).reshape(2, 3, 4) / 10
ROW, COLUMN, OUTER = A[0, 0], A[:, :, :1], A[:, :1, :1]


@pytest.mark.parametrize(
    ("arrays", "used"),
    [
        ([A, A[::-1].copy()], True), ([A, np.array(2.5)], True), ([np.full((1, 1), 2.5), A], True), ([A, ROW], True),
        ([A, A[:1]], True), ([A, A[0]], True), ([COLUMN.copy(), A], True), ([OUTER.copy(), A], True),
        ([A, np.broadcast_to(COLUMN.copy(), A.shape)], True), ([np.broadcast_to(ROW, A.shape), A], True),
        ([A, A[::-1]], False), ([A, A[:, :1]], False), ([COLUMN.copy(), ROW], False), ([A.T, A.T.copy()], False),
        ([np.zeros((0, 3)), np.ones((0, 3))], False), ([A.astype("i4"), A.astype("i4")], False),
        ([A.astype("f2"), A.astype("f2")], False),
    ],
)  # fmt: skip
def test_layouts(arrays, used, calls):
    for got, expected in both_ways(lambda x, y: x / y if x.is_floating_point() else x * y, arrays):
        assert got.shape == expected.shape and got.dtype == expected.dtype
        np.testing.assert_allclose(got, expected, rtol=1e-13)
    assert ("compute div" in calls or (arrays[0].dtype.kind == "i" and "compute mul" in calls)) is used


@pytest.mark.parametrize("exponent", [2, 3, -1, 0.5, 0, 2.75, -7])
def test_powers(exponent, calls):
    for got, expected in both_ways(lambda x: x**exponent, [A]):
        np.testing.assert_allclose(got, expected, rtol=1e-13)


def test_expanded_cotangents(calls):
    for f in (
        lambda x: (x * x).sum(),
        lambda x: (x * x).sum(1).exp(),
        lambda x: eager.var(x, 0) * 2,
        lambda x: (x + 1).mean(),
    ):
        for got, expected in both_ways(f, [A[0]]):
            np.testing.assert_allclose(got, expected, rtol=1e-13)


def test_special_values(calls):
    x = np.array([np.nan, np.inf, -np.inf, -0.0, 0.0, 1e300, -1e-300])
    for f in (eager.exp, eager.tanh, eager.sigmoid, eager.relu, eager.sqrt, lambda t: eager.clamp(t, -1.0, 1.0)):
        for got, expected in both_ways(f, [x]):
            np.testing.assert_allclose(got, expected, rtol=1e-13, atol=1e-320)


def test_results_are_new_memory(calls):
    with config(kernels=KERNELS):
        x = eager.tensor(A)
        y = eager.exp(x)
        z = eager.exp(x)
        y.zero_()
        assert y.numpy().max() == 0 and np.allclose(z.numpy(), np.exp(A))
        assert np.array_equal(x.numpy(), A)


def test_small_arrays_are_left_to_numpy():
    code = (
        "import numpy as np, sys; from graphc import eager\n"
        "x = eager.tensor(np.ones(1000), requires_grad=True); eager.exp(x).sum().backward()\n"
        "print('graphc.codegen.lower' in sys.modules)\n"
        "y = eager.exp(eager.tensor(np.ones(100_000))); print('graphc.codegen.lower' in sys.modules)"
    )
    for switch, loaded in (("on", ["False", "True"]), ("off", ["False", "False"])):
        environment = {"GRAPHC_KERNELS": switch, "GRAPHC_CACHE_DIR": "off", "PYTHONPATH": ":".join(sys.path)}
        out = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
        assert out.stdout.split() == loaded


def test_the_switch():
    assert Config.from_environment({"GRAPHC_KERNELS": "off"}).kernels is None
    assert Config.from_environment({"GRAPHC_KERNELS": "on"}).kernels == Config.from_environment({}).kernels == KERNELS
    with pytest.raises(OptionError, match="GRAPHC_KERNELS"):
        Config.from_environment({"GRAPHC_KERNELS": "maybe"})
