"""Placeholders, variables and gradients of a graph that is written down before it runs; the package's names."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import graphc as gx
from graphc.errors import DimensionError, DTypeError, GradientError, GraphMismatchError, OptionError, SignatureError
from graphc.ir.evaluate import evaluate


def test_placeholders_and_variables() -> None:
    with gx.Graph() as g:
        x = gx.placeholder("float32", (gx.Dim("batch"), 4), name="x")
        y = gx.placeholder(np.int64, ("batch",))
        w = gx.variable(np.ones((4, 2), "float32"), name="w")
        b = gx.variable([1, 2], dtype="float32")
    assert [str(t.type) for t in (x, y, w, b)] == ["f32[batch,4]", "i64[batch]", "f32[4,2]", "f32[2]"]
    assert g.inputs == [x.value, y.value] and g.variables == [w.value, b.value]
    assert (w.name, g.named("x")) == ("w", x.value)
    np.testing.assert_array_equal(g.initial["w"], np.ones((4, 2)))


@pytest.mark.parametrize(
    "error, arguments",
    [(DTypeError, ("complex64",)), (DimensionError, ("float32", (-1, 2))), (DimensionError, ("float32", (1.5,)))],
)
def test_placeholders_that_cannot_be(error: type[Exception], arguments: Any) -> None:
    with gx.Graph() as g, pytest.raises(error, match=r"test_define\.py"):
        gx.placeholder(*arguments)
    assert g.inputs == []


def test_outside_of_a_graph() -> None:
    for make in (lambda: gx.placeholder("float32"), lambda: gx.variable(1.0)):
        with pytest.raises(GraphMismatchError, match="no graph is being built"):
            make()


def test_gradients_in_the_nest_of_xs() -> None:
    with gx.Graph() as g:
        x, w = gx.placeholder("float64", (3,)), gx.variable(np.arange(3.0))
        y = (x * w).sum()
        by = gx.gradients(y, {"x": x, "rest": [w]})
        single = gx.gradients(y, x)
    feeds = {x.value: np.ones(3)}
    found = evaluate(g, [by["x"].value, by["rest"][0].value, single.value], feeds)
    for a, b in zip(found, (np.arange(3.0), np.ones(3), np.arange(3.0)), strict=True):
        np.testing.assert_array_equal(a, b)


def test_cotangents_and_several_ys() -> None:
    with gx.Graph() as g:
        x = gx.placeholder("float32", (2,))
        slope = gx.gradients([x * 2, x.sum()], x, [np.array([1.0, 10.0]), None])
    assert slope.dtype == np.float32
    (found,) = evaluate(g, [slope.value], {x.value: np.zeros(2, np.float32)})
    np.testing.assert_array_equal(found, [3.0, 21.0])


def test_cotangents_nest_as_ys_do() -> None:
    with gx.Graph() as g:
        x = gx.placeholder("float64", (2,))
        ys = {"a": [x * 2, (x * 3,)], "b": x.sum()}
        slopes = [
            gx.gradients(ys, x, {"a": [np.array([1.0, 10.0]), (np.ones(2),)], "b": 2.0}),
            gx.gradients([x * 2, (x.sum(), x[0])], x, [np.ones(2), None]),
            gx.gradients([x * 2], x, np.ones(2)),
        ]
        for ys, wrong in ((x, [1.0, 2.0]), ([x, x], [np.ones(2)]), ({"a": x}, {"b": np.ones(2)})):
            with pytest.raises(SignatureError, match="nests differ"):
                gx.gradients(ys, x, wrong)
    found = evaluate(g, [s.value for s in slopes], {x.value: np.zeros(2)})
    for got, want in zip(found, ([7.0, 25.0], [4.0, 3.0], [2.0, 2.0]), strict=True):
        np.testing.assert_array_equal(got, want)


def test_unconnected() -> None:
    with gx.Graph():
        x, z = gx.placeholder("float64", (2,)), gx.placeholder("float64", (3,))
        assert gx.gradients(x.sum(), [z])[0].shape == (3,)
        assert gx.gradients(x.sum(), [z], unconnected="none") == [None]
        with pytest.raises(GradientError, match="do not depend"):
            gx.gradients(x.sum(), [z], unconnected="error")
        with pytest.raises(OptionError):
            gx.gradients(x.sum(), [z], unconnected="nothing")


def test_gradients_that_cannot_be() -> None:
    with gx.Graph():
        x, n = gx.placeholder("float64", (2,)), gx.placeholder("int64", (2,))
        for ys, xs, cotangents in (
            (x, x, None),
            (n.sum(), x, None),
            (x.sum(), n, None),
            (np.ones(2), x, None),
            ([], x, None),
            (x.sum(), 3.0, None),
        ):
            with pytest.raises(GradientError, match=r"test_define\.py"):
                gx.gradients(ys, xs, cotangents)


def test_every_public_name_is_there() -> None:
    for name in gx.__all__:
        assert getattr(gx, name) is not None
    assert set(gx.__all__) <= set(dir(gx))
    with pytest.raises(AttributeError, match="nothing"):
        _ = gx.nothing


def test_importing_is_light() -> None:
    code = "import sys, graphc; graphc.Dim('n'); print([m for m in ('networkx', 'graphc.eager') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
