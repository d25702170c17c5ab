"""Gradients of `where` at points where the branch not taken has none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from passes.blocks import run_graph

from graphc.autodiff.reverse import gradients
from graphc.ir.graph import Graph
from graphc.ir.node import Value
from graphc.ir.ops.arithmetic import add, div, mul
from graphc.ir.ops.logic import gt, select
from graphc.ir.ops.maths import exp, log, power, sqrt
from graphc.ir.ops.reduce import sum_
from graphc.ir.ops.shape import permute, reshape, slice_
from graphc.ir.types import Type
from graphc.passes.pipelines import PIPELINES, optimize

POINTS = np.array([-2.0, -1.0, 0.0, -0.0, 1.0, 2.0, 4.0])
ZERO = np.zeros(())
COLUMN = np.array([[1.0], [-1.0], [2.0]])


def _where(x: Value, f: Callable[[Value], Any], otherwise: Any = ZERO) -> Any:
    return select(gt(x, 0.0), f(x), otherwise)


FUNCTIONS: dict[str, Callable[[Value], Any]] = {
    "log": lambda x: _where(x, log),
    "sqrt": lambda x: _where(x, sqrt),
    "reciprocal": lambda x: _where(x, lambda y: div(1.0, y)),
    "power": lambda x: _where(x, lambda y: power(y, 0.5)),
    "else branch": lambda x: select(gt(np.float64(0.5), x), ZERO, log(x)),
    "two branches": lambda x: _where(x, log, exp(x)),
    "shared inner": lambda x: _where(x, lambda y: add(log(sqrt(y)), sqrt(y))),
    "nested": lambda x: select(gt(x, -1.5), _where(x, lambda y: sqrt(log(add(y, 1.0))), x), ZERO),
    "views": lambda x: _where(permute(reshape(x, shape=(7, 1)), axes=(1, 0)), log),
    "slice": lambda x: _where(slice_(log(x), starts=(4,), sizes=(3,), steps=(1,)), sqrt),
    "broadcast": lambda x: select(gt(mul(x, np.abs(COLUMN)), 0.0), mul(log(x), COLUMN), ZERO),
}


def _gradient(name: str, order: int, level: str, **options: Any) -> np.ndarray:
    g = Graph()
    with g:
        x = g.placeholder(Type("f64", POINTS.shape))
        y = FUNCTIONS[name](x)
        for _ in range(order):
            (y,) = gradients(g, [sum_(y, axes=tuple(range(y.type.ndim)))], [x])
        g.outputs = [y]
    points = np.where(POINTS == 0, 1.5, np.abs(POINTS) + 1) if name == "slice" else POINTS
    return run_graph(optimize(g, level, **options), [points])[0]


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("level", PIPELINES)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_no_nan_from_the_branch_not_taken(name: str, level: str, order: int) -> None:
    got = _gradient(name, order, level)
    assert np.isfinite(got).all()
    plain = _gradient(name, order, "O0", disable=["safe_where"])
    good = np.isfinite(plain)
    np.testing.assert_allclose(got[good], plain[good], rtol=1e-12, atol=0)


@pytest.mark.parametrize("name", ["log", "sqrt", "nested", "broadcast"])
def test_without_the_pass_there_would_be_one(name: str) -> None:
    assert np.isnan(_gradient(name, 1, "O2", disable=["safe_where"])).any()


def test_values_where_nothing_is_taken_are_zero() -> None:
    np.testing.assert_array_equal(_gradient("log", 1, "O3"), [0, 0, 0, 0, 1, 0.5, 0.25])
    np.testing.assert_array_equal(_gradient("log", 2, "O3"), [0, 0, 0, 0, -1, -0.25, -0.0625])


def test_a_nan_of_the_user_stays() -> None:
    """where(c, x, 0) * y, written by hand, is a product like any other."""
    g = Graph()
    with g:
        x, y = (g.placeholder(Type("f64", (2,))) for _ in "xy")
        g.outputs = [mul(select(gt(x, 0.0), x, ZERO), y)]
    (got,) = run_graph(optimize(g), [np.array([-1.0, 1.0]), np.array([np.inf, 2.0])])
    np.testing.assert_array_equal(got, [np.nan, 2.0])


def test_a_nan_of_the_branch_taken_stays() -> None:
    g = Graph()
    with g:
        x = g.placeholder(Type("f64", (3,)))
        (dx,) = gradients(g, [sum_(select(gt(x, -3.0), sqrt(x), ZERO), axes=(0,))], [x])
        assert dx is not None
        g.outputs = [dx]
    (got,) = run_graph(optimize(g), [np.array([-1.0, 0.0, 4.0])])
    np.testing.assert_array_equal(got, [np.nan, np.inf, 0.25])
