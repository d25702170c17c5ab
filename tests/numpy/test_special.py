"""scipy.special's functions and activations: against closed forms, at limits, and by their ufunc names."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from worlds import assert_same, symbolic, traced

import graphc.numpy as gnp
from graphc import check_grads
from graphc.errors import UnsupportedError
from graphc.ir.graph import Graph
from graphc.numpy.dispatch import apply_ufunc

X = np.linspace(-4, 4, 17)
P = np.linspace(0.05, 0.95, 7)
each = np.vectorize

FORMS = {
    "erf": (X, each(math.erf)),
    "erfc": (X, each(math.erfc)),
    "expit": (X, lambda x: 1 / (1 + np.exp(-x))),
    "rsqrt": (P, lambda x: 1 / np.sqrt(x)),
    "logit": (P, lambda p: np.log(p / (1 - p))),
    "log_expit": (X, lambda x: -np.log(1 + np.exp(-x))),
    "ndtr": (X, lambda x: 0.5 * each(math.erfc)(-x / math.sqrt(2))),
    "exp10": (X, lambda x: 10.0**x),
    "entr": (P, lambda p: -p * np.log(p)),
    "softplus": (X, lambda x: np.log(1 + np.exp(x))),
    "relu": (X, lambda x: np.maximum(x, 0)),
    "leaky_relu": (X, lambda x: np.where(x > 0, x, 0.01 * x)),
    "elu": (X, lambda x: np.where(x > 0, x, np.exp(x) - 1)),
    "silu": (X, lambda x: x / (1 + np.exp(-x))),
    "gelu": (X, lambda x: x * 0.5 * (1 + each(math.erf)(x / math.sqrt(2)))),
}


@pytest.mark.parametrize("name", FORMS)
def test_closed_forms(name: str) -> None:
    x, form = FORMS[name]
    f = getattr(gnp, name)
    for found in (f(x), traced(f, x)):
        np.testing.assert_allclose(found, form(x), rtol=1e-12, atol=1e-14)
    assert f(x.astype(np.float32)).dtype == np.float32
    if name != "relu":
        assert np.asarray(f(np.array([1]))).dtype == np.float64


PAIRS = {
    "xlogy": lambda x, y: x * np.log(y),
    "xlog1py": lambda x, y: x * np.log1p(y),
    "rel_entr": lambda x, y: x * np.log(x / y),
    "kl_div": lambda x, y: x * np.log(x / y) - x + y,
    "huber": lambda d, r: np.where(r <= d, r * r / 2, d * (r - d / 2)),
}


@pytest.mark.parametrize("name", PAIRS)
def test_closed_forms_of_two(name: str) -> None:
    x, y = P[:, None], P + 0.3
    np.testing.assert_allclose(traced(getattr(gnp, name), x, y), PAIRS[name](x, y), rtol=1e-12, atol=1e-15)


INF, NAN = math.inf, math.nan
LIMITS = [
    (gnp.xlogy, (0.0, 0.0), 0.0),
    (gnp.xlogy, (0.0, NAN), NAN),
    (gnp.xlogy, (2.0, 0.0), -INF),
    (gnp.xlog1py, (0.0, -1.0), 0.0),
    (gnp.entr, (0.0,), 0.0),
    (gnp.entr, (-1.0,), -INF),
    (gnp.rel_entr, (0.0, 1.0), 0.0),
    (gnp.rel_entr, (1.0, 0.0), INF),
    (gnp.rel_entr, (NAN, 1.0), NAN),
    (gnp.kl_div, (0.0, 2.0), 2.0),
    (gnp.huber, (-1.0, 2.0), INF),
    (gnp.log_expit, (-1e4,), -1e4),
    (gnp.softplus, (1e4,), 1e4),
    (gnp.softplus, (-1e4,), 0.0),
    (gnp.logit, (1.0,), INF),
    (gnp.logit, (0.0,), -INF),
    (gnp.expit, (-1e4,), 0.0),
    (gnp.erfc, (INF,), 0.0),
    (gnp.elu, (-INF,), -1.0),
]


@pytest.mark.parametrize("f, args, wanted", LIMITS)
def test_limits(f: Any, args: tuple[float, ...], wanted: float) -> None:
    assert_same(traced(f, *map(np.asarray, args)), np.asarray(wanted))


M = np.random.default_rng(0).normal(size=(3, 5))


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 1)])
def test_over_an_axis(axis: Any) -> None:
    total = np.exp(M).sum(axis=axis, keepdims=True)
    np.testing.assert_allclose(traced(lambda x: gnp.softmax(x, axis), M), np.exp(M) / total, rtol=1e-13)
    np.testing.assert_allclose(traced(lambda x: gnp.log_softmax(x, axis), M), M - np.log(total), rtol=1e-12)
    np.testing.assert_allclose(traced(lambda x: gnp.logsumexp(x, axis), M), np.log(total).sum(axis), rtol=1e-13)
    kept = traced(lambda x: gnp.logsumexp(x, axis, keepdims=True), M)
    np.testing.assert_allclose(kept, np.log(total), rtol=1e-13)


def test_large_numbers_do_not_overflow() -> None:
    large = np.array([1e4, -1e4, 1e4])
    assert_same(traced(gnp.softmax, large), np.array([0.5, 0.0, 0.5]))
    assert_same(traced(gnp.logsumexp, large), np.asarray(1e4 + math.log(2)))
    assert_same(traced(gnp.logsumexp, np.array([-INF, -INF])), np.asarray(-INF))
    assert_same(traced(lambda x: gnp.logsumexp(x, b=np.array([1.0, 0.0, 2.0])), np.zeros(3)), np.asarray(math.log(3)))


def test_one_hot() -> None:
    labels = np.array([[0, 2], [1, 5]])
    wanted = (labels[..., None] == np.arange(3)).astype(np.float32)
    assert_same(traced(lambda x: gnp.one_hot(x, 3, dtype="float32"), labels), wanted)
    assert_same(traced(lambda x: gnp.one_hot(x, 3, axis=0), labels), np.moveaxis(wanted, -1, 0).astype(float))


def test_gelu_by_tanh() -> None:
    cubic = np.tanh(math.sqrt(2 / math.pi) * (X + 0.044715 * X**3))
    np.testing.assert_allclose(gnp.gelu(X, approximate=True), 0.5 * X * (1 + cubic), rtol=1e-13)


SMOOTH = ["erf", "expit", "log_expit", "softplus", "silu", "gelu", "ndtr", "elu"]


@pytest.mark.parametrize("name", SMOOTH)
def test_gradients(name: str) -> None:
    check_grads(getattr(gnp, name), (np.linspace(-1.9, 2.3, 6),))


def test_gradients_over_an_axis() -> None:
    for f in (gnp.softmax, gnp.log_softmax, gnp.logsumexp):
        check_grads(lambda x, f=f: f(x, -1), (M,))


class Ufunc:
    """What the protocol knows of a ufunc of SciPy."""

    def __init__(self, name: str) -> None:
        self.__name__ = name


def test_ufuncs_of_scipy_are_known_by_name() -> None:
    x = symbolic(Graph(), X)
    for name in (
        "erf",
        "erfc",
        "expit",
        "log_expit",
        "entr",
        "ndtr",
        "exp10",
        "log1p",
        "expm1",
        "exp2",
        "cbrt",
        "logit",
    ):
        found = apply_ufunc(Ufunc(name), "__call__", (x,), {})
        assert found.value == getattr(gnp, name)(x).value
    assert apply_ufunc(Ufunc("xlogy"), "__call__", (x, 2.0), {}).shape == x.shape
    with pytest.raises(UnsupportedError, match="jv"):
        apply_ufunc(Ufunc("jv"), "__call__", (x, x), {})
